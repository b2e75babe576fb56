package main

import "github.com/getkin/kin-openapi/openapi3"

// parameters are those that many operations share.
func parameters() openapi3.ParametersMap {
	limit := openapi3.NewIntegerSchema().WithDefault(20)
	limit.Min, limit.Max = new(1.0), new(100.0)
	return openapi3.ParametersMap{
		"Prefer": {Value: &openapi3.Parameter{
			Name: "Prefer", In: "header", Schema: openapi3.NewStringSchema().NewRef(), Example: "wait=5",
			Description: "wait=N: a copy of a request that is still running waits up to N seconds for its outcome instead of being refused with 409 (RFC 7240).",
		}},
		"Limit": {Value: &openapi3.Parameter{Name: "limit", In: "query", Schema: limit.NewRef(), Description: "Size of the page."}},
		"Cursor": {Value: &openapi3.Parameter{
			Name: "cursor", In: "query", Schema: openapi3.NewStringSchema().NewRef(), Description: "next_cursor of the page before.",
		}},
		"CreatedFrom": {Value: &openapi3.Parameter{
			Name: "created[gte]", In: "query", Schema: openapi3.NewDateTimeSchema().NewRef(), Example: "2026-11-23T00:00:00Z",
			Description: "Only what was made at this time or later (RFC 3339; a plus sign is written %2B).",
		}},
		"CreatedUntil": {Value: &openapi3.Parameter{
			Name: "created[lt]", In: "query", Schema: openapi3.NewDateTimeSchema().NewRef(), Example: "2026-11-24T00:00:00Z",
			Description: "Only what was made before this time.",
		}},
	}
}

// headers are those that responses share.
func headers() openapi3.Headers {
	header := func(description string, example any, schema *openapi3.Schema) *openapi3.HeaderRef {
		return &openapi3.HeaderRef{Value: &openapi3.Header{Parameter: openapi3.Parameter{
			Description: description, Schema: schema.NewRef(), Example: example,
		}}}
	}
	always := func(header *openapi3.HeaderRef) *openapi3.HeaderRef {
		header.Value.Required = true
		return header
	}
	text := func(pattern string) *openapi3.Schema {
		schema := openapi3.NewStringSchema()
		schema.Pattern = pattern
		return schema
	}
	seconds := openapi3.NewIntegerSchema()
	seconds.Min, seconds.Max = new(1.0), new(60.0)
	path := openapi3.NewStringSchema()
	path.Format = "uri-reference"
	return openapi3.Headers{
		"X-Request-Id":            always(header("Names this arrival; a copy has another one.", "req_KQ2X5LWZ6T7RYV4M3N8P1A9B0C", text(""))),
		"Idempotent-Replayed":     header("true on a replay, absent on the first answer.", true, openapi3.NewBoolSchema()),
		"Idempotency-Key-Expires": always(header("When replays of this outcome end (an HTTP date).", "Tue, 24 Nov 2026 12:00:00 GMT", text(" GMT$"))),
		"Preference-Applied":      header("The wait that was honoured.", "wait=5", text("^wait=[0-9]+$")),
		"Location":                always(header("Where the resource is read; an absolute path without host.", "/v1/payments/"+examplePayment, path)),
		"WWW-Authenticate":        always(header("The scheme that is expected.", "Bearer", text(""))),
		"Retry-After":             header("Seconds to wait before asking again. A conflict with what is not in flight has none.", 1, seconds),
		"RateLimit":               header("How many requests may come at once now (r, never more than the quota), and in how many seconds that is back at its most (t).", `"api-key";r=199;t=1`, text("")),
		"RateLimit-Policy":        header("The quota (q) of a window in seconds (w): the rate over the shortest window that holds the allowed burst.", `"api-key";q=200;w=2`, text("")),
	}
}
