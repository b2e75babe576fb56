package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/payonce/payonce/docs/openapi"
)

// isRequest: the names of the bodies of requests begin with Create.
func isRequest(name string) bool { return strings.HasPrefix(name, "Create") }

// completeSchema closes requests, whose unknown members are refused, and leaves responses open.
func completeSchema(name string, schema *openapi3.Schema) {
	delete(schema.Extensions, "x-enum-varnames") // clients need none of Go's names
	if !schema.Type.Is("object") {
		openValues(schema, texts(schema.Enum))
		return
	}
	if example := documents()[name]; example != nil {
		schema.Example = example
	}
	switch {
	case isRequest(name):
		schema.AdditionalProperties = openapi3.AdditionalProperties{Has: new(bool)}
	case name == "Problem":
		schema.Required = []string{"type", "title", "status", "detail", "instance", "code", "retryable", "safe_new_key"}
	default:
		schema.Required = names(schema)
	}
	for member, property := range schema.Properties {
		if property.Value == nil || property.Ref != "" {
			continue
		}
		value, full := property.Value, name+"."+member
		value.Pattern = patterns()[full]
		if limit := limits()[full]; limit != nil {
			limit(value)
		}
		if isRequest(name) {
			completeRequest(value)
			continue
		}
		if known := words()[full]; known != nil {
			value.Description = sentences(value.Description, "A word of the provider's, or of payonce's, such as `"+strings.Join(known, "`, `")+"`.")
		}
		openValues(value, slices.Concat(texts(value.Enum), values()[full]))
	}
}

// completeRequest says the default in words: generators for TypeScript take a member with a default for one that is always there.
func completeRequest(value *openapi3.Schema) {
	if value.Default != nil {
		value.Description = sentences(value.Description, fmt.Sprintf("Default: %v.", value.Default))
		value.Default = nil
	}
}

// openValues names the values of a text that may get more of them. enum would let clients refuse a new one.
func openValues(schema *openapi3.Schema, known []string) {
	schema.Enum = nil
	if len(known) == 0 {
		return
	}
	if schema.Extensions == nil {
		schema.Extensions = map[string]any{}
	}
	schema.Extensions[openapi.ValuesExtension] = known
	schema.Description = sentences(schema.Description, "Now: `"+strings.Join(known, "`, `")+"`. Later releases may add values.")
}

// sentences puts one description behind another.
func sentences(first, second string) string {
	if first == "" {
		return second
	}
	return first + "\n\n" + second
}

func texts(values []any) (list []string) {
	for _, value := range values {
		if text, ok := value.(string); ok {
			list = append(list, text)
		}
	}
	return list
}

// modernize turns what OpenAPI 3.0 writes in its own way into JSON Schema 2020-12, as 3.1 has it.
func modernize(t *openapi3.T) {
	seen := map[*openapi3.Schema]bool{}
	for _, name := range []func() []*openapi3.SchemaRef{
		func() []*openapi3.SchemaRef { return mapValues(t.Components.Schemas) },
		func() []*openapi3.SchemaRef { return parameterSchemas(t) },
	} {
		for _, schema := range name() {
			modernizeSchema(schema, seen)
		}
	}
}

func mapValues(schemas openapi3.Schemas) (list []*openapi3.SchemaRef) {
	for _, schema := range schemas {
		list = append(list, schema)
	}
	return list
}

// parameterSchemas are the schemas that stand outside of the components: those of parameters and headers.
func parameterSchemas(t *openapi3.T) (list []*openapi3.SchemaRef) {
	for _, p := range t.Components.Parameters {
		list = append(list, p.Value.Schema)
	}
	for _, h := range t.Components.Headers {
		list = append(list, h.Value.Schema)
	}
	for _, item := range t.Paths.Map() {
		for _, operation := range item.Operations() {
			for _, p := range operation.Parameters {
				if p.Ref == "" {
					list = append(list, p.Value.Schema)
				}
			}
		}
	}
	return list
}

func modernizeSchema(ref *openapi3.SchemaRef, seen map[*openapi3.Schema]bool) {
	if ref == nil || ref.Ref != "" || ref.Value == nil || seen[ref.Value] {
		return
	}
	schema := ref.Value
	seen[schema] = true
	if schema.Type.Is("integer") && schema.Format == "" {
		schema.Format = "int64" // amounts and counts don't fit into 32 bits
	}
	if schema.Example != nil {
		schema.Examples, schema.Example = []any{schema.Example}, nil
	}
	if schema.Nullable {
		nullable(schema)
	}
	modernizeSchema(schema.Items, seen)
	modernizeSchema(schema.AdditionalProperties.Schema, seen)
	for _, property := range schema.Properties {
		modernizeSchema(property, seen)
	}
}

// nullable says that null is a value, too: one of the types, or beside a reference.
func nullable(schema *openapi3.Schema) {
	schema.Nullable = false
	if len(schema.AllOf) == 1 {
		null := openapi3.NewSchema()
		null.Type = &openapi3.Types{openapi3.TypeNull}
		schema.AnyOf, schema.AllOf = openapi3.SchemaRefs{schema.AllOf[0], null.NewRef()}, nil
		return
	}
	types := append(slices.Clone(schema.Type.Slice()), openapi3.TypeNull)
	schema.Type = (*openapi3.Types)(&types)
	if len(schema.Enum) > 0 {
		schema.Enum = append(schema.Enum, nil)
	}
}
