package provider

import (
	"context"
	"errors"
	"net"
	"net/http/httptrace"
	"syscall"
	"testing"
)

// TestOnlyProofsCountAsNotSent drives the trace's hooks in the orders in which net/http calls them.
func TestOnlyProofsCountAsNotSent(t *testing.T) {
	t.Parallel()
	refused := &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}
	noHost := &net.DNSError{Err: "no such host", IsNotFound: true}
	start := func(h *httptrace.ClientTrace) { h.ConnectStart("tcp", "x") }
	done := func(err error) func(*httptrace.ClientTrace) {
		return func(h *httptrace.ClientTrace) { h.ConnectDone("tcp", "x", err) }
	}
	got := func(h *httptrace.ClientTrace) { h.GotConn(httptrace.GotConnInfo{}) }
	type hooks []func(*httptrace.ClientTrace)
	for name, tc := range map[string]struct {
		hooks hooks
		err   error
		want  bool
	}{
		"name not resolved":                 {hooks{}, noHost, true},
		"deadline while resolving":          {hooks{}, context.DeadlineExceeded, true},
		"other failure before connecting":   {hooks{}, errors.New("x"), false},
		"refused":                           {hooks{start, done(refused)}, refused, true},
		"refused on both addresses":         {hooks{start, done(refused), start, done(refused)}, refused, true},
		"refused once, unreachable once":    {hooks{start, done(refused), start, done(syscall.EHOSTUNREACH)}, refused, false},
		"refused once, still trying":        {hooks{start, start, done(refused)}, context.DeadlineExceeded, false},
		"timeout while connecting":          {hooks{start}, context.DeadlineExceeded, false},
		"refused, but another one was got":  {hooks{start, done(refused), start, done(nil), got}, refused, false},
		"kept-alive connection was got":     {hooks{got}, refused, false},
		"connected, then failed before use": {hooks{start, done(nil)}, errors.New("tls"), false},
	} {
		attempt := newTrace(nil)
		h := httptrace.ContextClientTrace(attempt.follow(t.Context()))
		for _, hook := range tc.hooks {
			hook(h)
		}
		if attempt.neverLeft(tc.err) != tc.want {
			t.Errorf("%s: neverLeft = %v", name, !tc.want)
		}
	}
}

// TestADeadKeptAliveConnectionIsKnownByItsByteCount separates the one failure that may be repeated from those that may not.
func TestADeadKeptAliveConnectionIsKnownByItsByteCount(t *testing.T) {
	t.Parallel()
	ours, peer := net.Pipe()
	defer ours.Close()
	if err := peer.Close(); err != nil {
		t.Fatal(err)
	}
	conn := &countedConn{Conn: ours}
	conn.handed.Add(100) // earlier requests
	attempt := newTrace(nil)
	h := httptrace.ContextClientTrace(attempt.follow(t.Context()))
	h.GotConn(httptrace.GotConnInfo{Conn: conn, Reused: true})
	if !attempt.deadBeforeUse() {
		t.Error("nothing was handed over, but it is not known")
	}
	if _, err := conn.Write([]byte("P")); err == nil || attempt.deadBeforeUse() {
		t.Error("a byte was handed over to a broken connection: it counts, although it was lost")
	}
	fresh := newTrace(nil)
	httptrace.ContextClientTrace(fresh.follow(t.Context())).GotConn(httptrace.GotConnInfo{Conn: conn})
	if fresh.deadBeforeUse() {
		t.Error("a fresh connection is never replaced")
	}
}
