package main

import (
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/payonce/payonce/internal/problem"
)

const problemType = "application/problem+json"

// sharedBy are the refusals of an operation under /v1, by status: those of its own come on top.
func sharedBy(method string) [][]problem.Code {
	shared := [][]problem.Code{
		{problem.CodeUnauthorized},
		{problem.CodeForbidden},
		{problem.CodeBodyTooLarge},
		{problem.CodeRateLimited},
		{problem.CodeInternal},
		{problem.CodeUnavailable},
	}
	if !changes(method) {
		return append(shared, []problem.Code{problem.CodeMalformedRequest})
	}
	return append(shared,
		[]problem.Code{problem.CodeIdempotencyKeyMissing, problem.CodeIdempotencyKeyInvalid, problem.CodeMalformedRequest},
		[]problem.Code{problem.CodeIdempotencyKeyExpired, problem.CodeIdempotencyKeyCanceled}, []problem.Code{problem.CodeUnsupportedMediaType})
}

// componentOf names the component of a refusal after its codes.
func componentOf(codes []problem.Code) string {
	var parts []string
	for _, code := range codes {
		var name string
		for word := range strings.SplitSeq(strings.TrimPrefix(string(code), "idempotency-"), "-") {
			name += strings.ToUpper(word[:1]) + word[1:]
		}
		parts = append(parts, name)
	}
	return strings.Join(parts, "Or")
}

// refusal describes a response by the problems that it can hold: what each means, and a whole example of it, made by the
// code that makes the real ones.
func refusal(codes []problem.Code, names []string) *openapi3.Response {
	var text strings.Builder
	examples := openapi3.Examples{}
	for _, code := range codes {
		p := example(code)
		text.WriteString("* [" + string(code) + "](" + code.Path() + "): " + p.Title + " (" + advice(p) + ")\n")
		examples[string(code)] = &openapi3.ExampleRef{Value: &openapi3.Example{Summary: p.Title, Value: json.RawMessage(p.Body())}}
	}
	description := strings.TrimSuffix(text.String(), "\n")
	media := &openapi3.MediaType{Schema: openapi3.NewSchemaRef("#/components/schemas/Problem", nil), Examples: examples}
	return &openapi3.Response{
		Description: &description, Content: openapi3.Content{problemType: media}, Headers: headerRefs(names),
	}
}

// advice is what retryable and safe_new_key mean for the client that got the problem.
func advice(p *problem.Problem) string {
	switch {
	case p.Code == problem.CodePaymentDeclined:
		return "nothing was charged; an outcome, stored and replayed"
	case p.Code == problem.CodeIdempotencyKeyCanceled:
		return "nothing happened, and nothing will under this key; a new one is safe"
	case p.Retryable:
		return "send it again with the same key"
	case p.Code.SafeWhenUnused():
		return "nothing happened; safe_new_key says whether the key was looked up and is unused"
	}
	return "not executed; a new key could double the effect"
}

func statusOf(codes []problem.Code) int { return problem.New(codes[0], "").Status }

// refusalHeaders are those of a refusal under /v1.
func refusalHeaders(codes []problem.Code) []string {
	switch statusOf(codes) {
	case http.StatusUnauthorized:
		return []string{"X-Request-Id", "WWW-Authenticate"}
	case http.StatusPaymentRequired:
		return append(outcomeHeaders(), "X-Request-Id", "RateLimit", "RateLimit-Policy")
	case http.StatusRequestEntityTooLarge: // refused before the API key is checked
		return []string{"X-Request-Id"}
	case http.StatusConflict, http.StatusTooManyRequests, http.StatusServiceUnavailable:
		return []string{"X-Request-Id", "RateLimit", "RateLimit-Policy", "Retry-After"}
	}
	return []string{"X-Request-Id", "RateLimit", "RateLimit-Policy"}
}

// openHeaders are those of a refusal of a route without API key.
func openHeaders([]problem.Code) []string { return []string{"X-Request-Id"} }

// codesIn reads the list of codes that an annotation gives as a refusal's description; nil when it is none.
func codesIn(description string) []problem.Code {
	var codes []problem.Code
	for name := range strings.SplitSeq(description, ",") {
		code := problem.Code(strings.TrimSpace(name))
		if !slices.Contains(problem.Codes(), code) {
			return nil
		}
		codes = append(codes, code)
	}
	return codes
}

// addRefusals turns the refusals that the annotations name, and those that are shared, into references, and returns what they refer to.
func addRefusals(responses *openapi3.Responses, headersOf func([]problem.Code) []string, shared ...[]problem.Code) openapi3.ResponseBodies {
	components := openapi3.ResponseBodies{}
	set := func(status string, codes []problem.Code) {
		name, headers := componentOf(codes), headersOf(codes)
		if len(headers) == 1 && statusOf(codes) != http.StatusRequestEntityTooLarge { // openHeaders
			name += "OnOpenRoute"
		}
		components[name] = &openapi3.ResponseRef{Value: refusal(codes, headers)}
		responses.Set(status, &openapi3.ResponseRef{Ref: "#/components/responses/" + name})
	}
	for status, response := range responses.Map() {
		if codes := codesIn(*response.Value.Description); codes != nil {
			set(status, codes)
		}
	}
	for _, codes := range shared {
		if status := strconv.Itoa(statusOf(codes)); responses.Value(status) == nil {
			set(status, codes)
		}
	}
	return components
}
