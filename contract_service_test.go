package main

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/payonce/payonce/internal/problem"
	"github.com/payonce/payonce/test/service"
)

// api is a running service, as two merchants see it.
type api struct {
	*service.Service

	client     *service.Client
	key, other string // their API keys
	keyID      string
}

// startService runs the service. The environment overrides the settings of the tests.
func startService(t *testing.T, environment map[string]string) *api {
	t.Helper()
	s := &api{Service: service.Start(t, service.Options{DatabaseURL: environment["DATABASE_URL"], RedisURL: environment["REDIS_URL"], Env: environment})}
	_, s.key = service.Merchant(t, s.Options.DatabaseURL)
	_, s.other = service.Merchant(t, s.Options.DatabaseURL)
	s.client, s.keyID = s.Client(s.key), service.KeyID(t, s.key)
	return s
}

// call is one request. The zero value is a POST of nothing to nowhere.
type call struct {
	method, path, body string
	key                string // Idempotency-Key; empty: none
	header             map[string][]string
	token              string // instead of the first merchant's API key; "-": none
}

type answer struct {
	status int
	header http.Header
	body   string
}

// do sends a request once.
func (s *api) do(t *testing.T, c call) answer {
	t.Helper()
	token := c.token
	switch token {
	case "":
		token = s.key
	case "-":
		token = ""
	}
	var headers []string
	for name, values := range c.header {
		for _, value := range values {
			headers = append(headers, name, value)
		}
	}
	resp := s.client.As(token).Send(t.Context(), c.method, c.path, c.key, c.body, headers...)
	switch {
	case resp.Status == 0:
		t.Fatal(resp.Err)
	case resp.Err != nil:
		t.Errorf("not as described: %v", resp.Err)
	}
	return answer{resp.Status, resp.Header, string(resp.Body)}
}

// free sends a request under a key that an earlier one without an outcome may have left a hint of: for a second, that may
// cost a 409.
func (s *api) free(t *testing.T, c call) answer {
	t.Helper()
	got := s.do(t, c)
	for limit := time.Now().Add(2 * time.Second); got.status == http.StatusConflict && time.Now().Before(limit); {
		got = s.do(t, c)
	}
	return got
}

// patiently sends a request again under its key while it was not decided: a row's lock may be waited for too long, and then the
// key may be in flight for a moment.
func (s *api) patiently(t *testing.T, c call) (got answer) {
	t.Helper()
	for limit := time.Now().Add(20 * time.Second); ; {
		got = s.do(t, c)
		open := got.status == http.StatusServiceUnavailable || got.status == http.StatusConflict && got.text(t, "code") == string(problem.CodeRequestInFlight)
		if !open || time.Now().After(limit) {
			return got
		}
	}
}

// field reads a member of a JSON answer; dots lead into objects.
func (a answer) field(t *testing.T, path string) any {
	t.Helper()
	var value any
	if err := json.Unmarshal([]byte(a.body), &value); err != nil {
		t.Fatalf("%q: %v", a.body, err)
	}
	for name := range strings.SplitSeq(path, ".") {
		object, _ := value.(map[string]any)
		value = object[name]
	}
	return value
}

func (a answer) text(t *testing.T, path string) string {
	t.Helper()
	text, _ := a.field(t, path).(string)
	return text
}

// order makes an order and returns its id.
func (s *api) order(t *testing.T, key string) string {
	t.Helper()
	made := s.do(t, call{method: "POST", path: "/v1/orders", key: key, body: `{"amount":1999,"currency":"EUR"}`})
	if made.status != http.StatusCreated {
		t.Fatalf("order: %d %s", made.status, made.body)
	}
	return made.text(t, "id")
}

// pay pays an order.
func (s *api) pay(t *testing.T, key, order, method string) answer {
	t.Helper()
	return s.do(t, call{method: "POST", path: "/v1/payments", key: key, body: `{"order_id":"` + order + `","payment_method":"` + method + `"}`})
}
