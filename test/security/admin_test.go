package security

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/payonce/payonce/internal/config"
)

// admin: what is for operators is on its own listener, and no spelling of a path, host or method leads there from outside.
func (s *target) admin(t *testing.T) {
	t.Run("the public listener knows nothing of the admin's", s.hiddenSurface)
	t.Run("the admin's listener knows nothing of merchants", func(t *testing.T) {
		for _, path := range []string{"/v1/orders", "/v1/balance", "/healthz", "/swagger/index.html", "/v1/idempotency-keys/k"} {
			req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.service.AdminURL()+path, nil)
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("Authorization", "Bearer "+s.mine.client.APIKey())
			resp, err := (&http.Client{Timeout: time.Minute}).Do(req)
			if err != nil {
				t.Fatal(err)
			}
			if _ = resp.Body.Close(); resp.StatusCode != http.StatusNotFound {
				t.Errorf("%s: %d", path, resp.StatusCode)
			}
		}
	})
	t.Run("the admin's listener answers no page of another site", func(t *testing.T) {
		for host, want := range map[string]int{"attacker.example": http.StatusForbidden, "localhost:9091": http.StatusOK} {
			req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.service.AdminURL()+"/debug/pprof/", http.NoBody)
			if err != nil {
				t.Fatal(err)
			}
			req.Host = host
			resp, err := (&http.Client{Timeout: time.Minute}).Do(req)
			if err != nil {
				t.Fatal(err)
			}
			if _ = resp.Body.Close(); resp.StatusCode != want {
				t.Errorf("asked as %s: got %d, want %d", host, resp.StatusCode, want)
			}
		}
	})
	t.Run("both listeners are on loopback unless they are told otherwise", func(t *testing.T) {
		command, err := config.Parse(nil, func(string) string { return "" }, io.Discard, io.Discard)
		serve, ok := command.(*config.Serve)
		if err != nil || !ok {
			t.Fatalf("%T, %v", command, err)
		}
		for name, address := range map[string]string{"ADDR": serve.Addr, "ADMIN_ADDR": serve.AdminAddr} {
			host, port, err := net.SplitHostPort(address)
			if err != nil || !net.ParseIP(host).IsLoopback() || port == "0" {
				t.Errorf("%s is %s, %v", name, address, err)
			}
		}
		if serve.Addr == serve.AdminAddr {
			t.Error("they are one")
		}
	})
}

func (s *target) hiddenSurface(t *testing.T) {
	adminURL, err := url.Parse(s.service.AdminURL())
	if err != nil {
		t.Fatal(err)
	}
	paths := []string{
		"/metrics", "/debug/pprof/", "/debug/pprof/heap", "/debug/pprof/goroutine?debug=2", "/debug/pprof/cmdline",
		"/debug/pprof/profile?seconds=1", "/debug/vars", "/debug/requests",
		"/simulator/charges", "/admin", "/admin/metrics", "/actuator", "/env", "/.env", "/.git/config", "/server-status",
	}
	var spellings []string
	for _, path := range paths {
		bare, query, _ := strings.Cut(path, "?")
		for _, spelling := range []string{
			bare, bare + "/", "/" + bare, strings.ToUpper(bare), "/." + bare, "/x/.." + bare, "/v1/.." + bare, "/v1/orders/../.." + bare,
			"/swagger/.." + bare, "/swagger" + bare, "/problems/.." + bare,
			"/swagger/%2e%2e" + bare, "/%2e" + bare, "/v1/%2e%2e" + bare, fmt.Sprintf("/%%%02x%s", bare[1], bare[2:]), bare + ";x",
			bare + "%00", bare + "%20", bare + ".", bare + "%2f", "/%2f" + bare[1:], "/v1" + bare,
			"/healthz" + bare, "/healthz/.." + bare, bare + "#", `/..\` + bare[1:],
		} {
			spellings = append(spellings, spelling+map[bool]string{true: "?" + query}[query != ""])
		}
	}
	for _, path := range spellings {
		s.refused(t, s.mine.raw("GET", path, ""))
	}
	for _, path := range paths {
		for _, host := range []string{adminURL.Host, "localhost:" + adminURL.Port(), "127.0.0.1", "[::1]", "admin", ""} {
			s.refused(t, strings.Replace(s.mine.raw("GET", path, "", "X-Original-Url: "+path, "X-Forwarded-Host: "+adminURL.Host), "payonce.test", host, 1))
		}
		s.refused(t, s.mine.raw("GET", s.service.AdminURL()+path, ""))
		s.refused(t, s.mine.raw("GET", "http://localhost:9091"+path, ""))
		for _, method := range []string{"POST", "HEAD", "PUT", "DELETE", "TRACE", "OPTIONS", "CONNECT", "PROPFIND"} {
			s.refused(t, s.mine.raw(method, path, ""))
		}
	}
	s.refused(t, s.mine.raw("CONNECT", adminURL.Host, ""))
}

// refused: the answer is the service's own "no such thing", and nothing of what operators see. What follows the answer to
// a HEAD can't be read by exchange; the connection ends with it.
func (s *target) refused(t *testing.T, request string) {
	t.Helper()
	if head, ok := strings.CutPrefix(request, "HEAD "); ok {
		path, _, _ := strings.Cut(head, " ")
		if resp := s.mine.send(t, "HEAD", path, "", ""); resp.Status != 404 {
			t.Errorf("HEAD %s: %s", path, resp)
		}
		return
	}
	resp := s.one(t, request)
	if resp.Status != 404 && resp.Status != 405 && !byServer(resp) {
		t.Errorf("%.120q: %.300s", request, resp)
	}
	for _, secret := range []string{"go_goroutines", "payonce_http", "goroutine ", "idempotency_key\":", "heap profile", "cmdline"} {
		if strings.Contains(string(resp.Body), secret) {
			t.Errorf("%.120q shows %q", request, secret)
		}
	}
}
