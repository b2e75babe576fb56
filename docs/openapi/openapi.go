// Package openapi reads the API's description (docs/openapi.json, OpenAPI 3.1) for tests. docs/generate writes it.
package openapi

import (
	"fmt"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
)

// The extensions that the description uses.
const (
	// ScopesExtension is a member of an operation: the scopes that its API key needs. OpenAPI's own place for scopes is for OAuth 2.
	ScopesExtension = "x-required-scopes"
	// ValuesExtension is a member of a schema: the values that this release writes. Unlike those of enum, more may be added later.
	ValuesExtension = "x-extensible-enum"
)

// Load reads a description and checks that it is valid, its examples included.
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

// LoadStrict reads a description as this release keeps it: clients are told to expect more members and more values than the
// description lists, but what this release answers has no others.
func LoadStrict(document []byte) (*openapi3.T, error) {
	t, err := Load(document)
	if err != nil {
		return nil, err
	}
	for _, schema := range t.Components.Schemas {
		closeSchema(schema.Value)
	}
	for _, name := range []string{"Balance", "TrialBalance"} { // sums are exact beyond the 64 bits that clients should have for them
		for _, sum := range t.Components.Schemas[name].Value.Properties {
			if sum.Value.Type.Is(openapi3.TypeInteger) {
				sum.Value.Format = ""
			}
		}
	}
	return t, nil
}

func closeSchema(schema *openapi3.Schema) {
	for _, property := range schema.Properties {
		if property.Ref == "" {
			closeSchema(property.Value)
		}
	}
	if len(schema.Properties) > 0 {
		schema.AdditionalProperties = openapi3.AdditionalProperties{Has: new(bool)}
	}
	for _, value := range list(schema.Extensions[ValuesExtension]) {
		schema.Enum = append(schema.Enum, value)
	}
	if len(schema.Enum) > 0 && Nullable(schema) && !slices.Contains(schema.Enum, nil) {
		schema.Enum = append(schema.Enum, nil)
	}
}

// Nullable reports whether null is a value of the schema.
func Nullable(schema *openapi3.Schema) bool {
	return schema.Type.Includes(openapi3.TypeNull) ||
		slices.ContainsFunc(schema.AnyOf, func(s *openapi3.SchemaRef) bool { return s.Value.Type.Is(openapi3.TypeNull) })
}

// ScopesOf are the scopes that a description lists for an operation.
func ScopesOf(operation *openapi3.Operation) []string {
	return list(operation.Extensions[ScopesExtension])
}

// FirstExample is the body that an operation's description shows first; nil when it has none.
func FirstExample(operation *openapi3.Operation) any {
	if operation.RequestBody == nil {
		return nil
	}
	examples := operation.RequestBody.Value.Content.Get("application/json").Examples
	var first string
	for name := range examples {
		if first == "" || strings.Compare(name, first) < 0 { // as they stand in the document
			first = name
		}
	}
	if first == "" {
		return nil
	}
	return examples[first].Value.Value
}

// list are the texts of an extension.
func list(extension any) (texts []string) {
	values, _ := extension.([]any)
	for _, value := range values {
		if text, ok := value.(string); ok {
			texts = append(texts, text)
		}
	}
	return texts
}
