package main

import (
	"maps"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/payonce/payonce/internal/wire"
)

// typeEvents makes one schema per type of resource of the schema Event, whose data is the resource's document, and lets resource_type
// choose among them: what a generator of clients needs to type data. The type of an event doesn't choose: there will be more
// of those, and clients that know only today's must read on.
func typeEvents(t *openapi3.T) {
	event := t.Components.Schemas["Event"].Value
	chosen := &openapi3.Schema{
		Description:   "A change that was committed; data is the resource as it was after it. resource_type says which of the schemas it has.",
		Discriminator: &openapi3.Discriminator{PropertyName: "resource_type", Mapping: map[string]openapi3.MappingRef{}}, Example: event.Example,
	}
	for _, resource := range resources() {
		name := schemaOf(resource) + "Event"
		t.Components.Schemas[name] = openapi3.NewSchemaRef("", eventOf(event, resource))
		chosen.OneOf = append(chosen.OneOf, openapi3.NewSchemaRef("#/components/schemas/"+name, nil))
		chosen.Discriminator.Mapping[resource] = openapi3.MappingRef{Ref: "#/components/schemas/" + name}
	}
	t.Components.Schemas["Event"] = openapi3.NewSchemaRef("", chosen)
}

// resources are the types of resources that events are about.
func resources() (types []string) {
	for _, kind := range wire.EventTypes() {
		if !slices.Contains(types, kind.Resource) {
			types = append(types, kind.Resource)
		}
	}
	return types
}

// schemaOf is the name of the schema of a type of resource: WebhookEndpoint for webhook_endpoint.
func schemaOf(resource string) (name string) {
	for word := range strings.SplitSeq(resource, "_") {
		name += strings.ToUpper(word[:1]) + word[1:]
	}
	return name
}

// eventOf is the schema of an event about one type of resource.
func eventOf(event *openapi3.Schema, resource string) *openapi3.Schema {
	one := *event
	one.Properties = maps.Clone(event.Properties)
	one.Description = "A change of one resource of the type " + resource + "."
	one.Properties["data"] = openapi3.NewSchemaRef("#/components/schemas/"+schemaOf(resource), nil)
	types := openapi3.NewStringSchema()
	types.Example = eventTypes(resource)[0]
	openValues(types, eventTypes(resource))
	one.Properties["type"] = types.NewRef()
	of := openapi3.NewStringSchema().WithEnum(resource)
	of.Example = resource
	one.Properties["resource_type"] = of.NewRef()
	id := *event.Properties["resource_id"].Value
	id.Example = nil
	one.Properties["resource_id"] = id.NewRef()
	return &one
}
