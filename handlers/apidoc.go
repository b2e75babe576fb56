package handlers

import (
	"net/http"
	"strings"

	"github.com/gin-gonic/gin"
	swaggerfiles "github.com/swaggo/files"
	ginswagger "github.com/swaggo/gin-swagger"

	"github.com/payonce/payonce/docs"
	"github.com/payonce/payonce/problem"
)

// uiPolicy lets Swagger UI load its own files and call this service, and nothing else: the page holds an API key. Its
// styles are written by script, and its icons are data: URLs.
const uiPolicy = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; " +
	"connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"

// OpenAPI serves the API's description.
func OpenAPI(c *gin.Context) error {
	c.Data(http.StatusOK, jsonType, docs.OpenAPI())
	return nil
}

// SwaggerUI serves Swagger UI, with all that it needs, from the binary.
//
// gin-swagger takes the part of the first path it sees before a file's name as the prefix of all its files, and matches
// names anywhere in a URL: one GET of /swagger/x/swagger-ui.css would leave the page without its files until a restart.
// So only the page's own files are passed on, under their one spelling.
func SwaggerUI() Func {
	serve := ginswagger.WrapHandler(swaggerfiles.NewHandler())
	return func(c *gin.Context) error {
		name := strings.TrimPrefix(c.Request.URL.EscapedPath(), "/swagger/")
		switch name {
		case "index.html":
			c.Header("Content-Security-Policy", uiPolicy)
		case "swagger-initializer.js": // ours, not gin-swagger's
			c.Data(http.StatusOK, "text/javascript; charset=utf-8", docs.SwaggerInitializer())
			return nil
		case "index.css", "swagger-ui.css", "swagger-ui-bundle.js", "swagger-ui-standalone-preset.js", "favicon-16x16.png", "favicon-32x32.png":
		default:
			return problem.New(problem.CodeNotFound, "There is nothing here; Swagger UI is at /swagger/index.html.")
		}
		request := c.Request.Clone(c.Request.Context())
		request.Method, request.RequestURI = http.MethodGet, "/swagger/"+name // HEAD is GET without body; no query
		c.Request = request
		serve(c)
		return nil
	}
}
