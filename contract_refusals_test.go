package main

import (
	"net/http"
	"strings"
	"testing"
)

const goodOrder = `{"amount":1999,"currency":"EUR"}`

// TestEveryRefusalIsItsProblem has what is wrong with a request's headers and with its body, and the problem for it. None of them
// may spend the key: each key is used again, rightly, at the end.
func TestEveryRefusalIsItsProblem(t *testing.T) {
	t.Parallel()
	s := startService(t, nil)
	big := `{"amount":1999,"currency":"EUR","metadata":{"a":"` + strings.Repeat("x", 70_000) + `"}}`
	for _, test := range []struct {
		name   string
		call   call
		status int
		code   string
	}{
		{"no key", call{body: goodOrder}, 400, "idempotency-key-missing"},
		{"empty key", call{body: goodOrder, header: h("Idempotency-Key", "")}, 400, "idempotency-key-invalid"},
		{"two keys", call{body: goodOrder, header: h("Idempotency-Key", "a", "b")}, 400, "idempotency-key-invalid"},
		{"long key", call{body: goodOrder, key: strings.Repeat("k", 256)}, 400, "idempotency-key-invalid"},
		{"space in a raw key", call{body: goodOrder, key: "a b"}, 400, "idempotency-key-invalid"},
		{"comma in a raw key", call{body: goodOrder, key: "a,b"}, 400, "idempotency-key-invalid"},
		{"open quote", call{body: goodOrder, key: `"abc`}, 400, "idempotency-key-invalid"},
		{"parameter after a quoted key", call{body: goodOrder, key: `"abc";a=1`}, 400, "idempotency-key-invalid"},
		{"non-ASCII key", call{body: goodOrder, key: "schlüssel"}, 400, "idempotency-key-invalid"},
		{"no JSON", call{body: `{`, key: "k1"}, 400, "malformed-request"},
		{"no body", call{key: "k1"}, 400, "malformed-request"},
		{"two values", call{body: goodOrder + goodOrder, key: "k1"}, 400, "malformed-request"},
		{"unknown member", call{body: `{"amount":1,"currency":"EUR","colour":"red"}`, key: "k1"}, 400, "malformed-request"},
		{"duplicate member", call{body: `{"amount":1,"amount":1,"currency":"EUR"}`, key: "k1"}, 400, "malformed-request"},
		{"other case", call{body: `{"Amount":1,"currency":"EUR"}`, key: "k1"}, 400, "malformed-request"},
		{"fraction", call{body: `{"amount":1.0,"currency":"EUR"}`, key: "k1"}, 400, "malformed-request"},
		{"exponent", call{body: `{"amount":1e3,"currency":"EUR"}`, key: "k1"}, 400, "malformed-request"},
		{"string for a number", call{body: `{"amount":"100","currency":"EUR"}`, key: "k1"}, 400, "malformed-request"},
		{"array for an object", call{body: `[]`, key: "k1"}, 400, "malformed-request"},
		{"deep nesting", call{body: strings.Repeat(`{"metadata":`, 40) + "1" + strings.Repeat("}", 40), key: "k1"}, 400, "malformed-request"},
		{"invalid UTF-8", call{body: "{\"amount\":1,\"currency\":\"\xff\"}", key: "k1"}, 400, "malformed-request"},
		{"unknown parameter", call{path: "/v1/orders?x=1", body: goodOrder, key: "k1"}, 400, "malformed-request"},
		{"two Authorization headers", call{body: goodOrder, key: "k1", header: h("Authorization", "Bearer a", "Bearer b")}, 400, "malformed-request"},
		{"no API key", call{body: goodOrder, key: "k1", token: "-"}, 401, "unauthorized"},
		{"malformed API key", call{body: goodOrder, key: "k1", token: "sk_test_x"}, 401, "unauthorized"},
		{"another scheme", call{body: goodOrder, key: "k1", header: h("Authorization", "Basic "+s.key)}, 401, "unauthorized"},
		{"wrong secret", call{body: goodOrder, key: "k1", token: s.key[:len(s.key)-4] + "aaaa"}, 401, "unauthorized"},
		{"unknown route", call{path: "/v1/nothing", body: goodOrder, key: "k1"}, 404, "not-found"},
		{"trailing slash", call{path: "/v1/orders/", body: goodOrder, key: "k1"}, 404, "not-found"},
		{"double slash", call{path: "//v1/orders", body: goodOrder, key: "k1"}, 404, "not-found"},
		{"upper case", call{path: "/V1/orders", body: goodOrder, key: "k1"}, 404, "not-found"},
		{"unknown order", call{path: "/v1/payments", body: `{"order_id":"ord_01jd8x7w4n9q2m5k3r6t8v0y1z","payment_method":"pm_card_visa"}`, key: "k1"}, 404, "not-found"},
		{"malformed order id", call{path: "/v1/payments", body: `{"order_id":"nonsense","payment_method":"pm_card_visa"}`, key: "k1"}, 404, "not-found"},
		{"other method", call{method: "PUT", body: goodOrder, key: "k1"}, 405, "method-not-allowed"},
		{"OPTIONS", call{method: "OPTIONS"}, 405, "method-not-allowed"},
		{"large body", call{body: big, key: "k1"}, 413, "body-too-large"},
		{"another media type", call{body: goodOrder, key: "k1", header: h("Content-Type", "text/plain")}, 415, "unsupported-media-type"},
		{"another charset", call{body: goodOrder, key: "k1", header: h("Content-Type", "application/json; charset=latin1")}, 415, "unsupported-media-type"},
		{"charset utf8", call{body: goodOrder, key: "k1", header: h("Content-Type", "application/json; charset=utf8")}, 415, "unsupported-media-type"},
		{"an unknown parameter of the media type", call{body: goodOrder, key: "k1", header: h("Content-Type", "application/json; version=1")}, 415, "unsupported-media-type"},
		{"an unknown parameter behind the charset", call{body: goodOrder, key: "k1", header: h("Content-Type", "application/json; charset=utf-8; q=1")}, 415, "unsupported-media-type"},
		{"a suffix", call{body: goodOrder, key: "k1", header: h("Content-Type", "application/merge-patch+json")}, 415, "unsupported-media-type"},
		{"encoded body", call{body: goodOrder, key: "k1", header: h("Content-Encoding", "gzip")}, 415, "unsupported-media-type"},
		{"unknown currency", call{body: `{"amount":1,"currency":"XYZ"}`, key: "k1"}, 422, "validation-failed"},
		{"zero amount", call{body: `{"amount":0,"currency":"EUR"}`, key: "k1"}, 422, "validation-failed"},
		{"negative amount", call{body: `{"amount":-5,"currency":"EUR"}`, key: "k1"}, 422, "validation-failed"},
		{"huge amount", call{body: `{"amount":1000000000000,"currency":"EUR"}`, key: "k1"}, 422, "validation-failed"},
		{"amount beyond 64 bits", call{body: `{"amount":9223372036854775808,"currency":"EUR"}`, key: "k1"}, 422, "validation-failed"},
		{"lower-case currency", call{body: `{"amount":1,"currency":"eur"}`, key: "k1"}, 422, "validation-failed"},
		{"free items", call{body: `{"currency":"EUR","items":[{"name":"a","quantity":1,"unit_amount":0}]}`, key: "k1"}, 422, "validation-failed"},
		{"NUL in a reference", call{body: `{"amount":1,"currency":"EUR","reference":"a\u0000"}`, key: "k1"}, 422, "validation-failed"},
		{"half a surrogate pair", call{body: `{"amount":1,"currency":"EUR","metadata":{"a":"\ud800"}}`, key: "k1"}, 400, "malformed-request"},
		{"null for the body", call{body: `null`, key: "k1"}, 400, "malformed-request"},
		{"null in metadata", call{body: `{"amount":1,"currency":"EUR","metadata":{"a":null}}`, key: "k1"}, 400, "malformed-request"},
		{"null in items", call{body: `{"amount":1,"currency":"EUR","items":[null]}`, key: "k1"}, 400, "malformed-request"},
		{"null for an unknown member", call{body: `{"amount":1,"currency":"EUR","colour":null}`, key: "k1"}, 400, "malformed-request"},
		{"null for the amount and no items", call{body: `{"amount":null,"currency":"EUR"}`, key: "k1"}, 422, "validation-failed"},
		{"null for a price", call{body: `{"amount":1,"currency":"EUR","items":[{"name":"a","quantity":1,"unit_amount":null}]}`, key: "k1"}, 422, "validation-failed"},
		{"an item without a price", call{body: `{"currency":"EUR","items":[{"name":"a","quantity":1,"unit_amount":1},{"name":"b","quantity":1}]}`, key: "k1"}, 422, "validation-failed"},
		{"neither amount nor items", call{body: `{"currency":"EUR"}`, key: "k1"}, 422, "validation-failed"},
		{"amount that is not the sum", call{body: `{"amount":5,"currency":"EUR","items":[{"name":"a","quantity":2,"unit_amount":2}]}`, key: "k1"}, 422, "validation-failed"},
		{"overflowing items", call{body: `{"currency":"EUR","items":[{"name":"a","quantity":9223372036854775807,"unit_amount":9223372036854775807}]}`, key: "k1"}, 422, "validation-failed"},
		{"card number in metadata", call{body: `{"amount":1,"currency":"EUR","metadata":{"card":"4242 4242 4242 4242"}}`, key: "k1"}, 422, "validation-failed"},
		{"return address of another scheme", call{path: "/v1/payments", body: `{"order_id":"ord_01jd8x7w4n9q2m5k3r6t8v0y1z","payment_method":"pm_card_visa","return_url":"javascript:alert(1)"}`, key: "k1"}, 422, "validation-failed"},
		{"payment method of another form", call{path: "/v1/payments", body: `{"order_id":"ord_01jd8x7w4n9q2m5k3r6t8v0y1z","payment_method":"card"}`, key: "k1"}, 422, "validation-failed"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if test.call.method == "" {
				test.call.method = http.MethodPost
			}
			if test.call.path == "" {
				test.call.path = "/v1/orders"
			}
			got := s.free(t, test.call)
			if got.status != test.status || got.text(t, "code") != test.code {
				t.Fatalf("got %d %s", got.status, got.body)
			}
			checkProblem(t, got)
		})
	}
	if got := s.free(t, call{method: "POST", path: "/v1/orders", key: "k1", body: goodOrder}); got.status != 201 || got.header.Get("Idempotent-Replayed") != "" {
		t.Errorf("the key was burnt: %d %s", got.status, got.body)
	}
}

func h(name string, values ...string) map[string][]string { return map[string][]string{name: values} }

// checkProblem holds a problem to what every one of them promises.
func checkProblem(t *testing.T, a answer) {
	t.Helper()
	if a.header.Get("Content-Type") != "application/problem+json" {
		t.Errorf("Content-Type is %q", a.header.Get("Content-Type"))
	}
	for _, member := range []string{"type", "title", "detail", "instance"} {
		if a.text(t, member) == "" {
			t.Errorf("%s is missing in %s", member, a.body)
		}
	}
	if a.text(t, "instance") != a.header.Get("X-Request-Id") {
		t.Errorf("instance is %q, the request %q", a.text(t, "instance"), a.header.Get("X-Request-Id"))
	}
	if a.header.Get("Cache-Control") != "no-store" || a.header.Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("headers %v", a.header)
	}
	if a.status == http.StatusUnauthorized && a.header.Get("WWW-Authenticate") != "Bearer" {
		t.Errorf("401 with WWW-Authenticate %q", a.header.Get("WWW-Authenticate"))
	}
	if a.status == http.StatusMethodNotAllowed && a.header.Get("Allow") == "" {
		t.Error("405 without Allow")
	}
}
