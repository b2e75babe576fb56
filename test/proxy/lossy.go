package proxy

import (
	"net"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
)

// Lossy forwards to a store, and while Lose is set it swallows what the store answers.
type Lossy struct {
	net.Listener
	target string // an address, or the path of a socket
	Lose   atomic.Bool
	Passed atomic.Int64 // bytes towards the store
}

// NewLossy listens on a free port until the test ends, and forwards to the target.
func NewLossy(t testing.TB, target string) *Lossy {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &Lossy{Listener: listener, target: target}
	var group sync.WaitGroup
	group.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			group.Go(func() { p.forward(conn) })
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		group.Wait()
	})
	return p
}

func (p *Lossy) forward(client net.Conn) {
	network := "tcp"
	if filepath.IsAbs(p.target) {
		network = "unix"
	}
	server, err := net.Dial(network, p.target)
	if err != nil {
		_ = client.Close()
		return
	}
	var group sync.WaitGroup
	defer group.Wait()
	pump := func(from, to net.Conn, lose func() bool) {
		defer func() { _, _ = from.Close(), to.Close() }()
		buf := make([]byte, 64<<10)
		for {
			n, err := from.Read(buf)
			if n > 0 && lose() {
				return // the connection breaks after the store has acted
			}
			if n > 0 {
				_, _ = to.Write(buf[:n])
			}
			if err != nil {
				return
			}
		}
	}
	group.Go(func() { pump(server, client, p.Lose.Load) })
	pump(client, server, func() bool { p.Passed.Add(1); return false })
}
