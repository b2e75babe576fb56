// Package openapi shows that the API's description is what people can work with: linters accept it, it breaks nothing that was
// released, clients that are generated from it buy things from the running service, and Swagger UI tries it out. It holds tests only.
//
// Their tools are pinned: package-lock.json (installed by `npm ci` in this folder), and golang/go.mod, a module of its own, so
// that the service's module has none of them.
package openapi
