package proxy

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/payonce/payonce/internal/sleep"
)

// Proxy is what all kinds have in common: it listens, forwards, counts and breaks. Safe for concurrent use.
type Proxy struct {
	ctx    context.Context //nolint:containedctx // of every goroutine, ended by Close
	cancel context.CancelFunc
	group  sync.WaitGroup
	speech func(*Proxy) speech // of a new connection

	address string
	trips   atomic.Int64

	mu       sync.Mutex
	network  string // of the server
	server   string
	listener net.Listener // nil while connections are refused
	links    map[*link]struct{}
	armed    []*Armed
	holding  []*Armed // of which something is held
	hole     chan struct{}
	latency  time.Duration
	counts   map[Kind]int64
}

// Listen opens a loopback port from below those from which connections are made: no other program gets it by chance while it is closed.
func Listen(ctx context.Context) (net.Listener, error) {
	for try := 1; ; try++ {
		listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:"+strconv.Itoa(15000+rand.IntN(17000)))
		if err == nil || try == 50 {
			return listener, err
		}
	}
}

// start listens on a loopback port. The end of ctx closes.
func start(ctx context.Context, network, server string, speech func(*Proxy) speech) (*Proxy, error) {
	p := &Proxy{speech: speech, network: network, server: server, links: map[*link]struct{}{}, counts: map[Kind]int64{}}
	p.ctx, p.cancel = context.WithCancel(ctx)
	listener, err := Listen(p.ctx)
	if err == nil {
		err = p.serveFrom(listener)
	}
	if err != nil {
		p.cancel()
		return nil, fmt.Errorf("listen for the proxy: %w", err)
	}
	p.group.Go(func() {
		<-p.ctx.Done()
		p.Refuse()
		p.ResetAll()
	})
	return p, nil
}

// serveFrom serves what a listener accepts, until it is closed.
func (p *Proxy) serveFrom(listener net.Listener) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ctx.Err() != nil { // closed meanwhile
		return errors.Join(p.ctx.Err(), listener.Close())
	}
	p.address, p.listener = listener.Addr().String(), listener
	p.group.Go(func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			p.group.Go(func() { p.serve(client) })
		}
	})
	return nil
}

// Close resets what is open, refuses what comes, and waits for the proxy's goroutines.
func (p *Proxy) Close() {
	p.cancel()
	p.group.Wait()
}

// Address is host:port where it listens, the same for its whole life.
func (p *Proxy) Address() string { return p.address }

// Trips is how often clients spoke after they were spoken to, the first word of a connection included.
func (p *Proxy) Trips() int64 { return p.trips.Load() }

// Connections is how many are open.
func (p *Proxy) Connections() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.links)
}

// Refuse stops accepting new connections. Connections that stand go on; ResetAll ends them.
func (p *Proxy) Refuse() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.listener == nil {
		return
	}
	_ = p.listener.Close()
	p.listener = nil
	if p.ctx.Err() == nil {
		p.counts[Refused]++
	}
}

// Accept ends Refuse.
func (p *Proxy) Accept() error {
	p.mu.Lock()
	refusing := p.listener == nil
	p.mu.Unlock()
	if !refusing {
		return nil
	}
	listener, err := (&net.ListenConfig{}).Listen(p.ctx, "tcp", p.address)
	if err == nil {
		err = p.serveFrom(listener)
	}
	if err != nil {
		return fmt.Errorf("accept connections again: %w", err)
	}
	return nil
}

// ResetAll breaks every connection that stands, and returns how many there were.
func (p *Proxy) ResetAll() int {
	p.mu.Lock()
	links := make([]*link, 0, len(p.links))
	for l := range p.links {
		links = append(links, l)
	}
	if p.ctx.Err() == nil {
		p.counts[Reset] += int64(len(links))
	}
	p.mu.Unlock()
	for _, l := range links {
		l.reset()
	}
	return len(links)
}

// BlackHole keeps connections open, accepts new ones, and forwards nothing, in neither direction, until it is switched
// off. Then what was held goes on, as after a network's pause.
func (p *Proxy) BlackHole(on bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case on && p.hole == nil:
		p.hole = make(chan struct{})
	case !on && p.hole != nil:
		close(p.hole)
		p.hole = nil
	}
}

// Latency delays each piece in each direction by d; 0 ends it.
func (p *Proxy) Latency(d time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.latency = d
}

// wait is what the states cost a piece that is to be forwarded.
func (p *Proxy) wait(ctx context.Context) error {
	for {
		p.mu.Lock()
		hole, latency := p.hole, p.latency
		p.mu.Unlock()
		if hole == nil {
			return p.delay(ctx, latency)
		}
		p.count(BlackHoled)
		select {
		case <-hole:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (p *Proxy) delay(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	p.count(Delayed)
	if !sleep.For(ctx, d) {
		return ctx.Err()
	}
	return nil
}

// target is where a new connection leads.
func (p *Proxy) target() (network, server string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.network, p.server
}

// serve forwards one connection until either side ends it.
func (p *Proxy) serve(client net.Conn) {
	ctx, cancel := context.WithCancel(p.ctx)
	l := &link{proxy: p, ctx: ctx, cancel: cancel, client: client, speech: p.speech(p)}
	p.mu.Lock()
	p.links[l] = struct{}{}
	p.mu.Unlock()
	defer func() {
		p.mu.Lock()
		delete(p.links, l)
		p.mu.Unlock()
		cancel()
	}()
	if err := errors.Join(p.wait(ctx), l.connect()); err != nil {
		l.reset() // the server is away
		return
	}
	l.run()
}
