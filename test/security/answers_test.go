package security

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/payonce/payonce/test/service"
)

// responses are all that the service has answered.
type responses struct {
	mu   sync.Mutex
	ids  map[string]bool // request ids that were seen
	id   *regexp.Regexp
	good []string // the headers that an answer may have
}

func newResponses() *responses {
	return &responses{
		ids: map[string]bool{}, id: regexp.MustCompile(`^req_[A-Z2-7]{26}$`),
		good: []string{
			"Accept-Ranges", "Allow", "Cache-Control", "Connection", "Content-Length", "Content-Security-Policy", "Content-Type", "Date",
			"Etag", "Idempotency-Key-Expires", "Idempotent-Replayed", "Last-Modified", "Location", "Preference-Applied", "Ratelimit", "Ratelimit-Policy",
			"Retry-After", "Transfer-Encoding", "Www-Authenticate", "X-Content-Type-Options", "X-Request-Id",
		},
	}
}

// check holds an answer to what every answer promises.
func (r *responses) check(t *testing.T, what string, resp service.Response) {
	t.Helper()
	if byServer(resp) {
		return
	}
	what = fmt.Sprintf("%.100q: %d", what, resp.Status)
	if resp.Header.Get("Cache-Control") != "no-store" || resp.Header.Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("%s: may be stored or sniffed: %v", what, resp.Header)
	}
	id := resp.Header.Get("X-Request-Id")
	r.mu.Lock()
	seen := r.ids[id]
	r.ids[id] = true
	r.mu.Unlock()
	if !r.id.MatchString(id) || seen {
		t.Errorf("%s: the request id %q, seen before: %v", what, id, seen)
	}
	for name, values := range resp.Header {
		if !slices.Contains(r.good, name) || len(values) != 1 || strings.Contains(values[0], canary) {
			t.Errorf("%s: the header %s: %q", what, name, values)
		}
	}
	if location := resp.Header.Get("Location"); location != "" && !strings.HasPrefix(location, "/v1/") {
		t.Errorf("%s: Location %q", what, location)
	}
	if resp.Status == http.StatusUnauthorized && resp.Header.Get("Www-Authenticate") != "Bearer" {
		t.Errorf("%s: no challenge", what)
	}
}

// byServer says whether net/http itself refused what is no request at all: a fixed text, and the end of the connection.
func byServer(resp service.Response) bool {
	refusals := []int{400, 417, 431, 501, 505}
	return slices.Contains(refusals, resp.Status) && resp.Header.Get("X-Request-Id") == "" && resp.Header.Get("Connection") == "close" &&
		!bytes.Contains(resp.Body, []byte(canary)) && len(resp.Body) < 100
}

// exchangeLimit is far above what an answer may take on a busy machine.
const exchangeLimit = time.Minute

// last is sent behind an attack: if it is answered, the connection has outlived the attack.
const last = "GET /healthz HTTP/1.1\r\nHost: last\r\nConnection: close\r\n\r\n"

// exchange sends bytes over a connection of their own, and then the last request. It returns every answer to what was sent
// before, and whether the connection was open behind it.
func (s *target) exchange(t *testing.T, sent string) (answers []service.Response, open bool) {
	t.Helper()
	conn := s.connect(t)
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(exchangeLimit))
	_, _ = io.WriteString(conn, sent+last) // a server that has closed says so in its answer
	answers = s.read(t, sent, conn)
	if n := len(answers); n > 0 && string(answers[n-1].Body) == `{"status":"alive"}` {
		return answers[:n-1], true
	}
	return answers, false
}

// connect may be called from any goroutine: what can't be connected is a failure, and a connection that is closed.
func (s *target) connect(t *testing.T) net.Conn {
	t.Helper()
	conn, err := (&net.Dialer{Timeout: exchangeLimit}).DialContext(t.Context(), "tcp", strings.TrimPrefix(s.service.URL(), "http://"))
	if err != nil {
		t.Error(err)
		conn, _ = net.Pipe()
		_ = conn.Close()
	}
	return conn
}

// read reads answers until the service closes the connection. A reset is an end, too: a service that closes while its client
// goes on to send can end in no other way.
func (s *target) read(t *testing.T, what string, conn io.Reader) (answers []service.Response) {
	t.Helper()
	reader := bufio.NewReader(conn)
	for {
		if _, err := reader.Peek(1); err != nil {
			if timeout, ok := errors.AsType[net.Error](err); ok && timeout.Timeout() {
				t.Errorf("%.100q: neither an answer nor an end", what)
			}
			return answers
		}
		resp, err := http.ReadResponse(reader, nil)
		if errors.Is(err, syscall.ECONNRESET) {
			return answers
		}
		if err != nil {
			t.Errorf("%.100q: %v", what, err)
			return answers
		}
		body, err := io.ReadAll(resp.Body)
		if errors.Is(err, syscall.ECONNRESET) {
			return answers
		}
		if err != nil {
			t.Errorf("%.100q: %v", what, err)
		}
		if resp.Close { // ReadResponse takes the header out
			resp.Header.Set("Connection", "close")
		}
		if resp.StatusCode < 200 {
			continue
		}
		answer := service.Response{Status: resp.StatusCode, Header: resp.Header, Body: body}
		s.responses.check(t, what, answer)
		answers = append(answers, answer)
	}
}

// one is exchange for what has to be answered once.
func (s *target) one(t *testing.T, sent string) service.Response {
	t.Helper()
	answers, _ := s.exchange(t, sent)
	if len(answers) != 1 {
		t.Fatalf("%.300q: %d answers: %.600v", sent, len(answers), answers)
	}
	return answers[0]
}

// raw writes a request. The headers are whole lines; Host, the API key and the Content-Length come on top.
func (m *merchant) raw(method, path, body string, headers ...string) string {
	lines := append([]string{method + " " + path + " HTTP/1.1", "Host: payonce.test", "Authorization: Bearer " + m.client.APIKey()}, headers...)
	if body != "" {
		lines = append(lines, fmt.Sprintf("Content-Length: %d", len(body)), "Content-Type: application/json")
	}
	return strings.Join(lines, "\r\n") + "\r\n\r\n" + body
}

// order is the body of an order with a reference of its own, by which it can be found.
func order(reference string) string {
	return fmt.Sprintf(`{"amount":100,"currency":"EUR","reference":%q}`, reference)
}

// made counts the merchant's orders with a reference.
func (m *merchant) made(t *testing.T, reference string) int64 {
	t.Helper()
	return m.target.number(t, "SELECT count(*) FROM orders WHERE merchant_id = $1 AND reference = $2", m.id, reference)
}
