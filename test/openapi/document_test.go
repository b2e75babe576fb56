package openapi

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/payonce/payonce/docs"
	"github.com/payonce/payonce/docs/openapi"
	"github.com/payonce/payonce/internal/wire"
)

var loaded = sync.OnceValues(func() (*openapi3.T, error) { return openapi.Load(docs.OpenAPI()) })

// load is the description; tests only read it.
func load(t *testing.T) *openapi3.T {
	t.Helper()
	described, err := loaded()
	if err != nil {
		t.Fatal(err)
	}
	return described
}

// operations are all operations by their ids, and under which path each is.
func operations(described *openapi3.T) (byID map[string]*openapi3.Operation, paths map[string]string) {
	byID, paths = map[string]*openapi3.Operation{}, map[string]string{}
	for path, item := range described.Paths.Map() {
		for _, operation := range item.Operations() {
			byID[operation.OperationID], paths[operation.OperationID] = operation, path
		}
	}
	return byID, paths
}

// every visits a schema and all schemas inside it, with their names.
func every(name string, ref *openapi3.SchemaRef, visit func(name string, schema *openapi3.Schema)) {
	if ref == nil || ref.Ref != "" {
		return
	}
	visit(name, ref.Value)
	every(name+"[]", ref.Value.Items, visit)
	for member, property := range ref.Value.Properties {
		every(name+"."+member, property, visit)
	}
}

func TestDescriptionIsOpenAPI31(t *testing.T) {
	t.Parallel()
	described := load(t)
	if described.OpenAPI != "3.1.0" {
		t.Errorf("got %s, want 3.1.0", described.OpenAPI)
	}
	if url := described.Servers[0].URL; !regexp.MustCompile(`^http://[\w.]+:\d+$`).MatchString(url) {
		t.Errorf("got the server %s, want one that tools can send requests to", url)
	}
	if described.Info.License.URL == "" {
		t.Error("the license has no URL")
	}
	if event := described.Webhooks["event"]; event == nil || event.Post.RequestBody.Value.Content.Get("application/json").Schema.Ref != "#/components/schemas/Event" {
		t.Errorf("got the webhook %v, want one with an Event", event)
	}
	for _, word := range []string{`"nullable"`, "x-enum-varnames"} {
		if strings.Contains(string(docs.OpenAPI()), word) {
			t.Errorf("got %s, which OpenAPI 3.1 does not have", word)
		}
	}
}

func TestRequestsAreClosedAndResponsesOpen(t *testing.T) {
	t.Parallel()
	described := load(t)
	for name, ref := range described.Components.Schemas {
		request := strings.HasPrefix(name, "Create")
		every(name, ref, func(name string, schema *openapi3.Schema) {
			closed := schema.AdditionalProperties.Has != nil && !*schema.AdditionalProperties.Has
			if len(schema.Properties) > 0 && closed != request {
				t.Errorf("%s is closed: %t, want %t", name, closed, request)
			}
			if tag := strings.HasSuffix(name, "Event.resource_type"); len(schema.Enum) > 0 && !request && !tag { // chooses a schema
				t.Errorf("%s is an enum: a client would refuse a value that is added", name)
			}
			if request && schema.Default != nil {
				t.Errorf("%s has a default: generators for TypeScript would require it", name)
			}
		})
	}
}

func TestIntegersHaveTheSizeThatMoneyNeeds(t *testing.T) {
	t.Parallel()
	described := load(t)
	found := 0
	for name, ref := range described.Components.Schemas {
		every(name, ref, func(name string, schema *openapi3.Schema) {
			if schema.Type.Includes(openapi3.TypeInteger) {
				found++
				if schema.Format != "int64" {
					t.Errorf("%s: got the format %q, want int64", name, schema.Format)
				}
			}
		})
	}
	if found < 20 {
		t.Errorf("got %d integers, want 20 at least", found)
	}
}

func TestOperationsHaveExamplesOfTheirOwn(t *testing.T) {
	t.Parallel()
	byID, paths := operations(load(t))
	keys := map[any]string{}
	for id, operation := range byID {
		if !strings.HasPrefix(paths[id], "/v1/") {
			if operation.Security == nil || len(*operation.Security) != 0 {
				t.Errorf("%s: got the security %v, want an empty list: the route is open", id, operation.Security)
			}
			continue
		}
		if body := operation.RequestBody; body != nil && len(body.Value.Content.Get("application/json").Examples) == 0 {
			t.Errorf("%s has no example of its body", id)
		}
		key := operation.Parameters.GetByInAndName("header", "Idempotency-Key")
		if key == nil {
			continue
		}
		if other, taken := keys[key.Example]; taken || key.Example == nil {
			t.Errorf("%s has the example key %v, as %s has: sent as they are, one would be refused", id, key.Example, other)
		}
		keys[key.Example] = id
	}
	bodies := byID["createPayment"].RequestBody.Value.Content.Get("application/json").Examples
	want := []string{"charged", "declined", "manual_capture", "three_d_secure", "timeout"}
	if got := slices.Sorted(maps.Keys(bodies)); !slices.Equal(got, want) {
		t.Errorf("got the examples %v of a payment, want %v", got, want)
	}
}

func TestRefusalsAreReferences(t *testing.T) {
	t.Parallel()
	byID, _ := operations(load(t))
	for id, operation := range byID {
		for status, response := range operation.Responses.Map() {
			if response.Value.Content.Get("application/problem+json") != nil && response.Ref == "" {
				t.Errorf("%s %s is written out; want a reference to a component", id, status)
			}
		}
	}
}

// What is not known of an event must be its type: there will be more of those. The type of its resource says what data is.
func TestEventsAreTypedByTheirResource(t *testing.T) {
	t.Parallel()
	described := load(t)
	event := described.Components.Schemas["Event"].Value
	if event.Discriminator == nil || event.Discriminator.PropertyName != "resource_type" {
		t.Fatalf("got the discriminator %v, want resource_type", event.Discriminator)
	}
	for _, kind := range wire.EventTypes() {
		name := strings.TrimPrefix(event.Discriminator.Mapping[kind.Resource].Ref, "#/components/schemas/")
		schema := described.Components.Schemas[name]
		if schema == nil {
			t.Errorf("no schema for events about %s", kind.Resource)
			continue
		}
		values, _ := schema.Value.Properties["type"].Value.Extensions[openapi.ValuesExtension].([]any)
		if !slices.Contains(values, any(kind.Name)) {
			t.Errorf("%s does not name %s", name, kind.Name)
		}
		if data := schema.Value.Properties["data"].Ref; data == "" {
			t.Errorf("%s has data without a schema", name)
		}
	}
}
