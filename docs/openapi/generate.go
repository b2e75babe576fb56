// Package openapi makes the API's description: the annotations of the handlers, read by swag, become an OpenAPI 3.0
// document, and what holds for every operation alike is added here once instead of at each of them.
//
//	@title			payonce
//	@version		1
//	@description	Payments whose every request is safe to send again. Each request that changes something carries an Idempotency-Key; sent again under it, it is not done again, and the first answer comes back, byte for byte.
//	@description
//	@description	Press Authorize and enter the API key that the service printed when it started; then create an order, pay it, and execute the payment once more: the second answer is the first one, with `Idempotent-Replayed: true`. Swagger UI offers a new key at each load of its page.
//	@description
//	@description	What to do after no answer at all: send the same request with the same key, as often as it takes. Refusals are `application/problem+json`; `retryable` says that the same request with the same key may succeed later, `safe_new_key` that a new key can't double the effect. [All problems](/problems) · [This description](/openapi.json)
//	@description
//	@description	Amounts are integers in the currency's minor unit (1999 EUR is 19.99 euro).
//	@license.name	MIT
//	@BasePath		/
package openapi

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log" //nolint:depguard // swag takes no other
	"path/filepath"
	"strings"

	"github.com/getkin/kin-openapi/openapi2"
	"github.com/getkin/kin-openapi/openapi2conv"
	"github.com/getkin/kin-openapi/openapi3"
	"github.com/swaggo/swag"
)

// Generate reads the annotations below root, the module's folder, and returns the document: indented JSON that is the
// same at each run.
func Generate(root string) ([]byte, error) {
	annotated, err := annotations(root)
	if err != nil {
		return nil, err
	}
	var two openapi2.T
	if err := json.Unmarshal(annotated, &two); err != nil {
		return nil, fmt.Errorf("read what swag wrote: %w", err)
	}
	keepExamples(&two)
	three, err := openapi2conv.ToV3(&two)
	if err != nil {
		return nil, fmt.Errorf("convert to OpenAPI 3: %w", err)
	}
	complete(three)
	text, err := json.Marshal(three)
	if err != nil {
		return nil, fmt.Errorf("encode: %w", err)
	}
	var indented bytes.Buffer
	if err := json.Indent(&indented, text, "", "  "); err != nil {
		return nil, fmt.Errorf("indent: %w", err)
	}
	return append(indented.Bytes(), '\n'), nil
}

// exampleExtension carries the example of a parameter through the conversion, which drops what Swagger 2 doesn't know.
const exampleExtension = "x-example"

func keepExamples(t *openapi2.T) {
	for _, item := range t.Paths {
		for _, operation := range item.Operations() {
			for _, p := range operation.Parameters {
				if example, ok := p.Extensions["example"]; ok {
					p.Extensions[exampleExtension] = example
				}
			}
		}
	}
}

// annotations is what swag reads, as Swagger 2, with the packages' names taken off the schemas.
func annotations(root string) ([]byte, error) {
	parser := swag.New(swag.SetDebugger(log.New(io.Discard, "", 0)))
	dirs := []string{}
	for _, dir := range []string{"docs/openapi", "handlers", "wire", "problem"} {
		dirs = append(dirs, filepath.Join(root, dir))
	}
	if err := parser.ParseAPIMultiSearchDir(dirs, "generate.go", 1); err != nil {
		return nil, fmt.Errorf("read the annotations: %w", err)
	}
	text, err := json.Marshal(parser.GetSwagger())
	if err != nil {
		return nil, fmt.Errorf("encode what swag read: %w", err)
	}
	names := strings.NewReplacer(
		"handlers.List-wire_Order", "OrderList", "handlers.List-wire_Payment", "PaymentList", "handlers.List-wire_Event", "EventList",
		"problem.Problem", "Problem", "problem.Link", "Link", "problem.FieldError", "FieldError", "problem.Code", "ProblemCode",
		"handlers.", "", "wire.", "",
	)
	return []byte(names.Replace(string(text))), nil
}

// Load reads a generated document and checks that it is valid, its examples included.
func Load(document []byte) (*openapi3.T, error) {
	loader := openapi3.NewLoader()
	t, err := loader.LoadFromData(document)
	if err != nil {
		return nil, fmt.Errorf("load: %w", err)
	}
	if err := t.Validate(loader.Context); err != nil {
		return nil, fmt.Errorf("not valid: %w", err)
	}
	return t, nil
}
