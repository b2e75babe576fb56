package openapi

import (
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
)

// complete adds what swag's annotations can't say, and what holds for every operation alike.
func complete(t *openapi3.T) {
	t.Servers = openapi3.Servers{{URL: "/"}}
	t.Tags = tags()
	//nolint:gosec // a description of a credential, not one
	t.Components.SecuritySchemes = openapi3.SecuritySchemes{"ApiKey": {Value: &openapi3.SecurityScheme{
		Type: "http", Scheme: "bearer", BearerFormat: "sk_test_…", Description: "The API key that the service printed when it started.",
	}}}
	t.Components.Headers = headers()
	t.Components.Parameters = parameters()
	t.Components.Responses = openapi3.ResponseBodies{}
	for name, codes := range shared() {
		t.Components.Responses[name] = &openapi3.ResponseRef{Value: refusal(codes)}
	}
	for name, schema := range t.Components.Schemas {
		completeSchema(t, name, schema.Value)
	}
	for path, item := range t.Paths.Map() {
		for method, operation := range item.Operations() {
			completeOperation(path, method, operation)
		}
	}
}

// tags are in the order in which somebody who is new here wants to read.
func tags() openapi3.Tags {
	return openapi3.Tags{
		{Name: "Orders", Description: "What is to be paid"},
		{Name: "Payments", Description: "Paying it, exactly once"},
		{Name: "Idempotency keys", Description: "What became of a request whose answer was lost"},
		{Name: "Events", Description: "What was committed, in order"},
		{Name: "Balance", Description: "The ledger, summed"},
		{Name: "Operations", Description: "For load balancers; no API key is needed"},
	}
}

// completeSchema closes the documents that the API writes: all their members are there, and no others.
func completeSchema(t *openapi3.T, name string, schema *openapi3.Schema) {
	delete(schema.Extensions, "x-enum-varnames") // Go's names are nobody's business
	if !schema.Type.Is("object") {
		return
	}
	closed := false
	schema.AdditionalProperties = openapi3.AdditionalProperties{Has: &closed}
	schema.Example = documents()[name]
	switch {
	case name == "Problem":
		schema.Required = []string{"type", "title", "status", "detail", "instance", "code", "retryable", "safe_new_key"}
	case !strings.HasPrefix(name, "Create"):
		schema.Required = slices.Sorted(maps.Keys(schema.Properties))
	}
	for member, property := range schema.Properties {
		completeProperty(t, property)
		if property.Value != nil {
			property.Value.Pattern = patterns()[name+"."+member]
		}
	}
}

// patterns are of the members whose form is fixed. An id in a request has none: a malformed one names nothing, and is
// answered like one that doesn't exist.
func patterns() map[string]string {
	const (
		id       = "_[0-7][0-9a-hjkmnp-tv-z]{25}$"
		currency = "^[A-Z]{3}$"
	)
	return map[string]string{
		"Order.id": "^ord" + id, "Payment.id": "^pay" + id, "Payment.order_id": "^ord" + id, "Event.id": "^evt" + id,
		"Order.currency": currency, "Payment.currency": currency, "Balance.currency": currency, "CreateOrder.currency": currency,
		"CreatePayment.payment_method": "^pm_[A-Za-z0-9_]{1,64}$",
	}
}

// completeProperty makes a nullable reference one to a nullable schema: in OpenAPI 3.0 null has to fit all of allOf.
func completeProperty(t *openapi3.T, property *openapi3.SchemaRef) {
	if property.Value != nil && property.Value.Nullable && len(property.Value.AllOf) == 1 {
		name := strings.TrimPrefix(property.Value.AllOf[0].Ref, "#/components/schemas/")
		t.Components.Schemas[name].Value.Nullable = true
		property.Ref, property.Value = property.Value.AllOf[0].Ref, nil
	}
}

func completeOperation(path, method string, operation *openapi3.Operation) {
	for _, p := range operation.Parameters {
		p.Value.Example = p.Value.Extensions[exampleExtension]
		delete(p.Value.Extensions, exampleExtension)
	}
	if !strings.HasPrefix(path, "/v1/") {
		for _, response := range operation.Responses.Map() {
			response.Value.Headers = headerRefs([]string{"X-Request-Id"})
		}
		return
	}
	if body := operation.RequestBody; body != nil {
		delete(body.Value.Extensions, "x-originalParamName")
		body.Value.Content.Get("application/json").Example = bodies()[operation.OperationID]
	}
	operation.Security = &openapi3.SecurityRequirements{{"ApiKey": []string{}}}
	if method == http.MethodPost {
		operation.Parameters = append(operation.Parameters, parameter("IdempotencyKey"), parameter("Prefer"))
	}
	if strings.HasPrefix(operation.OperationID, "list") {
		operation.Parameters = append(operation.Parameters, parameter("Limit"), parameter("Cursor"))
	}
	operation.Responses.Delete("default")
	addRefusals(method, operation.Responses)
	for _, status := range []string{"200", "201", "202", "402"} {
		if response := operation.Responses.Value(status); response != nil {
			completeOutcome(status, method, response.Value)
		}
	}
	completeExamples(operation)
}

// completeOutcome adds the headers of what is an answer and not a refusal.
func completeOutcome(status, method string, response *openapi3.Response) {
	names := []string{"X-Request-Id", "RateLimit", "RateLimit-Policy"}
	if method == http.MethodPost {
		names = append(names, "Idempotent-Replayed", "Idempotency-Key-Expires", "Preference-Applied")
	}
	if status == "201" || status == "202" {
		names = append(names, "Location")
	}
	response.Headers = headerRefs(names)
}

// completeExamples shows the states in which a new payment is first seen.
func completeExamples(operation *openapi3.Operation) {
	if operation.OperationID != "createPayment" {
		return
	}
	for status, states := range map[string][]string{"201": {"succeeded", "requires_capture", "requires_action"}, "202": {"processing"}} {
		examples := openapi3.Examples{}
		for _, state := range states {
			examples[state] = &openapi3.ExampleRef{Value: &openapi3.Example{Value: payment(state)}}
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
