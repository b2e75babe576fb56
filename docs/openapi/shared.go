package openapi

import "github.com/getkin/kin-openapi/openapi3"

// parameters are those that many operations share.
func parameters() openapi3.ParametersMap {
	least, most := 1.0, 100.0
	longest := uint64(255)
	key := openapi3.NewStringSchema()
	key.MinLength, key.MaxLength = 1, &longest
	limit := openapi3.NewIntegerSchema().WithDefault(20)
	limit.Min, limit.Max = &least, &most
	return openapi3.ParametersMap{
		"IdempotencyKey": {Value: &openapi3.Parameter{
			Name: "Idempotency-Key", In: "header", Required: true, Schema: key.NewRef(), Example: "3f0c1a52-8d0e-4a53-b8a7-5f1c5a1f0b1e",
			Description: "A text of your own, 1 to 255 printable ASCII characters, a UUID for instance: new for each thing you want done, the same for each repetition of it. " +
				"Repeated with the same request it gets the first answer again and does nothing; with another request it is refused with 422.",
		}},
		"Prefer": {Value: &openapi3.Parameter{
			Name: "Prefer", In: "header", Schema: openapi3.NewStringSchema().NewRef(), Example: "wait=5",
			Description: "wait=N: a copy of a request that is still running waits up to N seconds for its outcome instead of being refused with 409 (RFC 7240).",
		}},
		"Limit": {Value: &openapi3.Parameter{Name: "limit", In: "query", Schema: limit.NewRef(), Description: "Size of the page."}},
		"Cursor": {Value: &openapi3.Parameter{
			Name: "cursor", In: "query", Schema: openapi3.NewStringSchema().NewRef(), Description: "next_cursor of the page before.",
		}},
	}
}

// headers are those that responses share.
func headers() openapi3.Headers {
	header := func(description, example string) *openapi3.HeaderRef {
		return &openapi3.HeaderRef{Value: &openapi3.Header{Parameter: openapi3.Parameter{
			Description: description, Schema: openapi3.NewStringSchema().NewRef(), Example: example,
		}}}
	}
	always := func(header *openapi3.HeaderRef) *openapi3.HeaderRef {
		header.Value.Required = true
		return header
	}
	return openapi3.Headers{
		"X-Request-Id":            always(header("Names this arrival; a copy has another one.", "req_KQ2X5LWZ6T7RYV4M3N8P1A9B0C")),
		"Idempotent-Replayed":     header("true on a replay, absent on the first answer.", "true"),
		"Idempotency-Key-Expires": always(header("When replays of this outcome end.", "Tue, 24 Nov 2026 12:00:00 GMT")),
		"Preference-Applied":      header("The wait that was honoured.", "wait=5"),
		"Location":                always(header("Where the resource is read; an absolute path.", "/v1/payments/"+examplePayment)),
		"WWW-Authenticate":        always(header("The scheme that is expected.", "Bearer")),
		"Retry-After":             header("Seconds to wait before asking again. A conflict with what is not in flight has none.", "1"),
		"RateLimit":               header("What is left of the quota, and when it is whole again.", `"api-key";r=99;t=1`),
		"RateLimit-Policy":        header("The quota and its window in seconds.", `"api-key";q=100;w=1`),
	}
}
