package security

import (
	"fmt"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/payonce/payonce/test/service"
)

// slack is what a busy machine may add to the bounds of the service: headers within 5 s, a body within 10 s.
const slack = 15 * time.Second

// slowClients: a client that is silent, or sends a little every now and then, is cut off in time wherever it does so, and
// others are served meanwhile.
func (s *target) slowClients(t *testing.T) {
	key := "Idempotency-Key: slow\r\n"
	authorized := "Host: x\r\nAuthorization: Bearer " + s.mine.client.APIKey() + "\r\nContent-Type: application/json\r\n"
	type client struct {
		begins, drips string
		within        time.Duration
	}
	clients := map[string]client{
		"headers that stop":    {"POST /v1/orders HTTP/1.1\r\nHost: x\r\n", "", 5 * time.Second},
		"a body that stops":    {"POST /v1/orders HTTP/1.1\r\n" + authorized + key + "Content-Length: 1000\r\n\r\n{", "", 10 * time.Second},
		"headers that drip":    {"POST /v1/orders HTTP/1.1\r\nHost: x\r\n", "X-Drip: a\r\n", 5 * time.Second},
		"a request line drips": {"GET /", "a", 5 * time.Second},
		"a body that drips":    {"POST /v1/orders HTTP/1.1\r\n" + authorized + key + "Content-Length: 1000\r\n\r\n", " ", 10 * time.Second},
		"chunks that drip":     {"POST /v1/orders HTTP/1.1\r\n" + authorized + key + "Transfer-Encoding: chunked\r\n\r\n", "1\r\n \r\n", 10 * time.Second},
		"a body behind expect": {"POST /v1/orders HTTP/1.1\r\n" + authorized + key + "Expect: 100-continue\r\nContent-Length: 1000\r\n\r\n", "", 10 * time.Second},
		"a body without a key": {"POST /v1/payments HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n", " ", 10 * time.Second},
		"a body of a read":     {"GET /v1/orders HTTP/1.1\r\n" + authorized + "Content-Length: 1000\r\n\r\n", " ", 10 * time.Second},
		"a chunk size that has no end": {
			"POST /v1/orders HTTP/1.1\r\n" + authorized + key + "Transfer-Encoding: chunked\r\n\r\n1;", "a", 10 * time.Second,
		},
	}
	for _, path := range []string{
		"GET /healthz", "GET /readyz", "GET /openapi.json", "GET /problems", "GET /swagger/index.html", "POST /nothing", "PUT /v1/orders", "OPTIONS *",
		"GET /v1/orders/",
	} {
		clients["a body that is not read, of "+path] = client{path + " HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n", " ", 10 * time.Second}
	}
	before := s.mine.has(t)
	var group sync.WaitGroup
	for name, c := range clients {
		group.Go(func() { s.drip(t, name, c.begins, c.drips, c.within) })
	}
	t.Run("hundreds of idle and half-sent connections keep no client out", s.burst)
	group.Wait()
	if n := s.mine.number(t, "SELECT count(*) FROM idempotency_keys WHERE merchant_id = $1 AND resource_id IS NULL"); n != 0 {
		t.Errorf("%d keys; %d rows before", n, before)
	}
}

// drip sends a little each quarter of a second, and measures how long the service goes along with it.
func (s *target) drip(t *testing.T, name, begins, drips string, within time.Duration) {
	conn := s.connect(t)
	defer func() { _ = conn.Close() }()
	began := time.Now()
	_ = conn.SetReadDeadline(began.Add(within + slack))
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for _, resp := range s.read(t, name, conn) { // until the service closes
			if resp.Status >= 500 || resp.Status == 201 {
				t.Errorf("%s: %s", name, resp)
			}
		}
	}()
	_, _ = io.WriteString(conn, begins)
	tick := time.NewTicker(250 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ended:
			if took := time.Since(began); took > within+slack {
				t.Errorf("%s: cut off after %s", name, took)
			}
			return
		case <-tick.C:
			_, _ = io.WriteString(conn, drips)
		}
	}
}

// burst holds connections that do nothing or stop in the middle, while requests are served beside them.
func (s *target) burst(t *testing.T) {
	var held []net.Conn
	defer func() {
		for _, conn := range held {
			_ = conn.Close()
		}
	}()
	for i := range 300 {
		conn := s.connect(t)
		held = append(held, conn)
		half := []string{"", "POST /v1/orders HT", s.mine.raw("POST", "/v1/orders", "", "Idempotency-Key: burst", "Content-Length: 500") + "{"}[i%3]
		if _, err := io.WriteString(conn, half); err != nil {
			t.Fatal(err)
		}
	}
	var slowest time.Duration
	for i := range 30 {
		resp := s.other.send(t, "POST", "/v1/orders", uuid.NewString(), service.OrderBody)
		service.Wants(t, fmt.Sprint("order ", i, " beside the burst"), resp, 201, "")
		slowest = max(slowest, resp.Took)
	}
	if slowest > 5*time.Second {
		t.Errorf("the slowest of 30 orders took %s", slowest)
	}
}
