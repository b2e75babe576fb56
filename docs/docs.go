// Package docs holds the API's description, generated from the annotations of the handlers, and embeds it.
package docs

import _ "embed"

//go:generate go run ./generate

//go:embed openapi.json
var document []byte

//go:embed swagger-initializer.js
var initializer []byte

// OpenAPI is the description as an OpenAPI 3.0 document in JSON. Callers must not change it.
func OpenAPI() []byte { return document }

// SwaggerInitializer is the script that starts Swagger UI with the description. Callers must not change it.
func SwaggerInitializer() []byte { return initializer }
