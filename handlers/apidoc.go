package handlers

import (
	"context"
	"io/fs"
	"net/http"
	"os"
	"strings"

	"github.com/gin-gonic/gin"
	ginswagger "github.com/swaggo/gin-swagger"
	"golang.org/x/net/webdav"

	"github.com/payonce/payonce/docs"
	"github.com/payonce/payonce/internal/problem"
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

// ToSwaggerUI leads from /swagger to the page.
func ToSwaggerUI(c *gin.Context) error { return seeOther(c, "swagger/index.html") }

// seeOther redirects to a relative reference, which is right behind a gateway's path prefix, too.
func seeOther(c *gin.Context, reference string) error {
	c.Header("Location", reference)
	c.Data(http.StatusSeeOther, "text/plain; charset=utf-8", nil)
	return nil
}

// SwaggerUI serves Swagger UI, with all that it needs, from the binary. Its page refers to its files and to the API relatively.
//
// gin-swagger takes the part of the first path it sees before a file's name as the prefix of all its files, and matches
// names anywhere in a URL: one GET of /swagger/x/swagger-ui.css would leave the page without its files until a restart.
// So only the page's own files are passed on, under their one spelling.
func SwaggerUI() Func {
	serve := ginswagger.WrapHandler(&webdav.Handler{FileSystem: uiFiles{}, LockSystem: webdav.NewMemLS()})
	return func(c *gin.Context) error {
		name := strings.TrimPrefix(c.Request.URL.EscapedPath(), "/swagger/")
		switch name {
		case "":
			return seeOther(c, "index.html")
		case "index.html":
			c.Header("Content-Security-Policy", uiPolicy)
		case "swagger-initializer.js": // ours, not gin-swagger's
			return uiOwn(c, name, "text/javascript; charset=utf-8")
		case "index.css":
			return uiOwn(c, name, "text/css; charset=utf-8")
		case "swagger-ui.css", "swagger-ui-bundle.js", "swagger-ui-standalone-preset.js", "favicon-16x16.png", "favicon-32x32.png":
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

// uiOwn answers with a file of which gin-swagger has one of its own.
func uiOwn(c *gin.Context, name, contentType string) error {
	text, err := docs.SwaggerUI.ReadFile("swagger/" + name)
	if err != nil {
		return err
	}
	c.Data(http.StatusOK, contentType, text)
	return nil
}

// uiFiles are the embedded files in the form that gin-swagger takes: read-only.
type uiFiles struct{}

var _ webdav.FileSystem = uiFiles{}

func (uiFiles) OpenFile(_ context.Context, name string, _ int, _ os.FileMode) (webdav.File, error) {
	file, err := http.FS(docs.SwaggerUI).Open("swagger/" + strings.TrimPrefix(name, "/"))
	return uiFile{file}, err
}

func (uiFiles) Stat(_ context.Context, name string) (os.FileInfo, error) {
	return fs.Stat(docs.SwaggerUI, "swagger/"+strings.TrimPrefix(name, "/"))
}

func (uiFiles) Mkdir(context.Context, string, os.FileMode) error { return fs.ErrPermission }

func (uiFiles) RemoveAll(context.Context, string) error { return fs.ErrPermission }

func (uiFiles) Rename(context.Context, string, string) error { return fs.ErrPermission }

type uiFile struct{ http.File }

func (uiFile) Write([]byte) (int, error) { return 0, fs.ErrPermission }
