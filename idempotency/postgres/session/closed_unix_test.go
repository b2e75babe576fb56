//go:build linux || darwin || freebsd || netbsd || openbsd

package session

import (
	"net"
	"testing"
	"time"
)

func TestClosedSeesWhatWaitsInTheSocket(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		peer func(*net.TCPConn) error
		want bool
	}{
		"silent":     {func(*net.TCPConn) error { return nil }, false},
		"ended":      {(*net.TCPConn).Close, true},
		"half ended": {(*net.TCPConn).CloseWrite, true},
		"reset":      {func(c *net.TCPConn) error { _ = c.SetLinger(0); return c.Close() }, true},
		"last words": {func(c *net.TCPConn) error { _, err := c.Write([]byte("E")); return err }, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			conn, peer := connected(t)
			if err := c.peer(peer); err != nil {
				t.Fatal(err)
			}
			got := closed(conn)
			for limit := time.Now().Add(10 * time.Second); got != c.want && time.Now().Before(limit); got = closed(conn) {
				<-time.After(time.Millisecond) // until it has arrived
			}
			if got != c.want {
				t.Errorf("got closed %t, want %t", got, c.want)
			}
		})
	}
}

func TestClosedDoesNotWaitBehindAReadThatIsUnderWay(t *testing.T) {
	t.Parallel()
	conn, peer := connected(t)
	read := make(chan byte)
	go func() {
		for b := make([]byte, 1); ; {
			if _, err := conn.Read(b); err != nil {
				close(read)
				return
			}
			read <- b[0]
		}
	}()
	if _, err := peer.Write([]byte("1")); err != nil {
		t.Fatal(err)
	}
	<-read // and the next read waits, now or soon
	for range 100 {
		answered := make(chan bool, 1)
		go func() { answered <- closed(conn) }()
		select {
		case got := <-answered:
			if got {
				t.Fatal("got closed true, want false: the peer is silent")
			}
		case <-time.After(10 * time.Second):
			t.Fatal("got no answer in 10 s, want one at once")
		}
	}
	_ = conn.Close()
	<-read
}

// connected is a connection and its peer's end.
func connected(t *testing.T) (conn net.Conn, peer *net.TCPConn) {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	if conn, err = dialer().DialContext(t.Context(), "tcp", listener.Addr().String()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	accepted, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = accepted.Close() })
	return conn, accepted.(*net.TCPConn)
}
