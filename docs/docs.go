// Package docs holds the API's description, generated from the annotations of the handlers, and embeds it.
package docs

import _ "embed"

//go:generate go run ./generate

//go:embed openapi.json
var document []byte

// OpenAPI is the description as an OpenAPI 3.0 document in JSON. Callers must not change it.
func OpenAPI() []byte { return document }
