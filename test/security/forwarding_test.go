package security

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/payonce/payonce/test/service"
)

// spoofed are headers by which a client claims to be elsewhere, or to want something else than it asks for.
func spoofed(address string) []string {
	return []string{
		"X-Forwarded-For", address, "X-Real-Ip", address, "Forwarded", "for=" + address + ";host=" + canary + ".example;proto=https", "True-Client-Ip", address,
		"Cf-Connecting-Ip", address, "X-Client-Ip", address, "X-Cluster-Client-Ip", address, "Fastly-Client-Ip", address, "X-Appengine-Remote-Addr", address,
		"X-Forwarded-Host", canary + ".example", "X-Forwarded-Proto", "https", "X-Forwarded-Port", "443", "X-Forwarded-Prefix",
		"/" + canary, "X-Host", canary + ".example",
	}
}

// forwarding: there is no trusted proxy, so what such headers say changes nothing. That no answer and no line of the log
// holds what they say is checked with all others.
func (s *target) forwarding(t *testing.T) {
	t.Run("a spoofed host or address changes neither the answer nor its links", func(t *testing.T) {
		victim := s.merchant(t)
		resp := victim.send(t, "POST", "/v1/orders", uuid.NewString(), order("spoofed"), spoofed("203.0.113.7, "+canary)...)
		service.Wants(t, "an order", resp, 201, "")
		if want := "/v1/orders/" + resp.Field("id"); resp.Header.Get("Location") != want {
			t.Errorf("Location %q, not %q", resp.Header.Get("Location"), want)
		}
		exists := victim.send(t, "POST", "/v1/orders", uuid.NewString(), order("spoofed"), spoofed("203.0.113.7")...)
		service.Wants(t, "the reference again", exists, 409, "order-reference-exists")
		if !strings.Contains(string(exists.Body), `"href":"/v1/orders/`) {
			t.Errorf("no link, or another: %s", exists)
		}
		service.Wants(t, "a Host", s.one(t, strings.Replace(victim.raw("GET", "/v1/orders", ""), "payonce.test", canary+".example:1", 1)), 200, "")
	})
	t.Run("another method or path in a header is not believed", func(t *testing.T) {
		victim := s.merchant(t)
		for _, name := range []string{"X-Http-Method-Override", "X-Http-Method", "X-Method-Override", "_method"} {
			service.Wants(t, name, victim.send(t, "POST", "/v1/orders", uuid.NewString(), service.OrderBody, name, "GET"), 201, "")
			service.Wants(t, name, victim.send(t, "GET", "/v1/orders", uuid.NewString(), "", name, "POST"), 200, "")
			service.Wants(t, name, victim.send(t, "GET", "/v1/orders/x/cancel", uuid.NewString(), "", name, "POST"), 405, "method-not-allowed")
		}
		for _, name := range []string{"X-Original-Url", "X-Rewrite-Url", "X-Original-Uri", "X-Envoy-Original-Path", "X-Accel-Redirect", "X-Forwarded-Uri"} {
			for _, path := range []string{"/metrics", "/debug/pprof/", "/healthz", "/v1/balance"} {
				resp := victim.send(t, "GET", "/v1/orders", "", "", name, path)
				if service.Wants(t, name, resp, 200, ""); !strings.HasPrefix(string(resp.Body), `{"data":[{"id":"ord_`) {
					t.Errorf("%s: %s gave %.200s", name, path, resp)
				}
			}
		}
		if n := victim.number(t, "SELECT count(*) FROM orders WHERE merchant_id = $1"); n != 4 {
			t.Errorf("%d orders, not one for each POST", n)
		}
	})
}

// limited is how many of 20 requests are refused, each of which says that it comes from elsewhere.
func (m *merchant) limited(t *testing.T) (n int) {
	t.Helper()
	for i := range 20 {
		resp := m.send(t, "GET", "/v1/balance", "", "", spoofed(fmt.Sprintf("198.51.100.%d", i))...)
		if resp.Status == 429 {
			n++
		} else if resp.Status != 200 {
			t.Errorf("a merchant: %s", resp)
		}
	}
	return n
}

func TestASpoofedAddressBuysNoRequests(t *testing.T) {
	t.Parallel()
	s := attack(t, service.Options{Env: map[string]string{"RATE_LIMIT": "1/m,burst=5"}})
	service.Wants(t, "another merchant, known from now on", s.other.send(t, "GET", "/v1/balance", "", ""), 200, "")
	t.Run("strangers are limited by their own address", func(t *testing.T) {
		limited := 0
		for i := range 20 {
			headers := spoofed(fmt.Sprintf("203.0.113.%d", i))
			resp := s.mine.send(t, "GET", "/v1/orders", "", "", append(headers, "Authorization", fmt.Sprint("Bearer guess-", i))...)
			if resp.Status == 429 {
				limited++
			} else if resp.Status != 401 {
				t.Errorf("a stranger: %s", resp)
			}
		}
		if limited < 14 {
			t.Errorf("%d of 20 strangers were limited, not all but 5 or 6", limited)
		}
	})
	t.Run("a key is limited wherever it says it comes from", func(t *testing.T) {
		limited := s.mine.limited(t)
		for try := 0; try < 2 && limited < 14; try++ { // the process itself counts what Redis is too slow for on a busy machine
			limited = s.merchant(t).limited(t)
		}
		if limited < 14 {
			t.Errorf("%d of 20 requests were limited, not all but 5 or 6", limited)
		}
	})
	t.Run("a client doesn't use up another's requests by naming its address", func(t *testing.T) {
		service.Wants(t, "another merchant, after all that", s.other.send(t, "GET", "/v1/balance", "", "", spoofed("203.0.113.1")...), 200, "")
	})
}
