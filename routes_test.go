package main

import (
	"net/http"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/payonce/payonce/docs"
	"github.com/payonce/payonce/docs/openapi"
	"github.com/payonce/payonce/internal/app"
)

func TestRoutesAreIdempotentWhereTheyChangeSomething(t *testing.T) {
	t.Parallel()
	for _, route := range index(&app.App{}) {
		changes := route.method != http.MethodGet && route.path != providerWebhooks // the provider repeats an event under its id
		if route.endpoint.idempotent != changes {
			t.Errorf("%s %s: got idempotent: %t, want %t", route.method, route.path, route.endpoint.idempotent, changes)
		}
		want := read
		switch {
		case !strings.HasPrefix(route.path, "/v1/"):
			want = public
		case strings.HasPrefix(route.path, "/v1/webhook-endpoints"):
			want = webhooks
		case changes && strings.HasSuffix(route.path, "/refunds"):
			want = refunds
		case changes && strings.HasPrefix(route.path, "/v1/idempotency-keys/"):
			want = undo
		case changes:
			want = write
		}
		if route.scope != want {
			t.Errorf("%s %s: got the scope %s, want %s", route.method, route.path, route.scope, want)
		}
	}
}

func TestRoutesRequireTheKeysAndScopesThatTheDocumentSays(t *testing.T) {
	t.Parallel()
	document, err := openapi.Load(docs.OpenAPI())
	if err != nil {
		t.Fatal(err)
	}
	for _, route := range index(&app.App{}) {
		path := document.Paths.Find(described(route.path))
		if path == nil { // TestEveryRouteIsDescribedAndNothingElse says which may be missing
			continue
		}
		operation := path.GetOperation(route.method)
		if operation == nil {
			t.Errorf("%s %s is not described", route.method, route.path)
			continue
		}
		if scopes := strings.Join(openapi.ScopesOf(operation), " "); scopes != string(route.scope) {
			t.Errorf("%s %s: the document lists the scopes %q; the route needs %q", route.method, route.path, scopes, route.scope)
		}
		key := operation.Parameters.GetByInAndName(openapi3.ParameterInHeader, "Idempotency-Key")
		if required := key != nil && key.Required; required != route.endpoint.idempotent {
			t.Errorf("%s %s: the document requires a key: %t; the route does: %t", route.method, route.path, required, route.endpoint.idempotent)
		}
	}
}
