package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log" //nolint:depguard // swag takes no other
	"path/filepath"
	"regexp"
	"strings"

	"github.com/getkin/kin-openapi/openapi2"
	"github.com/getkin/kin-openapi/openapi2conv"
	"github.com/swaggo/swag"
)

// generate reads the annotations below root, the service's folder, and returns the document: indented JSON that is the
// same at each run.
func generate(root string) ([]byte, error) {
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

// listName is how swag writes the name of a list's schema.
var listName = regexp.MustCompile(`handlers\.List-(?:wire|handlers)_(\w+)`)

// annotations is what swag reads, as Swagger 2, with the packages' names taken off the schemas.
func annotations(root string) ([]byte, error) {
	parser := swag.New(swag.SetDebugger(log.New(io.Discard, "", 0)))
	dirs := []string{"."}
	for _, dir := range []string{"handlers", "internal/wire", "internal/problem"} {
		dirs = append(dirs, filepath.Join(root, dir))
	}
	if err := parser.ParseAPIMultiSearchDir(dirs, "main.go", 1); err != nil {
		return nil, fmt.Errorf("read the annotations: %w", err)
	}
	text, err := json.Marshal(parser.GetSwagger())
	if err != nil {
		return nil, fmt.Errorf("encode what swag read: %w", err)
	}
	text = listName.ReplaceAll(text, []byte("${1}List"))
	names := strings.NewReplacer(
		"problem.Problem", "Problem", "problem.Link", "Link", "problem.FieldError", "FieldError", "problem.Code", "ProblemCode",
		"handlers.", "", "wire.", "",
	)
	return []byte(names.Replace(string(text))), nil
}
