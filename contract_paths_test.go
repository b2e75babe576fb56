package main

import (
	"fmt"
	"io"
	"net"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/payonce/payonce/models"
)

// Each printable character stands in a key of its own, and the keys differ in nothing else. Every way in which programs
// encode a path shows that key's own record.
func TestAKeyInAPathIsTheKeysValueInEveryEncoding(t *testing.T) {
	t.Parallel()
	s := startService(t, nil)
	orders := map[string]string{}
	for c := byte(' '); c <= '~'; c++ {
		key := "k" + string(c) + "1"
		orders[key] = s.order(t, quoted(key))
	}
	for key, order := range orders {
		for name, encode := range encodings() {
			got := s.do(t, call{method: "GET", path: "/v1/idempotency-keys/" + encode(key)})
			if got.status != 200 || got.text(t, "key") != key || got.text(t, "resource.id") != order {
				t.Errorf("the key %q as %s: got %d %s; want the record of %s", key, encode(key), got.status, got.body, order)
			}
			if t.Failed() {
				t.Fatalf("encoded by %s", name)
			}
		}
	}
}

func TestAKeyInAPathHasNoHeaderSyntax(t *testing.T) {
	t.Parallel()
	s := startService(t, nil)
	orders := map[string]string{}
	for _, key := range []string{
		"abc", `"abc"`, ` abc `, "k1 x", "k1+x", `"k1+x"`, "k1%2Bx", "k1, x", `"`, `""`, `\`, ".", "..", "/", "a/b", "a", "%41", "A", "k?x=1", "k#x", "k;v=1",
		strings.Repeat("k", 255), `"` + strings.Repeat("/", 253) + `"`,
	} {
		orders[key] = s.order(t, quoted(key))
	}
	for key, order := range orders {
		for name, encode := range encodings() {
			got := s.do(t, call{method: "GET", path: "/v1/idempotency-keys/" + encode(key)})
			if got.status != 200 || got.text(t, "key") != key || got.text(t, "resource.id") != order {
				t.Errorf("%s of %.20q: got %d %s; want the record of %s", name, key, got.status, got.body, order)
			}
		}
	}
	for path, want := range map[string]int{
		"": 404, "/": 404, "a/b": 404, // a slash that is not encoded is another path
		"%20": 404, "k1%20x%20": 404, "%2522": 404, "ABC": 404, // keys that were never used
		"%00": 400, "a%0Ab": 400, "%7F": 400, "%C3%A4": 400, "%FF": 400, strings.Repeat("k", 256): 400,
	} {
		if got := s.do(t, call{method: "GET", path: "/v1/idempotency-keys/" + path}); got.status != want {
			t.Errorf("%.30q: got %d %s, want %d", path, got.status, got.body, want)
		}
	}
}

// A parameter of a path is decoded once, as a path and never as a form.
func TestAnIDInAPathIsDecodedOnceAndNeverAsAForm(t *testing.T) {
	t.Parallel()
	s := startService(t, nil)
	order := s.order(t, "order")
	payment := s.pay(t, "pay", order, "pm_card_visa").text(t, "id")
	event := s.firstID(t, "/v1/events")
	for route, id := range map[string]string{"/v1/orders/": order, "/v1/payments/": payment, "/v1/events/": event, "/problems/": "not-found"} {
		unknown := models.FormatID(models.PrefixOrder, uuid.UUID{})
		for path, want := range map[string]int{
			id: 200, strings.NewReplacer("_", "%5F", "-", "%2D").Replace(id): 200, percent(id): 200, strings.ToLower(percent(id)): 200,
			strings.ReplaceAll(percent(id), "%", "%25"): 404, // twice encoded
			id + "+": 404, "+" + id: 404, id + "%2B": 404, id + "%20": 404, "%20" + id: 404, strings.NewReplacer("_", "+", "-", "+").Replace(id): 404,
			id + "%00": 404, "%00": 404, id + "%2F": 404, id + "%2Fx": 404, id + "/": 404, strings.ToUpper(id): 404, unknown: 404, "%FF": 404, "%C3%A4": 404,
			id + ";v=1": 404, id + "%3Fx=1": 404, id + "%23": 404, ".": 404, "..": 404, "%2E%2E": 404, "%22" + id + "%22": 404,
		} {
			got := s.do(t, call{method: "GET", path: route + path})
			if got.status != want {
				t.Errorf("GET %s%s: got %d %.200s, want %d", route, path, got.status, got.body, want)
			}
		}
	}
	for _, path := range []string{"/v1/%6Frders", "/v1%2Forders", "/%761/orders", "/v1/orders%2F" + order, "/problem%73/not-found"} {
		if got := s.do(t, call{method: "GET", path: path}); got.status != 404 {
			t.Errorf("GET %s: got %d, want 404: a route has one spelling", path, got.status)
		}
	}
}

// An escape that is none never reaches a route: net/http refuses the request line.
func TestAPathWithABrokenEscapeIsRefused(t *testing.T) {
	t.Parallel()
	s := startService(t, nil)
	for _, path := range []string{"/v1/orders/%zz", "/v1/idempotency-keys/%", "/v1/idempotency-keys/a%2", "/problems/%GG"} {
		if answer := s.raw(t, "GET "+path+" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"); !strings.HasPrefix(answer, "HTTP/1.1 400 ") {
			t.Errorf("%s: got %.100q, want 400", path, answer)
		}
	}
}

// quoted is a key as a structured field's string (RFC 9651 section 3.3.3), which any printable key can be.
func quoted(key string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(key) + `"`
}

// encodings are how programs put a value into a path.
func encodings() map[string]func(string) string {
	const unreserved = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
	except := func(safe string) func(string) string {
		return func(value string) string {
			if value == "." || value == ".." { // a client takes these out of the path
				return percent(value)
			}
			var b strings.Builder
			for _, c := range []byte(value) {
				if strings.IndexByte(unreserved+safe, c) >= 0 {
					b.WriteByte(c)
				} else {
					fmt.Fprintf(&b, "%%%02X", c)
				}
			}
			return b.String()
		}
	}
	return map[string]func(string) string{
		"percent-encoding every byte":                  percent,
		`Python's urllib.parse.quote(safe="")`:         except("_.-~"),
		"JavaScript's encodeURIComponent":              except("-_.!~*'()"),
		"Go's url.PathEscape":                          url.PathEscape,
		"percent-encoding only what a path can't hold": except("-._~!$&'()*+,;=:@"), // RFC 3986, section 3.3
	}
}

func percent(value string) string {
	var b strings.Builder
	for _, c := range []byte(value) {
		fmt.Fprintf(&b, "%%%02X", c)
	}
	return b.String()
}

// raw sends bytes and returns all that the service answers until it closes.
func (s *api) raw(t *testing.T, request string) string {
	t.Helper()
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", strings.TrimPrefix(s.URL(), "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if err := conn.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(conn, request); err != nil {
		t.Fatal(err)
	}
	answer, err := io.ReadAll(conn)
	if err != nil {
		t.Fatal(err)
	}
	return string(answer)
}

func (s *api) firstID(t *testing.T, list string) string {
	t.Helper()
	items, _ := s.do(t, call{method: "GET", path: list}).field(t, "data").([]any)
	if len(items) == 0 {
		t.Fatalf("%s is empty", list)
	}
	item, _ := items[0].(map[string]any)
	id, _ := item["id"].(string)
	return id
}
