// Package apicheck holds responses to the API's description: whatever a test receives, the document must have promised.
package apicheck

import (
	"encoding/json"
	"fmt"
	"mime"
	"net/http"
	"strings"
	"sync"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/payonce/payonce/docs"
	"github.com/payonce/payonce/docs/openapi"
)

// Undocumented are the routes for people and their tools, which are not part of the API's description.
func Undocumented() []string {
	return []string{"/", "/openapi.json", "/swagger", "/swagger/*any", "/problems", "/problems/:code"}
}

// load reads the embedded document once a process: it takes milliseconds, and tests send thousands of requests.
var load = sync.OnceValues(func() (*openapi3.T, error) { return openapi.LoadStrict(docs.OpenAPI()) })

// Response says what of a response the document does not promise; nil if nothing. A route or method that is not
// documented promises nothing: its refusals are checked by the tests themselves.
func Response(method, path string, status int, header http.Header, body []byte) error {
	document, err := load()
	if err != nil {
		return err
	}
	operation := find(document, method, path)
	if operation == nil {
		return nil
	}
	response := operation.Responses.Status(status)
	if response == nil {
		return fmt.Errorf("%s %s: status %d is not documented", method, path, status)
	}
	for name, documented := range response.Value.Headers {
		value := header.Get(name)
		if (documented.Value.Required || name == "Retry-After" && status != http.StatusConflict) && value == "" {
			return fmt.Errorf("%s %s %d: the header %s is documented and missing", method, path, status, name)
		}
		if err := headerValue(documented.Value.Schema.Value, value); value != "" && err != nil {
			return fmt.Errorf("%s %s %d: the header %s is %q: %w", method, path, status, name, value, err)
		}
	}
	return content(response.Value.Content, header.Get("Content-Type"), body)
}

// headerValue checks the text of a header by its schema: a boolean or a number is written as in JSON.
func headerValue(schema *openapi3.Schema, text string) error {
	var value any = text
	if !schema.Type.Is(openapi3.TypeString) {
		if err := json.Unmarshal([]byte(text), &value); err != nil {
			return err
		}
	}
	return schema.VisitJSON(value)
}

func content(documented openapi3.Content, contentType string, body []byte) error {
	mediaType, _, err := mime.ParseMediaType(contentType)
	if err != nil {
		return fmt.Errorf("content type %q: %w", contentType, err)
	}
	media := documented.Get(mediaType)
	if media == nil {
		return fmt.Errorf("content type %s is not documented", mediaType)
	}
	var value any
	if err := json.Unmarshal(body, &value); err != nil {
		return fmt.Errorf("%q: %w", body, err)
	}
	if err := media.Schema.Value.VisitJSON(value, openapi3.MultiErrors()); err != nil {
		return fmt.Errorf("%s: %w", body, err)
	}
	return nil
}

// find matches a concrete path; each parameter is one segment.
func find(document *openapi3.T, method, path string) *openapi3.Operation {
	path, _, _ = strings.Cut(path, "?")
	for template, item := range document.Paths.Map() {
		if matches(strings.Split(template, "/"), strings.Split(path, "/")) {
			return item.GetOperation(method)
		}
	}
	return nil
}

func matches(template, path []string) bool {
	if len(template) != len(path) {
		return false
	}
	for i, segment := range template {
		if segment != path[i] && !strings.HasPrefix(segment, "{") {
			return false
		}
	}
	return true
}
