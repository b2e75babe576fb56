package main

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestARequestWithoutKeyOrTextStartsNoWorkflow(t *testing.T) {
	t.Parallel()
	routes := (&service{}).routes() // a workflow would need DBOS
	for name, request := range map[string]struct{ key, body string }{
		"no key":     {"", `{"text":"a"}`},
		"a long key": {strings.Repeat("k", maxKey+1), `{"text":"a"}`},
		"no text":    {"key", `{}`},
		"not JSON":   {"key", `{"text":`},
	} {
		for _, path := range []string{"/notes", "/notes-tx", "/external"} {
			req := httptest.NewRequestWithContext(t.Context(), http.MethodPost, path, strings.NewReader(request.body))
			req.Header.Set("Idempotency-Key", request.key)
			got := httptest.NewRecorder()
			routes.ServeHTTP(got, req)
			if got.Code != http.StatusBadRequest {
				t.Errorf("%s: %s answers %d, want 400", name, path, got.Code)
			}
		}
	}
}
