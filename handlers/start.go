package handlers

import (
	"bytes"
	"crypto/sha256"
	_ "embed" // for the page
	"encoding/base64"
	"html/template"
	"net/http"

	"github.com/gin-gonic/gin"
)

var (
	//go:embed start.html
	startPage string
	//go:embed start.css
	startStyle string
)

// Start is the page at /, for people who don't know yet what runs here: where to go, and whether the stores are there. demo says whether
// the demo page is there for the one who asks.
func Start(health *Health, demo func(*http.Request) bool) Func {
	page := template.Must(template.New("start").Parse(startPage))
	hash := sha256.Sum256([]byte(startStyle))
	policy := "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(hash[:]) +
		"'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
	return func(c *gin.Context) error {
		shown := struct {
			Style           template.CSS
			Demo            bool
			Postgres, Redis string
		}{Style: template.CSS(startStyle), Demo: demo(c.Request)} //nolint:gosec // a file of this package
		shown.Postgres, _ = health.postgres.text(c.Request.Context())
		shown.Redis, _ = health.redis.text(c.Request.Context())
		var body bytes.Buffer
		if err := page.Execute(&body, shown); err != nil {
			return err
		}
		c.Header("Content-Security-Policy", policy)
		c.Data(http.StatusOK, htmlType, body.Bytes())
		return nil
	}
}
