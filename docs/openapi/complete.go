package openapi

import (
	"maps"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
)

const problemType = "application/problem+json"

// complete adds what swag's annotations can't say, and what holds for every operation alike.
func complete(t *openapi3.T) {
	t.Servers = openapi3.Servers{{URL: "/"}}
	//nolint:gosec // a description of a credential, not one
	t.Components.SecuritySchemes = openapi3.SecuritySchemes{"ApiKey": {Value: &openapi3.SecurityScheme{
		Type: "http", Scheme: "bearer", BearerFormat: "sk_test_…", Description: "The API key that the service printed when it started.",
	}}}
	t.Components.Headers = headers()
	t.Components.Parameters = parameters()
	for name, schema := range t.Components.Schemas {
		completeSchema(t, name, schema.Value)
	}
	for path, item := range t.Paths.Map() {
		for method, operation := range item.Operations() {
			completeOperation(path, method, operation)
		}
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
	switch {
	case name == "Problem":
		schema.Required = []string{"type", "title", "status", "detail", "instance", "code", "retryable", "safe_new_key"}
	case !strings.HasPrefix(name, "Create"):
		schema.Required = slices.Sorted(maps.Keys(schema.Properties))
	}
	for _, property := range schema.Properties {
		completeProperty(t, property)
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
	if !strings.HasPrefix(path, "/v1/") {
		return
	}
	if operation.RequestBody != nil {
		operation.RequestBody.Value.Content.Get("application/json").Example = bodies()[operation.OperationID]
	}
	operation.Security = &openapi3.SecurityRequirements{{"ApiKey": []string{}}}
	refusals := []string{"400", "401", "404", "429", "500", "503"}
	if method == "POST" {
		operation.Parameters = append(operation.Parameters, parameter("IdempotencyKey"), parameter("Prefer"))
		refusals = append(refusals, "409", "410", "413", "415", "422")
	}
	if strings.HasPrefix(operation.OperationID, "list") {
		operation.Parameters = append(operation.Parameters, parameter("Limit"), parameter("Cursor"))
	}
	for status, response := range operation.Responses.Map() {
		completeOutcome(status, method, response.Value)
	}
	for _, status := range refusals {
		operation.Responses.Set(status, refusal(status))
	}
	operation.Responses.Delete("default")
}

// bodies are examples that succeed as they are, as often as they are sent; a payment's needs the id of an order.
func bodies() map[string]any {
	return map[string]any{
		"createOrder":   map[string]any{"currency": "EUR", "amount": 1999, "metadata": map[string]any{"basket": "4711"}},
		"createPayment": map[string]any{"order_id": "ord_01jd8x7w4n9q2m5k3r6t8v0y1z", "payment_method": "pm_card_visa", "capture_method": "automatic"},
	}
}

// completeOutcome adds the headers of a stored outcome.
func completeOutcome(status, method string, response *openapi3.Response) {
	names := []string{"X-Request-Id", "RateLimit", "RateLimit-Policy"}
	if method == "POST" {
		names = append(names, "Idempotent-Replayed", "Idempotency-Key-Expires", "Preference-Applied")
	}
	if status == "201" || status == "202" {
		names = append(names, "Location")
	}
	response.Headers = headerRefs(names)
	if status == "402" {
		response.Content = problemContent()
	}
	text := outcomes()[status]
	response.Description = &text
}

func outcomes() map[string]string {
	return map[string]string{
		"200": "Done, or as it is now", "201": "Made, or found made by an earlier copy of this request",
		"202": "Accepted: the provider gave no clear answer in time, the payment is processing", "402": "Declined: an outcome, stored and replayed",
	}
}

func refusal(status string) *openapi3.ResponseRef {
	text := map[string]string{
		"400": "The request is malformed, or its key is missing or invalid", "401": "No valid API key", "404": "Nothing there that this API key may see",
		"409": "The first request with this key is still running, or something stands in the way: see code", "410": "The key was used and its response is gone; not executed",
		"413": "The body is too large", "415": "The body is not application/json in UTF-8", "422": "Wrong values, or the key belongs to another request",
		"429": "Too many requests", "500": "An error of the service; the same key may be sent again", "503": "A store or the provider is away; the same key may be sent again",
	}[status]
	names := []string{"X-Request-Id"}
	if status == "409" || status == "429" || status == "503" {
		names = append(names, "Retry-After")
	}
	return &openapi3.ResponseRef{Value: &openapi3.Response{Description: &text, Content: problemContent(), Headers: headerRefs(names)}}
}

func problemContent() openapi3.Content {
	return openapi3.Content{problemType: {Schema: openapi3.NewSchemaRef("#/components/schemas/Problem", nil)}}
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
