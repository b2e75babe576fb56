package security

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/payonce/payonce/test/service"
)

// keys: what is no key is refused, spends nothing, and is no other key by accident.
func (s *target) keys(t *testing.T) {
	t.Run("what is no key is refused and leaves nothing", s.badKeys)
	t.Run("two lines are no key, whatever their names' case", func(t *testing.T) {
		victim := s.merchant(t)
		for _, lines := range [][]string{
			{"Idempotency-Key: a", "Idempotency-Key: a"}, {"Idempotency-Key: a", "idempotency-key: b"}, {"Idempotency-Key: a", "IDEMPOTENCY-KEY: "},
		} {
			resp := s.one(t, victim.raw("POST", "/v1/orders", order(canary), lines...))
			service.Wants(t, strings.Join(lines, ", "), resp, 400, "idempotency-key-invalid")
		}
		if victim.has(t) != 0 {
			t.Error("something happened")
		}
	})
	t.Run("a key elsewhere than in its header is none", s.keysElsewhere)
	t.Run("both spellings of a key are one, and nothing else is", s.spellings)
	t.Run("a look-up takes what can be a key, and nothing else", func(t *testing.T) {
		for _, key := range []string{"%00", "%0d%0aX-Forged:%201", "%80", "%ff%fe", strings.Repeat("k", 256), "%22" + strings.Repeat("k", 254) + "%22"} {
			service.Wants(t, key, s.mine.send(t, "GET", "/v1/idempotency-keys/"+key, "", ""), 400, "idempotency-key-invalid")
		}
		for _, key := range []string{"%22a%22;b=1", "a,b", "%22", "a%20b", "%22a", "'%20OR%20''='", "a%2F..%2Fb", "%2500"} { // keys that were never used
			service.Wants(t, key, s.mine.send(t, "GET", "/v1/idempotency-keys/"+key, "", ""), 404, "not-found")
		}
	})
}

func (s *target) badKeys(t *testing.T) {
	victim := s.merchant(t)
	values := map[string]string{
		"nothing": "", "white space": " \t ", "256 bytes": strings.Repeat("k", 256), "ten thousand bytes": strings.Repeat("k", 10_000),
		"256 quoted bytes": `"` + strings.Repeat("k", 256) + `"`, "an empty string": `""`, "an open quote": `"abc`, "a quote behind the end": `"abc""`,
		"a parameter": `"abc";a=1`, "a list": "a, b", "a list of strings": `"a", "b"`, "an unknown escape": `"a\n"`, "a backslash at the end": `"a\`,
		"a space": "a b", "a tab": "a\tb", "a folded line": "a\r\n b", "a folded line in quotes": "\"a\r\n b",
	}
	for c := 0; c < 0x100; c++ { // every byte that is neither printable ASCII nor the end of a line
		if (c < 0x20 || c > 0x7e) && c != '\t' && c != '\n' {
			values[fmt.Sprintf("the byte %#02x", c)] = canary + string([]byte{byte(c)}) + "x"
			values[fmt.Sprintf("the byte %#02x in quotes", c)] = `"` + canary + string([]byte{byte(c)}) + `x"`
		}
	}
	for name, value := range values {
		resp := s.one(t, victim.raw("POST", "/v1/orders", order(canary), "Idempotency-Key: "+value))
		if resp.Status != 400 || !byServer(resp) && resp.Code() != "idempotency-key-invalid" {
			t.Errorf("%s: %s", name, resp)
		}
		if strings.Contains(string(resp.Body), canary) {
			t.Errorf("%s: shown in %s", name, resp)
		}
	}
	if n := victim.has(t); n != 0 {
		t.Errorf("%d rows", n)
	}
}

func (s *target) keysElsewhere(t *testing.T) {
	victim := s.merchant(t)
	body := order(canary)
	chunked := fmt.Sprintf("%x\r\n%s\r\n0\r\nIdempotency-Key: trailer\r\n\r\n", len(body), body)
	for name, request := range map[string]string{
		"with an underscore": victim.raw("POST", "/v1/orders", body, "Idempotency_Key: k"),
		"under an old name":  victim.raw("POST", "/v1/orders", body, "X-Idempotency-Key: k"),
		"in a cookie":        victim.raw("POST", "/v1/orders", body, "Cookie: Idempotency-Key=k"),
		"in a trailer": victim.raw("POST", "/v1/orders", "", "Content-Type: application/json", "Transfer-Encoding: chunked",
			"Trailer: Idempotency-Key") + chunked,
	} {
		service.Wants(t, name, s.one(t, request), 400, "idempotency-key-missing")
	}
	service.Wants(t, "in the query", s.one(t, victim.raw("POST", "/v1/orders?Idempotency-Key=k", body)), 400, "idempotency-key-missing")
	if n := victim.has(t); n != 0 {
		t.Errorf("%d rows", n)
	}
}

func (s *target) spellings(t *testing.T) {
	victim := s.merchant(t)
	key := uuid.NewString()
	first := s.one(t, victim.raw("POST", "/v1/orders", order("spelled"), "Idempotency-Key: "+key))
	service.Wants(t, "the first", first, 201, "")
	for _, value := range []string{`"` + key + `"`, "\t" + key + "  ", `  "` + key + `"`} {
		if again := s.one(t, victim.raw("POST", "/v1/orders", order("spelled"), "Idempotency-Key: "+value)); !again.Replayed() || !again.Same(first) {
			t.Errorf("%q: %s", value, again)
		}
	}
	longest := strings.Repeat("~", 255)
	for i, value := range []string{strings.ToUpper(key) + "-A", `"` + key + ` "`, `" ` + key + `"`, key + ";", `\` + key, `x"` + key, `"` + longest + `"`} {
		resp := s.one(t, victim.raw("POST", "/v1/orders", order(fmt.Sprint("spelled-", i)), "Idempotency-Key: "+value))
		if resp.Status != 201 || resp.Replayed() {
			t.Errorf("%q is another key: %s", value, resp)
		}
	}
	if n := victim.number(t, "SELECT count(*) FROM orders WHERE merchant_id = $1"); n != 8 {
		t.Errorf("%d orders, not 8", n)
	}
}

// number counts with the merchant as the query's first argument.
func (m *merchant) number(t *testing.T, query string) int64 {
	t.Helper()
	return m.target.number(t, query, m.id)
}
