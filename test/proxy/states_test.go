package proxy_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/payonce/payonce/test/proxy"
)

func TestABlackHoleForwardsNothingUntilItEnds(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.works("before, on a connection that stays")
	s.proxy.BlackHole(true)
	done := make(chan error, 2)
	for range 2 { // on the old connection, and on a new one
		go func() { _, err := s.post("/"); done <- err }()
	}
	eventually(t, "both are in it", func() bool { return s.proxy.Counts()[proxy.BlackHoled] >= 2 })
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if _, err := s.postWithin(ctx, "/"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("in a black hole: %v", err)
	}
	if n := s.served.Load(); n != 1 {
		t.Errorf("%d served", n)
	}
	s.proxy.BlackHole(false)
	for range 2 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

func TestRefusedConnectionsAreRefusedUntilAccepted(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.works("before")
	s.proxy.Refuse()
	s.works("a connection that stands")
	if n := s.proxy.ResetAll(); n != 1 {
		t.Errorf("%d connections reset", n)
	}
	eventually(t, "the broken connection is noticed", func() bool { _, err := s.post("/"); return errors.Is(err, syscall.ECONNREFUSED) })
	if err := s.proxy.Accept(); err != nil {
		t.Fatal(err)
	}
	s.works("afterwards")
	if counts := s.proxy.Counts(); counts[proxy.Refused] != 1 || counts[proxy.Reset] != 1 {
		t.Errorf("counted %v", counts)
	}
}

func TestLatencyDelaysBothWays(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.works("before")
	s.proxy.Latency(50 * time.Millisecond)
	began := time.Now()
	s.works("slow")
	if took := time.Since(began); took < 100*time.Millisecond {
		t.Errorf("took %s", took)
	}
	s.proxy.Latency(0)
	if s.proxy.Counts()[proxy.Delayed] < 2 {
		t.Errorf("counted %v", s.proxy.Counts())
	}
}

func TestAServerMayComeBackElsewhere(t *testing.T) {
	t.Parallel()
	s, other := newSite(t), newSite(t)
	s.works("before")
	s.server.Close()
	if err := s.proxy.Target(other.server.URL); err != nil {
		t.Fatal(err)
	}
	eventually(t, "requests go to the other", func() bool { _, err := s.post("/"); return err == nil })
	if other.served.Load() == 0 {
		t.Error("the other server saw nothing")
	}
	if err := s.proxy.Target("redis://x"); err == nil {
		t.Error("not a web server's address")
	}
}

func TestTripsAreCounted(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	for range 5 {
		s.works("on one connection")
	}
	if n := s.proxy.Trips(); n != 5 {
		t.Errorf("%d trips", n)
	}
}

func TestAClosedProxyLeavesNothingBehind(t *testing.T) {
	before := goleak.IgnoreCurrent()
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	for _, end := range []func(*proxy.HTTP){func(p *proxy.HTTP) { p.Close() }, func(*proxy.HTTP) { cancel() }} {
		p, err := proxy.NewHTTP(ctx, server.URL)
		if err != nil {
			t.Fatal(err)
		}
		client := &http.Client{Transport: &http.Transport{}, Timeout: 10 * time.Second}
		held, done := p.Arm(proxy.Fault{Kind: proxy.HoldReply}), make(chan error, 1)
		go func() {
			resp, err := client.Head(p.URL())
			if err == nil {
				_ = resp.Body.Close()
			}
			done <- err
		}()
		eventually(t, "a reply is held", func() bool { return held.Held() == 1 })
		end(p)
		if err := <-done; err == nil {
			t.Error("answered through a closed proxy")
		}
		p.Close()
		if p.Connections() != 0 || p.Accept() == nil && errors.Is(ctx.Err(), context.Canceled) {
			t.Error("it is still open")
		}
		client.CloseIdleConnections()
	}
	server.Close()
	goleak.VerifyNone(t, before)
}
