package openapi

import (
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/payonce/payonce/problem"
)

const problemType = "application/problem+json"

// shared are the refusals that operations have in common, by the name of their component.
func shared() map[string][]problem.Code {
	return map[string][]problem.Code{
		"MalformedRequest":     {problem.CodeMalformedRequest},
		"KeyOrRequestInvalid":  {problem.CodeIdempotencyKeyMissing, problem.CodeIdempotencyKeyInvalid, problem.CodeMalformedRequest},
		"Unauthorized":         {problem.CodeUnauthorized},
		"KeyExpired":           {problem.CodeIdempotencyKeyExpired},
		"BodyTooLarge":         {problem.CodeBodyTooLarge},
		"UnsupportedMediaType": {problem.CodeUnsupportedMediaType},
		"RateLimited":          {problem.CodeRateLimited},
		"Internal":             {problem.CodeInternal},
		"Unavailable":          {problem.CodeUnavailable},
	}
}

// sharedBy names the shared refusals of an operation under /v1.
func sharedBy(method string) []string {
	names := []string{"Unauthorized", "BodyTooLarge", "RateLimited", "Internal", "Unavailable"}
	if method == http.MethodGet {
		return append(names, "MalformedRequest")
	}
	return append(names, "KeyOrRequestInvalid", "KeyExpired", "UnsupportedMediaType")
}

// refusal describes a response by the problems that it can hold: what each means, and a whole example of it, made by the
// code that makes the real ones.
func refusal(codes []problem.Code) *openapi3.Response {
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
		Description: &description, Content: openapi3.Content{problemType: media}, Headers: headerRefs(refusalHeaders(statusOf(codes))),
	}
}

// advice is what retryable and safe_new_key mean for whoever got the problem.
func advice(p *problem.Problem) string {
	switch {
	case p.Code == problem.CodePaymentDeclined:
		return "nothing was charged; an outcome, stored and replayed"
	case p.Retryable:
		return "send it again with the same key"
	case p.SafeNewKey:
		return "nothing happened"
	}
	return "not executed again; a new key could double the effect"
}

func statusOf(codes []problem.Code) int { return problem.New(codes[0], "").Status }

func refusalHeaders(status int) []string {
	switch status {
	case http.StatusUnauthorized:
		return []string{"X-Request-Id", "WWW-Authenticate"}
	case http.StatusRequestEntityTooLarge: // refused before anybody asks for the API key
		return []string{"X-Request-Id"}
	case http.StatusConflict, http.StatusTooManyRequests, http.StatusServiceUnavailable:
		return []string{"X-Request-Id", "RateLimit", "RateLimit-Policy", "Retry-After"}
	}
	return []string{"X-Request-Id", "RateLimit", "RateLimit-Policy"}
}

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

// addRefusals turns the refusals that the annotations name into whole ones, and adds those that all operations share.
func addRefusals(method string, responses *openapi3.Responses) {
	for status, response := range responses.Map() {
		if codes := codesIn(*response.Value.Description); codes != nil {
			responses.Set(status, &openapi3.ResponseRef{Value: refusal(codes)})
		}
	}
	for _, name := range sharedBy(method) {
		if status := strconv.Itoa(statusOf(shared()[name])); responses.Value(status) == nil {
			responses.Set(status, &openapi3.ResponseRef{Ref: "#/components/responses/" + name})
		}
	}
}
