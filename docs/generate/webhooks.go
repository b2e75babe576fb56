package main

import "github.com/getkin/kin-openapi/openapi3"

// webhooks describes what is sent to merchants' webhook endpoints.
func webhooks() map[string]*openapi3.PathItem {
	header := func(name, description, pattern, example string) *openapi3.ParameterRef {
		schema := openapi3.NewStringSchema()
		schema.Pattern = pattern
		return &openapi3.ParameterRef{Value: &openapi3.Parameter{
			Name: name, In: "header", Required: true, Schema: schema.NewRef(), Description: description, Example: example,
		}}
	}
	answer := func(description string) *openapi3.ResponseRef {
		return &openapi3.ResponseRef{Value: &openapi3.Response{Description: &description}}
	}
	body := openapi3.NewRequestBody().WithRequired(true).WithJSONSchemaRef(openapi3.NewSchemaRef("#/components/schemas/Event", nil)).
		WithDescription("The event, as GET /v1/events/{id} shows it. Its bytes are signed: verify them before they are parsed.")
	operation := &openapi3.Operation{
		OperationID: "receiveEvent", Tags: []string{"Webhooks"}, Summary: "Receive an event",
		Description: "What your webhook endpoint gets, as Standard Webhooks has it. An event arrives at least once, and maybe not in order: drop one whose webhook-id you have seen, and order the changes of a resource by resource_version. Answer within 15 seconds. Anything but 2xx and 410 is tried again: after 5 s, 5 min, 30 min, 2 h, 5 h and 10 h.",
		Security:    openapi3.NewSecurityRequirements(),
		Parameters: openapi3.Parameters{
			header("webhook-id", "The event's id, the same at each attempt.", "^evt_[0-7][0-9a-hjkmnp-tv-z]{25}$", "evt_01jd8x7w4n9q2m5k3r6t8v0y1z"),
			header("webhook-timestamp", "When this attempt was made, in seconds since 1970.", "^[0-9]+$", "1795435200"),
			header("webhook-signature", "v1, and the base64 of HMAC-SHA256(secret, id.timestamp.body); two of them, separated by a space, while a secret is replaced.",
				"^v1,", "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="),
		},
		RequestBody: &openapi3.RequestBodyRef{Value: body},
		Responses: openapi3.NewResponses(
			openapi3.WithStatus(204, answer("Received; any other 2xx means the same.")), openapi3.WithStatus(410, answer("Send no more: the endpoint is disabled.")),
		),
	}
	return map[string]*openapi3.PathItem{"event": {Post: operation}}
}
