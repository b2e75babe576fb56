package main

import (
	"net/http"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/payonce/payonce/docs/openapi"
)

// scopesOf are the scopes that an operation under /v1 needs. A test compares them with routes.go, which is what is enforced.
func scopesOf(path, method string) []string {
	switch {
	case strings.HasPrefix(path, "/v1/webhook-endpoints"):
		return []string{"webhooks"}
	case method == http.MethodGet:
		return []string{"read"}
	case path == "/v1/payments/{id}/refunds":
		return []string{"refunds"}
	case path == "/v1/idempotency-keys/{key}/cancel":
		return []string{"write", "refunds"} // what is given up may have been paid
	}
	return []string{"write"}
}

// addScopes says what an operation's API key has to allow.
func addScopes(path, method string, operation *openapi3.Operation) {
	scopes := scopesOf(path, method)
	if operation.Extensions == nil {
		operation.Extensions = map[string]any{}
	}
	operation.Extensions[openapi.ScopesExtension] = scopes
	plural := ""
	if len(scopes) > 1 {
		plural = "s"
	}
	operation.Description += "\n\nThe API key needs the scope" + plural + " `" + strings.Join(scopes, "` and `") + "`."
}
