package proxy

import (
	"context"
	"maps"
	"slices"
	"strings"
)

// Kind is a moment and what happens then; see the package comment.
type Kind string

// The kinds of faults that are armed.
const (
	CutRequest  Kind = "cut request"
	HoldRequest Kind = "hold request"
	CutReply    Kind = "cut reply"
	HoldReply   Kind = "hold reply"

	CutBeforeCommit Kind = "cut before commit"
	HoldCommit      Kind = "hold commit"
	CutAfterCommit  Kind = "cut after commit"
	Strand          Kind = "strand"

	SwapReply     Kind = "swap reply"
	TruncateReply Kind = "truncate reply"
	AlterReply    Kind = "alter reply"
)

// States that are counted like faults: a connection refused is not seen here, so Refused counts how often that began.
const (
	Refused    Kind = "refuse"
	BlackHoled Kind = "black hole" // what was held, in pieces
	Delayed    Kind = "latency"    // what was delayed, in pieces
	Reset      Kind = "reset"      // connections reset by ResetAll
)

// Always is a Fault's Times for every moment until Disarm.
const Always = -1

// Fault is what is to happen.
type Fault struct {
	Kind       Kind
	Times      int    // how many moments; 0 means 1, Always every one
	Bytes      int    // of the request or reply that still pass before a cut; the shortest value that is truncated or altered
	Statements int    // of a stranded batch that still pass, then Bytes of the next message; -1: all but the last one
	Match      string // only requests that contain it, case and all; empty: every one
}

// Armed is a fault that waits for its moments. Safe for concurrent use.
type Armed struct {
	proxy *Proxy
	fault Fault
	left  int           // guarded by proxy.mu, as the next two
	hits  int64         // moments that came
	held  int           // waiting now
	open  chan struct{} // closed by Release

	disarmed bool
}

// Arm makes a fault happen at its next moments. Faults of one kind take turns in the order in which they were armed.
func (p *Proxy) Arm(f Fault) *Armed {
	if f.Times == 0 {
		f.Times = 1
	}
	a := &Armed{proxy: p, fault: f, left: f.Times, open: make(chan struct{})}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.armed = append(p.armed, a)
	return a
}

// Hits is how often it happened.
func (a *Armed) Hits() int64 {
	a.proxy.mu.Lock()
	defer a.proxy.mu.Unlock()
	return a.hits
}

// Held is how many wait for Release now.
func (a *Armed) Held() int {
	a.proxy.mu.Lock()
	defer a.proxy.mu.Unlock()
	return a.held
}

// Disarm lets no further moment be hit. What is held stays so.
func (a *Armed) Disarm() {
	a.proxy.mu.Lock()
	defer a.proxy.mu.Unlock()
	a.disarmed = true
	a.proxy.forget(a)
}

// Release lets what is held go on, and disarms.
func (a *Armed) Release() {
	a.proxy.mu.Lock()
	defer a.proxy.mu.Unlock()
	a.disarmed = true
	a.proxy.forget(a)
	select {
	case <-a.open:
	default:
		close(a.open)
	}
}

// Disarm disarms every fault and releases what is held.
func (p *Proxy) Disarm() {
	p.mu.Lock()
	all := slices.Concat(p.armed, p.holding)
	p.mu.Unlock()
	for _, a := range all {
		a.Release()
	}
}

// Counts are the moments that were hit since the start, by kind.
func (p *Proxy) Counts() map[Kind]int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return maps.Clone(p.counts)
}

// waits tells whether a fault of this kind is armed for any request.
func (p *Proxy) waits(kind Kind) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.ContainsFunc(p.armed, func(a *Armed) bool { return a.fault.Kind == kind })
}

// take uses up one moment of a fault of this kind, if one is armed for this request; text is asked for only then.
func (p *Proxy) take(kind Kind, text func() string) *Armed {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, a := range p.armed {
		if a.fault.Kind != kind || (a.fault.Match != "" && !strings.Contains(text(), a.fault.Match)) {
			continue
		}
		if a.left > 0 {
			a.left--
		}
		if a.left == 0 {
			p.forget(a)
		}
		return a
	}
	return nil
}

// giveBack returns a moment that was taken and did not come.
func (p *Proxy) giveBack(a *Armed) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if a.left == Always || a.disarmed {
		return
	}
	if a.left == 0 {
		p.armed = append(p.armed, a)
	}
	a.left++
}

// hit counts a moment that came.
func (p *Proxy) hit(a *Armed) {
	p.mu.Lock()
	defer p.mu.Unlock()
	a.hits++
	p.counts[a.fault.Kind]++
}

func (p *Proxy) count(kind Kind) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.counts[kind]++
}

// forget removes a fault. The caller holds mu.
func (p *Proxy) forget(a *Armed) { p.armed = without(p.armed, a) }

func without(list []*Armed, a *Armed) []*Armed {
	return slices.DeleteFunc(list, func(other *Armed) bool { return other == a })
}

// hold waits until Release, or until the connection ends.
func (a *Armed) hold(ctx context.Context) {
	p := a.proxy
	p.mu.Lock()
	a.held++
	if a.held == 1 {
		p.holding = append(p.holding, a)
	}
	p.mu.Unlock()
	select {
	case <-a.open:
	case <-ctx.Done():
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	a.held--
	if a.held == 0 {
		p.holding = without(p.holding, a)
	}
}
