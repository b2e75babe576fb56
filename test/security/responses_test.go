package security

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/payonce/payonce/docs"
	"github.com/payonce/payonce/docs/openapi"
	"github.com/payonce/payonce/test/service"
)

// everyAnswer walks through every route with every method, with and without a key. The headers of each answer are checked
// where it is received; so here it is about what is answered, and that nothing of the request comes back.
func (s *target) everyAnswer(t *testing.T) {
	document, err := openapi.Load(docs.OpenAPI())
	if err != nil {
		t.Fatal(err)
	}
	paths := []string{
		"/", "/nothing", "/v1", "/v1/", "/v2/orders", "/openapi.json", "/problems", "/problems/not-found", "/problems/x", "/swagger/index.html",
		"/swagger/x", "/swagger/swagger-ui.css",
	}
	for path := range document.Paths.Map() {
		paths = append(paths, strings.NewReplacer("{id}", "x", "{key}", "k").Replace(path))
	}
	for _, path := range paths {
		for _, method := range []string{"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "PROPFIND", "LOCK", "G'T"} {
			for _, authorization := range []string{"Bearer " + s.mine.client.APIKey(), "Bearer " + canary} {
				resp := s.one(t, method+" "+path+" HTTP/1.1\r\nHost: x\r\nAuthorization: "+authorization+"\r\nOrigin: https://"+canary+".example\r\nX-Echo: "+canary+"\r\n\r\n")
				if resp.Status >= 500 || strings.Contains(string(resp.Body), canary) || resp.Status == 200 && method != "GET" {
					t.Errorf("%s %s: %.300s", method, path, resp)
				}
				if resp.Status >= 400 && (resp.Header.Get("Content-Type") != "application/problem+json" || !json.Valid(resp.Body)) {
					t.Errorf("%s %s: %d as %s", method, path, resp.Status, resp.Header.Get("Content-Type"))
				}
			}
		}
		s.mine.send(t, "HEAD", path, "", "")
	}
	t.Run("a request about the server as a whole is refused like any other", func(t *testing.T) {
		service.Wants(t, "OPTIONS *", s.one(t, s.mine.raw("OPTIONS", "*", "")), 404, "not-found")
	})
	t.Run("pages for people load nothing from elsewhere and are in no frame", s.pages)
	t.Run("a refusal tells nothing of the program", func(t *testing.T) {
		for _, body := range []string{`{`, `{"amount":"x"}`, `{"amount":1,"currency":"E\u0000R"}`, `[]`, `{"items":[{"quantity":{}}]}`, `{"metadata":{"a":[]}}`} {
			resp := s.mine.send(t, "POST", "/v1/orders", uuid.NewString(), body)
			for _, word := range []string{"goroutine", ".go:", "handlers.", "json:", "unmarshal", "SQLSTATE", "pgx", "gorm", "gin", "redis", "127.0.0.1", "int64", "struct"} {
				if strings.Contains(string(resp.Body), word) {
					t.Errorf("%s: %q in %s", body, word, resp)
				}
			}
		}
	})
}

func (s *target) pages(t *testing.T) {
	for path, wanted := range map[string][]string{
		"/swagger/index.html": {"default-src 'none'", "script-src 'self'", "connect-src 'self'", "frame-ancestors 'none'", "base-uri 'none'"},
		"/problems":           {"default-src 'none'", "frame-ancestors 'none'"},
		"/problems/internal":  {"default-src 'none'", "frame-ancestors 'none'"},
	} {
		resp := s.mine.send(t, "GET", path, "", "")
		policy := resp.Header.Get("Content-Security-Policy")
		for _, directive := range wanted {
			if !strings.Contains(policy, directive) {
				t.Errorf("%s: %s is missing in %q", path, directive, policy)
			}
		}
		for _, unsafe := range []string{"unsafe-eval", "script-src 'unsafe-inline'", "*", "http:"} {
			if strings.Contains(policy, unsafe) {
				t.Errorf("%s: %s in %q", path, unsafe, policy)
			}
		}
	}
}
