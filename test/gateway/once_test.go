package gateway

import (
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/payonce/payonce/internal/problem"
	"github.com/payonce/payonce/test/service"
)

// cut reads the request and closes the connection without an answer, as a replica that dies then.
func cut(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }

func TestARequestThatMayHaveArrivedIsNotSentAgain(t *testing.T) {
	t.Parallel()
	p := findPlace(t, 2)
	all := []*standIn{startStandIn(t, p, 0), startStandIn(t, p, 1)}
	g := startGateway(t, p)
	for _, s := range all {
		s.answers(cut)
	}
	for i := range 20 {
		key := fmt.Sprintf("cut-%d-", i)
		isProblem(t, "a request without an answer", g.post(t, key), problem.CodeUnavailable, "1")
		if n := read(all, key); n != 1 {
			t.Errorf("%s arrived %d times, want once", key, n)
		}
	}
	for _, method := range []string{"GET", "DELETE", "PATCH", "PUT"} {
		before := read(all, "")
		g.exchange(t, raw(method, "/v1/orders/x", "", "Content-Length: 0", "Idempotency-Key: cut-"+method, "Connection: close"))
		if n := read(all, "") - before; n != 1 {
			t.Errorf("a %s arrived %d times, want once", method, n)
		}
	}
	// On a client's connection that was used before.
	var reads atomic.Int32
	for _, s := range all {
		s.answers(func(w http.ResponseWriter, r *http.Request) {
			if strings.HasPrefix(r.Header.Get("Idempotency-Key"), "reused-last") {
				reads.Add(1)
				cut(w, r)
			}
			w.WriteHeader(http.StatusCreated)
		})
	}
	text := ""
	for range 10 {
		text += raw("POST", "/v1/orders", "{}", "Idempotency-Key: reused", "Content-Length: 2")
	}
	answers := g.exchange(t, text+raw("POST", "/v1/orders", "{}", "Idempotency-Key: reused-last", "Content-Length: 2"))
	// The last one has no answer: the connection is closed.
	if len(answers) != 10 || read(all, "reused-last") != 1 || reads.Load() != 1 {
		t.Errorf("%d answers; the last request arrived %d times, want 10 and once", len(answers), read(all, "reused-last"))
	}
}

// A connection that is refused has carried nothing: the request is sent to another replica, before any check has failed.
func TestARequestThatWasNotSentGoesToAnotherReplica(t *testing.T) {
	t.Parallel()
	p := findPlace(t, 2)
	all := []*standIn{startStandIn(t, p, 0), startStandIn(t, p, 1)}
	g := startGateway(t, p)
	_ = all[0].server.Close()
	for i := range 40 {
		service.Wants(t, "a request", g.post(t, fmt.Sprintf("refused-%d-", i)), http.StatusCreated, "")
	}
	if n := read(all, "refused-"); n != 40 {
		t.Errorf("%d requests arrived, want 40", n)
	}
	again := 0
	for _, l := range g.lines() {
		if l.Retries != "0" {
			again++
		}
	}
	if again == 0 {
		t.Error("no request met the replica that is gone: the test shows nothing")
	}
	_ = all[1].server.Close()
	service.Until(t, "no replica is left", func() bool {
		return strings.Contains(g.get("/metrics"), "haproxy_backend_active_servers{proxy=\"replicas\"} 0")
	})
	isProblem(t, "a request without any replica", g.post(t, "none"), problem.CodeUnavailable, "1")
	if answers := g.exchange(t, raw("GET", "/readyz", "", "Connection: close")); len(answers) != 1 || answers[0].Status != http.StatusServiceUnavailable {
		t.Errorf("/readyz without any replica: %v", answers)
	}
}

func TestCopiesMeetAtOneReplica(t *testing.T) {
	t.Parallel()
	p := findPlace(t, 3)
	all := []*standIn{startStandIn(t, p, 0), startStandIn(t, p, 1), startStandIn(t, p, 2)}
	g := startGateway(t, p)
	for i := range 30 {
		key := fmt.Sprintf("copy-%d-", i)
		for range 3 {
			g.post(t, key)
		}
		for _, s := range all {
			if n := s.count(key); n != 0 && n != 3 {
				t.Errorf("%d of 3 copies came to one replica", n)
			}
		}
	}
	for i, s := range all {
		if s.count("copy-") == 0 {
			t.Errorf("replica %d got none of 30 keys", i+1)
		}
	}
}
