package main

import (
	"crypto/sha256"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/google/uuid"
)

// complete adds what swag's annotations can't say, and what holds for every operation alike.
func complete(t *openapi3.T) {
	t.OpenAPI = "3.1.0"
	t.Servers = openapi3.Servers{{URL: "http://127.0.0.1:8080", Description: "What `go run .` starts. Elsewhere: the address of your service."}}
	t.Tags = tags()
	t.Security = openapi3.SecurityRequirements{{"ApiKey": []string{}}}
	//nolint:gosec // a description of a credential, not one
	t.Components.SecuritySchemes = openapi3.SecuritySchemes{"ApiKey": {Value: &openapi3.SecurityScheme{
		Type: "http", Scheme: "bearer", BearerFormat: "sk_test_…",
		Description: "The API key that the service printed when it started, or one that payonce merchant key create made. It needs the scopes that each operation lists as x-required-scopes; a key with the scope admin, or made without a list, has all of them.",
	}}}
	t.Components.Headers = headers()
	t.Components.Parameters = parameters()
	t.Components.Responses = openapi3.ResponseBodies{}
	for name, schema := range t.Components.Schemas {
		completeSchema(name, schema.Value)
	}
	t.Components.Schemas["IdempotencyKey"] = keySchema().NewRef()
	typeEvents(t)
	for path, item := range t.Paths.Map() {
		for method, operation := range item.Operations() {
			refusals := completeOperation(path, method, operation)
			maps.Copy(t.Components.Responses, refusals)
		}
	}
	t.Webhooks = webhooks()
	modernize(t)
}

// tags are in the order in which a newcomer wants to read.
func tags() openapi3.Tags {
	return openapi3.Tags{
		{Name: "Orders", Description: "What is to be paid"},
		{Name: "Payments", Description: "Paying it, exactly once"},
		{Name: "Refunds", Description: "Giving back what was captured"},
		{Name: "Idempotency keys", Description: "What became of a request whose answer was lost"},
		{Name: "Events", Description: "What was committed, in order"},
		{Name: "Webhooks", Description: "Events, sent to you"},
		{Name: "Ledger", Description: "Every movement of money, and what it adds up to"},
		{Name: "Discrepancies", Description: "What the provider's book and ours disagree on"},
		{Name: "Operations", Description: "For load balancers and the payment provider; no API key is needed"},
	}
}

// completeOperation completes an operation and returns the refusals that it refers to.
func completeOperation(path, method string, operation *openapi3.Operation) openapi3.ResponseBodies {
	for _, p := range operation.Parameters {
		p.Value.Example = p.Value.Extensions[exampleExtension]
		delete(p.Value.Extensions, exampleExtension)
		completeParameter(p.Value)
	}
	if body := operation.RequestBody; body != nil {
		delete(body.Value.Extensions, "x-originalParamName")
	}
	operation.Responses.Delete("default")
	if !strings.HasPrefix(path, "/v1/") {
		operation.Security = openapi3.NewSecurityRequirements() // empty: no API key
		for _, response := range operation.Responses.Map() {
			response.Value.Headers = headerRefs([]string{"X-Request-Id"})
		}
		return addRefusals(operation.Responses, openHeaders)
	}
	addScopes(path, method, operation)
	if body := operation.RequestBody; body != nil {
		body.Value.Content.Get("application/json").Examples = requests()[operation.OperationID]
	}
	if changes(method) {
		operation.Parameters = append(operation.Parameters, keyParameter(operation.OperationID), parameter("Prefer"))
	}
	if strings.HasPrefix(operation.OperationID, "list") {
		operation.Parameters = append(operation.Parameters, parameter("CreatedFrom"), parameter("CreatedUntil"), parameter("Limit"), parameter("Cursor"))
	}
	refusals := addRefusals(operation.Responses, refusalHeaders, sharedBy(method)...)
	for _, status := range []string{"200", "201", "202"} {
		if response := operation.Responses.Value(status); response != nil {
			completeOutcome(status, method, response.Value)
		}
	}
	completeExamples(operation)
	return refusals
}

// changes reports whether requests of a method have an Idempotency-Key.
func changes(method string) bool { return method != http.MethodGet }

// completeParameter gives the filters of lists their values.
func completeParameter(p *openapi3.Parameter) {
	if p.In != openapi3.ParameterInQuery {
		return
	}
	if items := p.Schema.Value.Items; items != nil {
		p.Schema.Value.MaxItems = new(uint64(20)) // handlers.maxChoices
	}
}

// completeOutcome adds the headers of what is an answer and not a refusal.
func completeOutcome(status, method string, response *openapi3.Response) {
	names := []string{"X-Request-Id", "RateLimit", "RateLimit-Policy"}
	if changes(method) {
		names = append(names, outcomeHeaders()...)
	}
	if status == "201" || status == "202" {
		names = append(names, "Location")
	}
	response.Headers = headerRefs(names)
}

// outcomeHeaders are those of an answer that is stored under its key.
func outcomeHeaders() []string {
	return []string{"Idempotent-Replayed", "Idempotency-Key-Expires", "Preference-Applied"}
}

// completeExamples shows the states in which a new payment is first seen, under the names of the requests that lead to them.
func completeExamples(operation *openapi3.Operation) {
	if operation.OperationID != "createPayment" {
		return
	}
	for status, states := range map[string]map[string]string{
		"201": {"charged": "succeeded", "manual_capture": "requires_capture", "three_d_secure": "requires_action"},
		"202": {"timeout": "processing"},
	} {
		examples := openapi3.Examples{}
		for name, state := range states {
			examples[name] = &openapi3.ExampleRef{Value: &openapi3.Example{Summary: state, Value: payment(state)}}
		}
		operation.Responses.Value(status).Value.Content.Get("application/json").Examples = examples
	}
}

func headerRefs(names []string) openapi3.Headers {
	refs := openapi3.Headers{}
	for _, name := range names {
		refs[name] = &openapi3.HeaderRef{Ref: "#/components/headers/" + name}
	}
	return refs
}

func parameter(name string) *openapi3.ParameterRef {
	return &openapi3.ParameterRef{Ref: "#/components/parameters/" + name}
}

// keyParameter is the Idempotency-Key of an operation, with an example of its own: tools that send the examples as they are
// would get 422 if two operations shared one.
func keyParameter(operation string) *openapi3.ParameterRef {
	sum := sha256.Sum256([]byte(operation))
	key, _ := uuid.NewRandomFromReader(strings.NewReader(string(sum[:]))) // 32 bytes are enough
	return &openapi3.ParameterRef{Value: &openapi3.Parameter{
		Name: "Idempotency-Key", In: "header", Required: true, Example: key.String(),
		Schema: openapi3.NewSchemaRef("#/components/schemas/IdempotencyKey", nil),
		Description: "A text of your own: new for each thing you want done, the same for each repetition of it. " +
			"Repeated with the same request it gets the first answer again and does nothing; with another request it is refused with 422.",
	}}
}

func keySchema() *openapi3.Schema {
	schema := openapi3.NewStringSchema()
	schema.MinLength, schema.MaxLength, schema.Pattern = 1, new(uint64(255)), "^[ -~]+$"
	schema.Description = "1 to 255 printable ASCII characters; a UUID, for instance."
	return schema
}

// names are the members of an object in the order of the alphabet.
func names(schema *openapi3.Schema) []string { return slices.Sorted(maps.Keys(schema.Properties)) }
