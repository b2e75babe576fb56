// Package swag stands in for the module of this name in the service's binary (go.mod replaces it).
//
// gin-swagger, which serves Swagger UI, imports swag to read a document that an init function has registered there. payonce
// registers none: its document is a file, served at /openapi.json. The real module, with the parser of Go's sources, a third
// of the x/tools repository and four libraries behind it, is needed where the document is made: docs/generate is a module of
// its own and has the real one.
package swag

import "errors"

// Name is the document's name that gin-swagger asks for unless it is told another.
const Name = "swagger"

// ReadDoc always fails: no document is registered. handlers.SwaggerUI doesn't let requests for one through.
func ReadDoc(...string) (string, error) {
	return "", errors.New("no document is registered; it is at /openapi.json")
}
