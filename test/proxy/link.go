package proxy

import (
	"context"
	"net"
	"sync"
	"time"
)

// direction is where something is said to.
type direction int

const (
	toServer direction = iota
	toClient
)

// speech understands what is said on one connection. The two directions call it at the same time.
type speech interface {
	// frame is the length of the first whole unit in b, 0 when more is needed.
	frame(dir direction, b []byte) int
	// see looks at a unit before it is forwarded.
	see(dir direction, unit []byte) verdict
	// text is what the client is asking for, for Fault.Match.
	text() string
}

// verdict is what becomes of a unit.
type verdict struct {
	out  []byte // forwarded instead of it
	hold *Armed // waits for this first
	cut  *Armed // both connections are reset behind out

	strand *Armed // nothing passes any more behind out, and both connections stay open
}

// dialLimit bounds a connection to a server that is next door.
const dialLimit = 5 * time.Second

// link is one client's connection together with the one to the server.
type link struct {
	proxy  *Proxy
	ctx    context.Context //nolint:containedctx // both directions', ended by reset
	cancel context.CancelFunc
	speech speech
	client net.Conn

	mu      sync.Mutex
	server  net.Conn // nil until connect
	broken  bool
	spoken  bool // the client has spoken
	last    direction
	passed  [2]int // bytes of this turn
	pending [2]*Armed

	stranded *Armed // the server waits for what never comes
}

func (l *link) connect() error {
	ctx, cancel := context.WithTimeout(l.ctx, dialLimit)
	defer cancel()
	network, address := l.proxy.target()
	server, err := (&net.Dialer{}).DialContext(ctx, network, address)
	if err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.server = server
	if l.broken {
		_ = server.Close()
	}
	return nil
}

// run forwards both ways until one ends, then ends the other.
func (l *link) run() {
	var ways sync.WaitGroup
	ways.Go(func() { l.pump(toServer, l.client, l.server) })
	ways.Go(func() { l.pump(toClient, l.server, l.client) })
	ways.Wait()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.giveBack()
}

// reset breaks both connections, unread and unsent bytes and all.
func (l *link) reset() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.broken = true
	l.cancel()
	for _, conn := range []net.Conn{l.client, l.server} {
		if conn == nil {
			continue
		}
		if tcp, ok := conn.(*net.TCPConn); ok {
			_ = tcp.SetLinger(0) // a reset, not an orderly end
		}
		_ = conn.Close()
	}
}

// pump forwards one direction, unit by unit.
func (l *link) pump(dir direction, from, to net.Conn) {
	defer func() { // one side is gone, so the other direction ends, too
		l.cancel()
		_, _ = from.Close(), to.Close()
	}()
	buf := make([]byte, 32<<10)
	var unread []byte
	for {
		n, err := from.Read(buf)
		if n > 0 {
			l.turn(dir)
			var ok bool
			if unread, ok = l.forward(dir, to, append(unread, buf[:n]...)); !ok {
				if a := l.strandedBy(); a != nil && dir == toServer {
					a.hold(l.ctx) // until its release, or until the server ends the connection
				}
				return
			}
		}
		if err != nil {
			if l.proxy.wait(l.ctx) == nil { // a black hole hides the end, too
				_, _ = to.Write(unread) // a unit that was cut off before it came here
			}
			return
		}
	}
}

func (l *link) strandedBy() *Armed {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.stranded
}

// turn notes who speaks.
func (l *link) turn(dir direction) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.spoken && l.last == dir {
		return
	}
	if dir == toServer {
		l.proxy.trips.Add(1)
		l.spoken, l.passed = true, [2]int{}
		l.giveBack()
	}
	l.last = dir
}

// giveBack returns the cuts for which the turn was too short. The caller holds mu.
func (l *link) giveBack() {
	for dir, cut := range l.pending {
		if cut != nil {
			l.proxy.giveBack(cut)
		}
		l.pending[dir] = nil
	}
}

// forward sends the whole units of b on, and returns what is left of it.
func (l *link) forward(dir direction, to net.Conn, b []byte) (rest []byte, ok bool) {
	if dir == toClient && l.strandedBy() != nil {
		return nil, true // dropped: after the fault the client gets no more answers
	}
	var out []byte
	for {
		n := l.speech.frame(dir, b)
		if n == 0 {
			return append([]byte{}, b...), l.write(to, out) == nil
		}
		v := l.judge(dir, b[:n])
		b = b[n:]
		if v.hold != nil {
			if l.write(to, out) != nil {
				return nil, false
			}
			out = nil
			l.proxy.hit(v.hold)
			v.hold.hold(l.ctx)
		}
		out = append(out, v.out...)
		if v.strand != nil {
			l.mu.Lock()
			l.stranded = v.strand
			l.mu.Unlock()
			_ = l.write(to, out)
			l.proxy.hit(v.strand)
			return nil, false
		}
		if v.cut != nil {
			_ = l.write(to, out)
			l.proxy.hit(v.cut)
			l.reset()
			return nil, false
		}
	}
}

// judge asks the speech, then looks whether this turn is to be held or cut.
func (l *link) judge(dir direction, unit []byte) verdict {
	v := l.speech.see(dir, unit)
	if v.cut != nil || v.strand != nil {
		return v
	}
	cutting, holding := CutRequest, HoldRequest
	if dir == toClient {
		cutting, holding = CutReply, HoldReply
	}
	if v.hold == nil {
		v.hold = l.proxy.take(holding, l.speech.text)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.pending[dir] == nil {
		l.pending[dir] = l.proxy.take(cutting, l.speech.text)
	}
	if cut := l.pending[dir]; cut != nil {
		if room := max(0, cut.fault.Bytes-l.passed[dir]); room < len(v.out) {
			v.out, v.cut, l.pending[dir] = v.out[:room], cut, nil
		}
	}
	l.passed[dir] += len(v.out)
	return v
}

func (l *link) write(to net.Conn, b []byte) error {
	if len(b) == 0 {
		return l.ctx.Err()
	}
	if err := l.proxy.wait(l.ctx); err != nil {
		return err
	}
	_, err := to.Write(b)
	return err
}
