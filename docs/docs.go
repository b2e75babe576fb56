// Package docs holds the API's description, generated from the annotations of the handlers, and the files of Swagger UI, and embeds
// them.
package docs

import "embed"

//go:generate go run -C generate .

//go:embed openapi.json
var document []byte

// SwaggerUI has the files of Swagger UI below the folder swagger. All but swagger-initializer.js and index.css are those of a release of
// Swagger UI, as test/openapi/package.json pins it; a test compares them.
//
//go:embed swagger
var SwaggerUI embed.FS

// OpenAPI is the description as an OpenAPI 3.1 document in JSON. Callers must not change it.
func OpenAPI() []byte { return document }
