package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/gin-gonic/gin"
	"github.com/google/go-cmp/cmp"

	"github.com/payonce/payonce/docs"
	"github.com/payonce/payonce/docs/openapi"
	"github.com/payonce/payonce/internal/app"
	"github.com/payonce/payonce/test/apicheck"
)

func TestTheDescriptionIsValidWithItsExamples(t *testing.T) {
	t.Parallel()
	document, err := openapi.Load(docs.OpenAPI())
	if err != nil {
		t.Fatal(err)
	}
	for name, schema := range document.Components.Schemas {
		if example := examples(schema.Value); schema.Value.Type.Includes("object") && example != nil {
			if err := schema.Value.VisitJSON(example); err != nil {
				t.Errorf("the examples of %s: %v", name, err)
			}
		}
	}
}

// examples makes the document that Swagger UI shows: each member's example. Nil where a member has none.
func examples(schema *openapi3.Schema) any {
	object := map[string]any{}
	for name, property := range schema.Properties {
		if len(property.Value.Examples) == 0 {
			return nil
		}
		object[name] = property.Value.Examples[0]
	}
	return object
}

func TestEveryProblemIsDescribedUnderItsOwnStatus(t *testing.T) {
	t.Parallel()
	document, err := openapi.Load(docs.OpenAPI())
	if err != nil {
		t.Fatal(err)
	}
	for path, item := range document.Paths.Map() {
		for method, operation := range item.Operations() {
			for status, response := range operation.Responses.Map() {
				media := response.Value.Content.Get("application/problem+json")
				if media == nil {
					continue
				}
				for code, example := range media.Examples {
					object, _ := example.Value.Value.(map[string]any)
					if object["code"] != code || fmt.Sprint(object["status"]) != status {
						t.Errorf("%s %s %s describes %s as %v %v", method, path, status, code, object["status"], object["code"])
					}
				}
			}
		}
	}
}

func TestTheExamplesSucceedWhenTheyAreTried(t *testing.T) {
	t.Parallel()
	s := startService(t, nil)
	document, err := openapi.Load(docs.OpenAPI())
	if err != nil {
		t.Fatal(err)
	}
	example := func(path string) (key, body string) {
		operation := document.Paths.Find(path).Post
		text, err := json.Marshal(openapi.FirstExample(operation))
		if err != nil {
			t.Fatal(err)
		}
		key, _ = operation.Parameters.GetByInAndName("header", "Idempotency-Key").Example.(string)
		return key, string(text)
	}
	key, body := example("/v1/orders")
	order := s.do(t, call{method: "POST", path: "/v1/orders", key: key, body: body})
	if order.status != 201 {
		t.Fatalf("%d %s", order.status, order.body)
	}
	key, body = example("/v1/payments")
	payment := strings.Replace(body, "ord_01jd8x7w4n9q2m5k3r6t8v0y1z", order.text(t, "id"), 1)
	if paid := s.do(t, call{method: "POST", path: "/v1/payments", key: key, body: payment}); paid.status != 201 {
		t.Errorf("%d %s", paid.status, paid.body)
	}
}

var parameter = regexp.MustCompile(`:(\w+)`)

// described is a route's path as the document writes it.
func described(path string) string { return parameter.ReplaceAllString(path, "{$1}") }

func TestEveryRouteIsDescribedAndNothingElse(t *testing.T) {
	t.Parallel()
	router, ok := routes(&app.App{}).(*gin.Engine)
	if !ok {
		t.Fatal("routes is not Gin's")
	}
	var served, documented []string
	for _, route := range router.Routes() {
		if route.Method != http.MethodHead && !slices.Contains(apicheck.Undocumented(), route.Path) {
			served = append(served, route.Method+" "+described(route.Path))
		}
	}
	document, err := openapi.Load(docs.OpenAPI())
	if err != nil {
		t.Fatal(err)
	}
	for path, item := range document.Paths.Map() {
		for method := range item.Operations() {
			documented = append(documented, method+" "+path)
		}
	}
	slices.Sort(served)
	slices.Sort(documented)
	if diff := cmp.Diff(served, documented); diff != "" {
		t.Errorf("routes that are served (-) and described (+):\n%s", diff)
	}
}

func TestSwaggerUIIsServedFromTheBinary(t *testing.T) {
	t.Parallel()
	s := startService(t, nil)
	for path, want := range map[string]string{
		"/swagger/index.html": "text/html", "/swagger/swagger-ui-bundle.js": "javascript", "/swagger/swagger-ui.css": "text/css",
		"/openapi.json": "application/json",
	} {
		got := s.do(t, call{method: "GET", path: path, token: "-"})
		if got.status != 200 || !strings.Contains(got.header.Get("Content-Type"), want) {
			t.Errorf("%s: %d %s", path, got.status, got.header.Get("Content-Type"))
		}
	}
	if got := s.do(t, call{method: "HEAD", path: "/swagger/index.html", token: "-"}); got.status != 200 {
		t.Errorf("HEAD: %d", got.status)
	}
	start := s.do(t, call{method: "GET", path: "/swagger/swagger-initializer.js", token: "-"}).body
	if !strings.Contains(start, `new URL("openapi.json", base)`) {
		t.Error("Swagger UI doesn't read openapi.json")
	}
	for path, want := range map[string]string{"/swagger": "swagger/index.html", "/swagger/": "index.html"} { // relative: right under a path prefix
		if got := s.do(t, call{method: "GET", path: path, token: "-"}); got.status != 303 || got.header.Get("Location") != want {
			t.Errorf("%s: got %d to %q, want 303 to %q", path, got.status, got.header.Get("Location"), want)
		}
	}
	page := s.do(t, call{method: "GET", path: "/swagger/index.html", token: "-"}).body
	if regexp.MustCompile(`(src|href)="(https?:)?//`).MatchString(page) {
		t.Error("Swagger UI loads from elsewhere")
	}
}

// gin-swagger learns where it is from the first path it sees, and looks for names anywhere in a URL.
func TestNoSpellingOfAPathBreaksSwaggerUI(t *testing.T) {
	t.Parallel()
	s := startService(t, nil)
	for _, path := range []string{
		"/swagger/x/swagger-ui.css", "/swagger//index.html", "/swagger/index.htmlx", "/swagger/%69ndex.html", "/swagger/doc.json",
		"/swagger/nothing?swagger-ui.css",
	} {
		got := s.do(t, call{method: "GET", path: path, token: "-"})
		if got.status != 404 || got.header.Get("Content-Type") != "application/problem+json" {
			t.Errorf("%s: %d %s", path, got.status, got.header.Get("Content-Type"))
		}
	}
	for _, path := range []string{"/swagger/index.html?x=swagger-ui.css", "/swagger/swagger-ui.css", "/swagger/swagger-ui-bundle.js"} {
		if got := s.do(t, call{method: "GET", path: path, token: "-"}); got.status != 200 || len(got.body) < 1000 {
			t.Errorf("%s: %d, %d bytes", path, got.status, len(got.body))
		}
	}
}
