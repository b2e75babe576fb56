package clients

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// soon stands for a date three seconds after the answer.
const soon = "{soon}"

// reply is an answer with a whole body; each header ends with its CR LF.
func reply(status int, media, body string, headers ...string) string {
	return fmt.Sprintf("HTTP/1.1 %d x\r\nContent-Type: %s\r\n%sContent-Length: %d\r\nConnection: close\r\n\r\n%s",
		status, media, strings.Join(headers, ""), len(body), body)
}

const paid = "HTTP/1.1 201 x\r\nContent-Type: application/json\r\nContent-Length: 22\r\nConnection: close\r\n\r\n" + `{"status":"succeeded"}`

// scripted answers its nth request with the nth text, and every later one with the last.
type scripted struct {
	url string

	mu       sync.Mutex
	requests []string // method, path and key of each
}

func (s *scripted) all() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.requests)
}

func serveScript(t *testing.T, answers ...string) *scripted {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	s := &scripted{url: "http://" + listener.Addr().String()}
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go s.converse(conn, answers)
		}
	}()
	return s
}

func (s *scripted) converse(conn net.Conn, answers []string) {
	defer func() { _ = conn.Close() }()
	req, err := http.ReadRequest(bufio.NewReader(conn))
	if err != nil {
		return
	}
	_, _ = io.Copy(io.Discard, req.Body)
	s.mu.Lock()
	n := min(len(s.requests), len(answers)-1)
	s.requests = append(s.requests, req.Method+" "+req.URL.Path+" "+req.Header.Get("Idempotency-Key"))
	s.mu.Unlock()
	_, _ = io.WriteString(conn, strings.ReplaceAll(answers[n], soon, time.Now().Add(3*time.Second).UTC().Format(http.TimeFormat)))
}

// first is an answer that a snippet meets, and what the guide's table says of it.
type first struct {
	answer  string
	again   string // the languages that send the same again by themselves
	stops   string // what the others print
	exactly bool   // false: some versions of curl send again, too
}

// firsts are answers that are cut, that are not payonce's, or that lack what payonce says.
func firsts() map[string]first {
	const json, problem, html = "application/json", "application/problem+json; charset=utf-8", "text/html"
	const all = "python java sh"
	cut := func(answer string) string { return answer[:len(answer)-7] }
	return map[string]first{
		"201, cut": {cut(paid), all, "", true},
		"201, cut in a chunk": {
			"HTTP/1.1 201 x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n40\r\n{\"status\":\"succ", all, "", true,
		},
		"503, cut":                     {cut(reply(503, problem, `{"code":"unavailable","retryable":true}`)), all, "", true},
		"no HTTP":                      {"\x00\x01garbage\r\n\r\n", all, "", true},
		"nothing":                      {"", all, "", true},
		"503, whose JSON is malformed": {reply(503, problem, `{"code":"unav`), all, "", true},
		"503, whose JSON is no object": {reply(503, problem, `[]`), all, "", true},
		"503 without retryable":        {reply(503, problem, `{"code":"unavailable"}`), all, "", true},
		"503 of a gateway until then":  {reply(503, html, "<html>", "Retry-After: "+soon+"\r\n"), all, "", true},
		"503 of a gateway until a past date": {
			reply(503, html, "<html>", "Retry-After: Wed, 21 Oct 2015 07:28:00 GMT\r\n"), "python java", "not known (503 text/html)", false,
		},
		"200 of a portal":       {reply(200, html, "<html>log in"), "python java", "not known (200 text/html)", true},
		"a redirect":            {reply(302, html, "", "Location: /elsewhere\r\n"), "", "302", true},
		"400 without retryable": {reply(400, problem, `{"code":"malformed-request"}`), "", "malformed-request", true},
		"403 of a gateway":      {reply(403, html, "<html>"), "", "403", true},
	}
}

func TestTheGuidesSnippetsFollowItsTableWhenAnAnswerIsNoneOfPayonces(t *testing.T) {
	t.Parallel()
	const request = "POST /v1/payments payment-of-basket-4711-1"
	for _, s := range snippets() {
		if s.language == "js" { // client/js has such tests of its own
			continue
		}
		for name, first := range firsts() {
			t.Run(s.language+"/"+name, func(t *testing.T) {
				t.Parallel()
				to := serveScript(t, first.answer, paid)
				output, err := s.run(t, s.save(t), to.url, "sk_test_of_nobody", "ord_1")
				want := []string{request}
				if strings.Contains(first.again, s.language) {
					want = []string{request, request}
				}
				got := to.all()
				if !first.exactly && len(got) == 2 {
					want = []string{request, request}
				}
				if !slices.Equal(got, want) {
					t.Fatalf("got the requests %q, want %q\n%v\n%s", got, want, err, output)
				}
				if len(want) == 1 && !strings.Contains(output, first.stops) {
					t.Errorf("got %v, %q; want %q", err, output, first.stops)
				}
				if len(want) == 2 && (err != nil || !strings.Contains(output, "succeeded") || strings.Count(output, "succ") != 1) {
					t.Errorf("got %v, %q; want the payment, and nothing of the first answer", err, output)
				}
			})
		}
	}
}
