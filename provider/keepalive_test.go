package provider_test

import (
	"bufio"
	"net"
	"sync/atomic"
	"testing"

	"github.com/payonce/payonce/provider"
)

func TestAConnectionClosedWhileIdleIsReplaced(t *testing.T) {
	t.Parallel()
	closed := make(chan struct{})
	url := scripted(t, func(number int64, conn *net.TCPConn) {
		r := bufio.NewReader(conn)
		for take(r) == nil {
			say(conn, intentJSON)
			if number == 1 {
				_ = conn.Close()
				close(closed)
				return
			}
		}
	})
	c := client(t, url)
	if res := c.Authorize(t.Context(), ask()); res.Outcome != provider.Answered {
		t.Fatalf("first: %+v", res)
	}
	<-closed
	// The client may or may not have noticed by now. Whatever it did, it never sends twice: the answer is either there or unknown.
	if res := c.Authorize(t.Context(), ask()); res.Outcome != provider.Answered && res.Outcome != provider.Unknown {
		t.Fatalf("second: %+v", res)
	}
	if res := c.Authorize(t.Context(), ask()); res.Outcome != provider.Answered {
		t.Fatalf("third: %+v", res)
	}
}

func TestARequestWrittenToADyingConnectionIsNotSentAgain(t *testing.T) {
	t.Parallel()
	for name, linger := range map[string]int{"reset": 0, "closed": -1} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var requests atomic.Int64
			url := scripted(t, func(_ int64, conn *net.TCPConn) {
				r := bufio.NewReader(conn)
				for answered := 0; take(r) == nil; answered++ {
					requests.Add(1)
					if answered == 1 { // the kept-alive connection's second request is read and dropped
						_ = conn.SetLinger(linger)
						return
					}
					say(conn, intentJSON)
				}
			})
			c := client(t, url)
			if res := c.Authorize(t.Context(), ask()); res.Outcome != provider.Answered {
				t.Fatalf("first: %+v", res)
			}
			if res := c.Authorize(t.Context(), ask()); res.Outcome != provider.Unknown {
				t.Fatalf("second: %+v", res)
			}
			if n := requests.Load(); n != 2 {
				t.Fatalf("%d requests arrived, want 2: net/http sent one again", n)
			}
		})
	}
}

func TestARefusalAfterAConnectionDiedIsStillUnknown(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		r := bufio.NewReader(conn)
		if take(r) == nil {
			_ = listener.Close() // whatever connects from now on is refused
			say(conn, intentJSON)
			_ = take(r)
		}
	}()
	c := client(t, "http://"+listener.Addr().String())
	if res := c.Authorize(t.Context(), ask()); res.Outcome != provider.Answered {
		t.Fatalf("first: %+v", res)
	}
	if res := c.Authorize(t.Context(), ask()); res.Outcome != provider.Unknown {
		t.Fatalf("written to a connection that died: %+v", res)
	}
	if res := c.Authorize(t.Context(), ask()); res.Outcome != provider.NotSent {
		t.Fatalf("afterwards: %+v", res)
	}
}
