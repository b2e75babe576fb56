package middleware_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"

	"github.com/payonce/payonce/idempotency"
	"github.com/payonce/payonce/middleware"
)

func TestConfigRefusesWhatCannotBeMeant(t *testing.T) {
	t.Parallel()
	tenant := func(*gin.Context) idempotency.Tenant { return idempotency.Tenant{1} }
	cases := map[string]middleware.Config{"Tenant is nil": {}}
	for _, name := range []string{
		"Set-Cookie", "set-cookie", "Set-Cookie2", "Authorization", "WWW-Authenticate", "Authentication-Info", "Proxy-Authenticate",
		"proxy-authorization", "X-Request-ID", "Request-Id", "traceparent", "RateLimit", "RateLimit-Policy", "X-RateLimit-Remaining",
		"Connection", "Keep-Alive", "TE", "Trailer", "Transfer-Encoding", "Upgrade", "Content-Length", "Date", "Idempotent-Replayed",
		"Idempotency-Key-Expires", "", "X Y", "X:Y", "X\nY",
	} {
		cases[fmt.Sprintf("Config.Replay: replayed headers: %q", name)] = middleware.Config{Tenant: tenant, Replay: []string{"X-Fine", name}}
	}
	for _, name := range []string{"", "form", "*/*", "Text/Plain", "text/plain; charset=utf-8", "text/", "application/json"} {
		cases[fmt.Sprintf("Config.MediaTypes: %q", name)] = middleware.Config{Tenant: tenant, MediaTypes: []string{name}}
	}
	for want, config := range cases {
		text := panicOf(func() { middleware.NewIdempotency[int](nil, config) })
		where, _, _ := strings.Cut(want, ":")
		if !strings.Contains(text, where) {
			t.Errorf("%s: got %q, want a panic that says so", want, text)
		}
	}
	if text := panicOf(func() {
		middleware.NewIdempotency[int](nil, middleware.Config{
			Tenant: tenant, Replay: []string{"X-Coffee", "vary", "Retry-After", "Content-Type"}, MediaTypes: []string{"text/plain"},
		})
	}); text != "" {
		t.Errorf("a good Config: %s", text)
	}
}

func panicOf(f func()) (text string) {
	defer func() {
		if cause := recover(); cause != nil {
			text = fmt.Sprint(cause)
		}
	}()
	f()
	return ""
}
