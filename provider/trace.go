package provider

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http/httptrace"
	"sync"
	"sync/atomic"
	"syscall"
)

// countedConn counts the bytes handed to a connection, before they are written: more may be counted than left, never less.
type countedConn struct {
	net.Conn
	handed atomic.Int64
	sends  atomic.Pointer[sending] // the request that has the connection
}

func (c *countedConn) Write(b []byte) (int, error) {
	if s := c.sends.Load(); s != nil && !s.mayBegin() {
		return 0, errTooLate
	}
	c.handed.Add(int64(len(b)))
	return c.Conn.Write(b)
}

// counted finds the counter below TLS; nil when the connection is not ours, which proves nothing.
func counted(conn net.Conn) *countedConn {
	if secured, ok := conn.(*tls.Conn); ok {
		conn = secured.NetConn()
	}
	found, _ := conn.(*countedConn)
	return found
}

// trace observes one attempt to send. Its hooks run on net/http's goroutines, also after the attempt has ended.
type trace struct {
	sending  sending
	mu       sync.Mutex
	resolved bool // or the host was an address
	dials    int
	refused  int
	got      bool // a connection was handed to the request: from here on it may be written
	reused   bool
	conn     *countedConn
	before   int64 // conn's count when the request got it
}

func newTrace(until limits) *trace { return &trace{sending: sending{until: until}} }

// follow returns ctx with the trace's hooks in it.
func (t *trace) follow(ctx context.Context) context.Context {
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		ConnectStart: func(string, string) {
			t.mu.Lock()
			defer t.mu.Unlock()
			t.resolved = true
			t.dials++
		},
		ConnectDone: func(_, _ string, err error) {
			t.mu.Lock()
			defer t.mu.Unlock()
			if errors.Is(err, syscall.ECONNREFUSED) {
				t.refused++
			}
		},
		GotConn: func(info httptrace.GotConnInfo) {
			t.mu.Lock()
			defer t.mu.Unlock()
			t.got, t.reused, t.conn = true, info.Reused, counted(info.Conn)
			if t.conn != nil {
				t.before = t.conn.handed.Load()
				t.conn.sends.Store(&t.sending)
			}
		},
	})
}

// neverLeft proves that the failed attempt sent no request. A timeout while connecting would be proof, too, but the
// design lists only a name that was not resolved and refused connections as reasons to take a payment back; a host with
// several addresses must have refused on each of them.
func (t *trace) neverLeft(err error) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.sending.refused() {
		return true
	}
	if t.got {
		return false
	}
	if !t.resolved {
		_, unresolved := errors.AsType[*net.DNSError](err)
		return unresolved || isDeadline(err) // the resolver's answer may lose the race against the deadline
	}
	return t.dials > 0 && t.refused == t.dials
}

// deadBeforeUse proves that a kept-alive connection failed before any byte of the request was handed to it. The attempt
// must have ended by itself: after a cancelled one net/http might still be writing.
func (t *trace) deadBeforeUse() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.got && t.reused && !t.sending.refused() && t.conn != nil && t.conn.handed.Load() == t.before
}

func isDeadline(err error) bool {
	return errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled)
}

// networkError keeps of a transport's error what cannot hold the peer's words: the operating system's reason or the
// resolver's verdict.
func networkError(err error) error {
	if errno, ok := errors.AsType[syscall.Errno](err); ok {
		return fmt.Errorf("connection failed: %w", errno)
	}
	if dns, ok := errors.AsType[*net.DNSError](err); ok {
		return fmt.Errorf("name %q not resolved", dns.Name)
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("connection closed before the answer was complete: %w", io.ErrUnexpectedEOF)
	}
	return errors.New("exchange failed: the connection broke or the answer is not HTTP")
}
