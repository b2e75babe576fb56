package handlers

import (
	"net/http"

	"github.com/gin-gonic/gin"
	swaggerfiles "github.com/swaggo/files"
	ginswagger "github.com/swaggo/gin-swagger"

	"github.com/payonce/payonce/docs"
	"github.com/payonce/payonce/repository"
)

// OpenAPI serves the API's description.
func OpenAPI(c *gin.Context) error {
	c.Data(http.StatusOK, jsonType, docs.OpenAPI())
	return nil
}

// SwaggerUI serves Swagger UI, with all that it needs, from the binary. It reads the description from /openapi.json and
// keeps the API key that was entered across reloads.
func SwaggerUI() Func {
	serve := ginswagger.WrapHandler(swaggerfiles.NewHandler(),
		ginswagger.URL("/openapi.json"), ginswagger.PersistAuthorization(true), ginswagger.DefaultModelsExpandDepth(0))
	return func(c *gin.Context) error {
		if c.Param("any") == "/doc.json" { // the Swagger 2 document, which this service doesn't have
			return repository.ErrNotFound
		}
		serve(c)
		return nil
	}
}
