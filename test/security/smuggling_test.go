package security

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/payonce/payonce/test/service"
)

// smuggling: a request of which two servers could think that it ends in different places is refused, or it is one request
// and the last of its connection. What is hidden in it is never executed.
func (s *target) smuggling(t *testing.T) {
	t.Run("a request with two ends hides no other", s.twoEnds)
	t.Run("a length that is no length is refused", s.wrongLengths)
	t.Run("a request line or a header that is none is refused", s.wrongLines)
	t.Run("spellings that HTTP allows are one request", s.oddSpellings)
	t.Run("requests in a row are each their own", s.pipelining)
}

// chunked is a body in one chunk.
func chunked(body string) string { return fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(body), body) }

func (s *target) twoEnds(t *testing.T) {
	victim := s.merchant(t)
	hidden := victim.raw("POST", "/v1/orders", order("hidden"), "Idempotency-Key: hidden")
	n := 0
	for _, line := range []string{
		"Transfer-Encoding: chunked", "Transfer-Encoding:\tchunked", "Transfer-Encoding: chunked ", "transfer-encoding: CHUNKED", "Transfer-Encoding:\r\n chunked",
		"Transfer-Encoding : chunked", " Transfer-Encoding: chunked", "X: y\nTransfer-Encoding: chunked",
		"X: y\rTransfer-Encoding: chunked", "Transfer-Encoding: \x0bchunked",
		"Transfer-Encoding: chunked\x0b", "Transfer-Encoding: xchunked", "Transfer-Encoding: chunked, identity",
		"Transfer-Encoding: identity", "Transfer-Encoding: gzip, chunked",
		"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity", "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
		`Transfer-Encoding: "chunked"`, "Transfer-Encoding: chunked;a=b",
		"Transfer_Encoding: chunked", "Transfer-Encoding:", "\x00Transfer-Encoding: chunked", "Transfer-\r\nEncoding: chunked", "Content-Encoding: chunked",
	} {
		for _, version := range []string{"HTTP/1.1", "HTTP/1.0"} {
			for _, ending := range []string{"", "Content-Length: 0", "Content-Length: 5"} {
				n++
				reference := fmt.Sprint("outer-", n)
				body := chunked(order(reference)) + hidden
				lines := []string{line, "Content-Type: application/json", "Connection: keep-alive", "Idempotency-Key: " + reference}
				if ending == "" { // both ends are there: of the chunks, and of all together
					ending = fmt.Sprintf("Content-Length: %d", len(body))
				}
				request := strings.Replace(victim.raw("POST", "/v1/orders", "", append(lines, ending)...), "HTTP/1.1", version, 1)
				answers, open := s.exchange(t, request+body)
				oneEnd := strings.HasPrefix(line, "Transfer_") || strings.HasPrefix(line, "Content-E") || line[0] == ' ' // a part of another header
				s.oneAtMost(t, fmt.Sprintf("%q %s %s", line, version, ending), answers, open && !oneEnd)
			}
		}
	}
	if made := victim.made(t, "hidden"); made != 0 {
		t.Errorf("the hidden request was executed")
	}
}

// oneAtMost: one answer of the service, and perhaps net/http's refusal of what came behind; then the end.
func (s *target) oneAtMost(t *testing.T, what string, answers []service.Response, open bool) {
	t.Helper()
	for i, resp := range answers {
		if i > 0 && !byServer(resp) || resp.Status >= 500 && resp.Status != 501 {
			t.Errorf("%s: answer %d: %s", what, i+1, resp)
		}
	}
	if len(answers) == 0 || open {
		t.Errorf("%s: %d answers, and the connection is open behind them: %v", what, len(answers), open)
	}
}

func (s *target) wrongLengths(t *testing.T) {
	victim := s.merchant(t)
	body := order(canary)
	n := len(body)
	for _, value := range []string{
		fmt.Sprintf("+%d", n), fmt.Sprintf("-%d", n), "-1", "", " ", fmt.Sprintf("0x%x", n), fmt.Sprintf("%d.0", n),
		fmt.Sprintf("%d,%d", n, n), fmt.Sprintf("%d %d", n, n),
		fmt.Sprintf("%d\r\nContent-Length: %d", n, n+1), "0\r\nContent-Length: 5", fmt.Sprintf("%d;a", n), "99999999999999999999",
		"18446744073709551616", "9223372036854775808", "१०",
		fmt.Sprintf("%d\x00", n), "1e2",
	} {
		resp, open := s.exchange(t, victim.raw("POST", "/v1/orders", "", "Content-Type: application/json", "Idempotency-Key: k", "Content-Length: "+value)+body)
		if len(resp) != 1 || resp[0].Status != 400 || open {
			t.Errorf("%q: %v, open %v", value, resp, open)
		}
	}
	for _, size := range []string{"+5", "-1", "0x5", " 5", "5\n", "ffffffffffffffffff", "g", ""} {
		resp, open := s.exchange(t, victim.raw("POST", "/v1/orders", "", "Content-Type: application/json", "Idempotency-Key: k", "Transfer-Encoding: chunked")+
			size+"\r\n"+body[:5]+"\r\n0\r\n\r\n")
		if len(resp) != 1 || resp[0].Status != 400 && resp[0].Status != 413 || open {
			t.Errorf("a chunk of %q: %v, open %v", size, resp, open)
		}
	}
	if rows := victim.has(t); rows != 0 {
		t.Errorf("%d rows", rows)
	}
}

func (s *target) wrongLines(t *testing.T) {
	victim := s.merchant(t)
	good := victim.raw("POST", "/v1/orders", order(canary), "Idempotency-Key: wrong-lines")
	for name, request := range map[string]string{
		"HTTP/0.9": "GET /healthz\r\n\r\n", "no version": strings.Replace(good, " HTTP/1.1", "", 1),
		"HTTP/1.1 in lower case": strings.Replace(good, "HTTP/1.1", "http/1.1", 1),
		"HTTP/2":                 strings.Replace(good, "HTTP/1.1", "HTTP/2.0", 1), "HTTP/1.2 with a letter": strings.Replace(good, "HTTP/1.1", "HTTP/1.x", 1),
		"two spaces": strings.Replace(good, "POST /", "POST  /", 1), "a tab": strings.Replace(good, "POST /", "POST\t/", 1),
		"no path":         strings.Replace(good, "/v1/orders", "", 1),
		"a relative path": strings.Replace(good, "/v1/orders", "v1/orders", 1), "a space in the path": strings.Replace(good, "/v1/orders", "/v1/ord ers", 1),
		"a NUL in the path": strings.Replace(good, "/v1/orders", "/v1/orders\x00", 1), "a wrong escape": strings.Replace(good, "/v1/orders", "/v1/orders%zz", 1),
		"no Host": strings.Replace(good, "Host: payonce.test\r\n", "", 1), "two Hosts": strings.Replace(good, "Host:", "Host: a\r\nHost:", 1),
		"a Host with a space": strings.Replace(good, "payonce.test", "a b", 1), "a Host with a path": strings.Replace(good, "payonce.test", "a/b", 1),
		"a space before a colon": strings.Replace(good, "Idempotency-Key:", "Idempotency-Key :", 1),
		"no colon":               strings.Replace(good, "Idempotency-Key:", "Idempotency-Key", 1),
		"a folded first header":  strings.Replace(good, "Host:", " Host:", 1), "a space in a name": strings.Replace(good, "Idempotency-Key", "Idempotency Key", 1),
		"a letter beyond ASCII in a name":  strings.Replace(good, "Idempotency-Key", "Idempotency-K\xe9y", 1),
		"an unknown expectation":           strings.Replace(good, "Host:", "Expect: money\r\nHost:", 1),
		"much more than 16 KiB of headers": strings.Replace(good, "Host:", "X: "+strings.Repeat("a", 40_000)+"\r\nHost:", 1),
		"a method that is no token":        strings.Replace(good, "POST", "PO(ST", 1),
		"a bare CR":                        strings.Replace(good, "\r\nHost", "\rHost", 1), "SIP": strings.Replace(good, "HTTP/1.1", "SIP/2.0", 1),
		"an upgrade's preface": "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
	} {
		answers, open := s.exchange(t, request)
		if len(answers) == 0 || answers[0].Status < 400 || answers[0].Status > 505 || open {
			t.Errorf("%s: %v, open %v", name, answers, open)
		}
		for _, resp := range answers {
			if resp.Status < 400 {
				t.Errorf("%s: %s", name, resp)
			}
		}
	}
	if rows := victim.has(t); rows != 0 {
		t.Errorf("%d rows", rows)
	}
}

// oddSpellings are executed, once each, and are the same as the usual one.
func (s *target) oddSpellings(t *testing.T) {
	victim := s.merchant(t)
	for name, change := range map[string][2]string{
		"bare LF": {"\r\n", "\n"}, "an absolute URI": {"POST /", "POST http://" + canary + ".example/"},
		"a URI with a user": {"POST /", "POST http://u:p@evil.example/"},
		"one length twice":  {"Content-Length:", "Content-Length: %d\r\nContent-Length:"}, "no white space": {": ", ":"},
		"lower case":             {"Idempotency-Key", "idempotency-key"},
		"an empty line in front": {"POST /", "\r\nPOST /"}, "expect": {"Host:", "Expect: 100-continue\r\nHost:"},
		"an upgrade": {"Host:", "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\nHost:"},
	} {
		body := order("odd " + name)
		usual := victim.raw("POST", "/v1/orders", body, "Idempotency-Key: "+uuid.NewString())
		odd := strings.ReplaceAll(usual, change[0], strings.ReplaceAll(change[1], "%d", length(body)))
		answers, _ := s.exchange(t, odd+usual)
		if name == "an empty line in front" && len(answers) == 1 && byServer(answers[0]) {
			continue // refusing it is as good
		}
		if len(answers) != 2 || answers[0].Status != 201 || answers[0].Replayed() || !answers[1].Replayed() || !answers[1].Same(answers[0]) {
			t.Errorf("%s: %v", name, answers)
		}
		if n := victim.made(t, "odd "+name); n != 1 {
			t.Errorf("%s: %d orders", name, n)
		}
	}
}

func (s *target) pipelining(t *testing.T) {
	victim := s.merchant(t)
	first := victim.raw("POST", "/v1/orders", order("first"), "Idempotency-Key: in-a-row")
	other := victim.raw("POST", "/v1/orders", order("other"), "Idempotency-Key: in-a-row")
	second := victim.raw("POST", "/v1/orders", order("second"), "Idempotency-Key: next")
	answers, open := s.exchange(t, first+first+other+second+strings.Replace(second, "Authorization", "X", 1)+victim.raw("GET", "/v1/nothing", ""))
	var statuses []int
	for _, resp := range answers {
		statuses = append(statuses, resp.Status)
	}
	if fmt.Sprint(statuses) != "[201 201 422 201 401 404]" || !open || !answers[1].Same(answers[0]) || !answers[1].Replayed() {
		t.Errorf("%v, open %v", answers, open)
	}
	if n := victim.made(t, "first") + victim.made(t, "second"); n != 2 || victim.made(t, "other") != 0 {
		t.Errorf("%d orders", n)
	}
}
