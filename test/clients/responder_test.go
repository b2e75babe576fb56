package clients

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/payonce/payonce/test/proxy"
)

// situation is what the first request meets. Every later one gets 201.
type situation string

// The columns of the table in docs/integration.md.
const (
	refused    situation = "refused"
	answerLost situation = "answer lost"
	inFlight   situation = "409 in flight"
	limited    situation = "429"
	away       situation = "503"
)

func situations() []situation { return []situation{refused, answerLost, inFlight, limited, away} }

const (
	refusedFor = 300 * time.Millisecond // shorter than every client's longest pause
	retryAfter = 2 * time.Second        // longer than every client's own first pause
)

// problems are the first answers; the code stands for the whole document.
func (s situation) problem() (status int, code string) {
	switch s {
	case inFlight:
		return http.StatusConflict, "idempotency-request-in-flight"
	case limited:
		return http.StatusTooManyRequests, "rate-limited"
	case away:
		return http.StatusServiceUnavailable, "unavailable"
	case refused, answerLost:
	}
	return 0, ""
}

// responder is a server in one situation, which writes down when requests came.
type responder struct {
	t         *testing.T
	situation situation
	address   string

	mu       sync.Mutex
	arrivals []time.Time
}

// respond starts one. Where requests are refused its port is closed for so long.
func respond(t *testing.T, s situation, closed time.Duration) *responder {
	t.Helper()
	listener := listen(t)
	r := &responder{t: t, situation: s, address: listener.Addr().String()}
	if s != refused {
		r.serve(listener)
		return r
	}
	_ = listener.Close()
	opens := time.AfterFunc(closed, func() {
		again, err := net.Listen("tcp", r.address)
		if err != nil {
			t.Errorf("open the port again: %v", err)
			return
		}
		r.serve(again)
	})
	t.Cleanup(func() { opens.Stop() })
	return r
}

// listen opens a port that no other program gets while it is closed.
func listen(t *testing.T) net.Listener {
	t.Helper()
	listener, err := proxy.Listen(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return listener
}

func (r *responder) serve(listener net.Listener) {
	r.t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go r.converse(conn)
		}
	}()
}

// converse answers one request and closes.
func (r *responder) converse(conn net.Conn) {
	defer func() { _ = conn.Close() }()
	req, err := http.ReadRequest(bufio.NewReader(conn))
	if err != nil {
		return
	}
	_, _ = io.Copy(io.Discard, req.Body) // what is cut off is no matter here
	r.mu.Lock()
	r.arrivals = append(r.arrivals, time.Now())
	first := len(r.arrivals) == 1
	r.mu.Unlock()
	if req.Header.Get("Idempotency-Key") != "k" || req.Method != http.MethodPost {
		r.t.Errorf("got %s with the key %q, want a POST with k", req.Method, req.Header.Get("Idempotency-Key"))
	}
	switch status, code := r.situation.problem(); {
	case first && r.situation == answerLost:
		_ = conn.(*net.TCPConn).SetLinger(0) // a reset
	case first && status != 0:
		body := fmt.Sprintf(`{"code":%q,"retryable":true,"safe_new_key":false}`, code)
		_, _ = fmt.Fprintf(conn, "HTTP/1.1 %d x\r\nContent-Type: application/problem+json\r\nRetry-After: %d\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s",
			status, retryAfter/time.Second, len(body), body)
	default:
		_, _ = io.WriteString(conn, "HTTP/1.1 201 x\r\nContent-Type: application/json\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}")
	}
}

// did is the cell of the table: what the client has done.
func (r *responder) did() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch n := len(r.arrivals); {
	case r.situation == refused && n > 0:
		return "again"
	case n < 2:
		return "no"
	case r.situation != answerLost && r.arrivals[1].Sub(r.arrivals[0]) > retryAfter-100*time.Millisecond:
		return "waits"
	}
	return "again"
}
