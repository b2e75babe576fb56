package gateway

import (
	"bufio"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/payonce/payonce/test/service"
)

// standIn is a replica that a test writes by hand: it notes each request that it reads, and answers by answer.
type standIn struct {
	listener net.Listener
	server   *http.Server

	mu     sync.Mutex
	keys   []string         // of all requests but the checks
	answer http.HandlerFunc // nil: 201
}

func startStandIn(t *testing.T, p place, i int) *standIn {
	t.Helper()
	listener, err := net.Listen("tcp", p.at(i))
	if err != nil {
		t.Fatal(err)
	}
	s := &standIn{listener: listener}
	s.server = &http.Server{Handler: http.HandlerFunc(s.serve), ReadHeaderTimeout: time.Minute}
	go func() { _ = s.server.Serve(listener) }() // ends with Close
	t.Cleanup(func() { _ = s.server.Close() })
	return s
}

func (s *standIn) serve(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/readyz" {
		return
	}
	_, _ = io.Copy(io.Discard, r.Body) // what can't be read is a request, too
	s.mu.Lock()
	s.keys = append(s.keys, r.Header.Get("Idempotency-Key"))
	answer := s.answer
	s.mu.Unlock()
	if answer != nil {
		answer(w, r)
		return
	}
	w.WriteHeader(http.StatusCreated)
}

// count is how many requests it read whose key begins so.
func (s *standIn) count(prefix string) (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, key := range s.keys {
		if strings.HasPrefix(key, prefix) {
			n++
		}
	}
	return n
}

// read is how many requests all of them read whose key begins so.
func read(all []*standIn, prefix string) (n int) {
	for _, s := range all {
		n += s.count(prefix)
	}
	return n
}

// answers lets it answer otherwise.
func (s *standIn) answers(answer http.HandlerFunc) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answer = answer
}

// raw is a request as text.
func raw(method, path, body string, lines ...string) string {
	head := method + " " + path + " HTTP/1.1\r\nHost: payonce.test\r\n"
	for _, l := range lines {
		head += l + "\r\n"
	}
	return head + "\r\n" + body
}

const patience = 45 * time.Second // with the gateway, on a busy machine

// dial opens a connection to the gateway by TLS.
func (g *gateway) dial(t *testing.T) net.Conn {
	t.Helper()
	conn, err := (&tls.Dialer{NetDialer: &net.Dialer{Timeout: patience}}).DialContext(t.Context(), "tcp", g.address)
	if err != nil {
		t.Error(err) // perhaps not in the test's goroutine
		closed, _ := net.Pipe()
		_ = closed.Close()
		return closed
	}
	_ = conn.SetDeadline(time.Now().Add(patience))
	return conn
}

// exchange writes text on a connection of its own and returns all answers until the gateway closes it.
func (g *gateway) exchange(t *testing.T, text string) (answers []service.Response) {
	t.Helper()
	conn := g.dial(t)
	defer func() { _ = conn.Close() }()
	_, _ = io.WriteString(conn, text) // a gateway that has closed says so in its answer
	return answersOf(conn)
}

func answersOf(conn io.Reader) (answers []service.Response) {
	reader := bufio.NewReader(conn)
	for {
		resp, err := http.ReadResponse(reader, nil)
		if err != nil {
			return answers
		}
		answer := service.Response{Status: resp.StatusCode, Header: resp.Header}
		answer.Body, answer.Err = io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		answers = append(answers, answer)
	}
}

// post sends one POST with a key and closes.
func (g *gateway) post(t *testing.T, key string, lines ...string) service.Response {
	t.Helper()
	answers := g.exchange(t, raw("POST", "/v1/orders", "{}", append(lines, "Idempotency-Key: "+key, "Content-Length: 2", "Connection: close")...))
	if len(answers) != 1 {
		return service.Response{Err: io.ErrUnexpectedEOF}
	}
	return answers[0]
}

// logHas tells whether a replica has a line of the request.
func logHas(s *service.Service, requestID string) bool {
	return strings.Contains(s.Log(), `"request_id":"`+requestID+`"`)
}
