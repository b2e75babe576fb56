package demopage

import (
	"embed"
	"net/http"
	"path"

	"github.com/gin-gonic/gin"

	"github.com/payonce/payonce/client/js"
)

//go:embed static
var static embed.FS

// policy is all that the page needs: its own files, and calls to where it comes from. There is no inline script and no inline style.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'"

// mediaTypes of the page's files, by the end of their names. The system's own table differs from machine to machine.
func mediaTypes() map[string]string {
	return map[string]string{
		".html": "text/html; charset=utf-8", ".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml",
	}
}

// client is the JavaScript client's name among the page's files.
const client = "payonce.js"

// static serves a file of the page.
func (p *Page) static(c *gin.Context) {
	name := c.Param("file")
	if name == client {
		serve(c, name, js.Module())
		return
	}
	if _, err := static.Open("static/" + name); err != nil || name == "index.html" {
		p.NotFound(c)
		return
	}
	file(name)(c)
}

// file serves one file that is there.
func file(name string) gin.HandlerFunc {
	return func(c *gin.Context) {
		content, err := static.ReadFile("static/" + name)
		if err != nil {
			panic("demopage: " + err.Error()) //nolint:forbidigo // it was built in
		}
		serve(c, name, content)
	}
}

func serve(c *gin.Context, name string, content []byte) {
	c.Header("Content-Security-Policy", policy)
	c.Header("Cross-Origin-Resource-Policy", "same-origin")
	c.Header("Referrer-Policy", "no-referrer")
	c.Data(http.StatusOK, mediaTypes()[path.Ext(name)], content)
}
