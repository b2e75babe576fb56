package model

import (
	"math"
	"math/rand/v2"
	"slices"
)

// leg is one step of a trace, and the world behind it.
type leg struct {
	act   action
	after world
}

// tracer makes traces of a configuration. Processes keep the names that they have at the start, and each step that the
// engine takes alone is one of its own (Config.Fine).
type tracer struct {
	m *machine
}

func newTracer(cfg Config) *tracer {
	cfg.Fine = true
	m := newMachine(cfg)
	m.free, m.slow, m.faults, m.raw = true, true, true, true
	return &tracer{m}
}

// next are the steps from a world that a trace may take. The slice is its caller's own.
func (p *tracer) next(w *world, way []leg, faults int) []edge {
	var fit []edge
	for _, e := range p.m.successors(w) {
		if e.act.event.class() == fault && faults == 0 {
			continue
		}
		there := unpack(&e.key)
		if !overrun(w, &there, e.act, way) {
			fit = append(fit, e)
		}
	}
	return fit
}

const (
	maxReruns     = 2  // how often the engine begins a first transaction again that lost a race; the model sets no limit
	maxBudgetEnds = 16 // in one trace: each takes twice as long as the one before (turn)
)

// overrun tells whether a step would begin a first transaction more often than the engine does, or take too much time.
func overrun(before, after *world, act action, way []leg) bool {
	if endsBudget[act.event] && budgetsEnded(way) == maxBudgetEnds {
		return true
	}
	if !isRerun(act.event&0xff, after, act.who) {
		return false
	}
	runs := 1
	for n := len(way) - 1; n >= 0; n-- {
		if way[n].act.event.subject() != aProcess || way[n].act.who != act.who {
			continue
		}
		if isRerun(way[n].act.event&0xff, &way[n].after, act.who) {
			runs++
		}
		if n > 0 && way[n-1].after.procs[act.who].pc == idle {
			break
		}
	}
	return runs > maxReruns
}

func isRerun(e event, after *world, who uint8) bool {
	return (e == firstRolledBack || e == resolvedRolledBack) && after.procs[who].pc == entered
}

// each calls visit with every trace of exactly so many steps, or of fewer where none leads on.
func (p *tracer) each(steps, faults int, visit func([]leg)) {
	start := p.m.start()
	p.extend(nil, start, steps, faults, visit)
}

func (p *tracer) extend(way []leg, w world, steps, faults int, visit func([]leg)) {
	var out []edge
	if steps > 0 {
		out = p.next(&w, way, faults)
	}
	if len(out) == 0 {
		visit(way)
		return
	}
	for _, e := range out {
		left := faults
		if e.act.event.class() == fault {
			left--
		}
		there := unpack(&e.key)
		p.extend(append(way[:len(way):len(way)], leg{e.act, there}), there, steps-1, left, visit)
	}
}

// wanderer makes random traces of a configuration. It prefers transitions and events that were rare so far; the seed of its
// source decides the rest.
type wanderer struct {
	*tracer
	source *rand.Rand
	taken  map[crossing]bool
	events [len(events)]uint
}

// crossing is a transition of a configuration.
type crossing struct {
	from, to key
	act      action
}

func (p *tracer) wander(seed uint64) *wanderer {
	source := rand.New(rand.NewPCG(seed, seed)) //nolint:gosec // the same traces each time
	return &wanderer{tracer: p, source: source, taken: map[crossing]bool{}}
}

// walk is a trace of at most so many steps.
func (p *wanderer) walk(steps, faults int) []leg {
	var way []leg
	w := p.m.start()
	for len(way) < steps {
		allowed := faults
		if p.source.IntN(8) > 0 { // not all of them at the begin
			allowed = 0
		}
		out := p.next(&w, way, allowed)
		if len(out) == 0 {
			break
		}
		e := p.choose(pack(&w), out)
		if e.act.event.class() == fault {
			faults--
		}
		w = unpack(&e.key)
		way = append(way, leg{e.act, w})
	}
	return way
}

// choose takes the step that is the least dull, more or less.
func (p *wanderer) choose(from key, out []edge) (chosen edge) {
	least := 1000
	for _, e := range out {
		dull := math.Ilogb(float64(p.events[e.act.event&0xff]+1)) + p.source.IntN(6)
		if p.taken[crossing{from, e.key, e.act}] {
			dull += 2
		}
		if dull < least {
			least, chosen = dull, e
		}
	}
	p.taken[crossing{from, chosen.key, chosen.act}] = true
	p.events[chosen.act.event&0xff]++
	return chosen
}

// wayTo is a shortest trace to a world of a kind, and one step on.
func (p *tracer) wayTo(faults int, kind func(*world) bool, last event) (way []leg) {
	p.m.Faults = faults
	x := newExplorer(p.m)
	x.run()
	p.m.free, p.m.slow, p.m.faults = true, true, true
	for at := range x.seen {
		w := unpack(&x.seen[at].key)
		if !kind(&w) {
			continue
		}
		var keys []key
		for ; at != 0; at = int(x.seen[at].from) {
			keys = append(keys, x.seen[at].key)
		}
		w = p.m.start()
		for n := len(keys) - 1; n >= 0; n-- {
			act, _ := p.m.follow(&w, keys[n], true)
			way = append(way, leg{act, w})
		}
		for _, e := range p.m.successors(&w) {
			if e.act.event&0xff == last {
				return append(way, leg{e.act, unpack(&e.key)})
			}
		}
		return nil
	}
	return nil
}

// tour is a set of traces that together take every transition that can be reached with so many faults. Checks, in which the
// engine has no part, are left out.
func (p *tracer) tour(faults int, visit func([]leg)) (worlds, transitions int) {
	g := p.explore(faults)
	for at := range g.worlds {
		for g.open(at) {
			way := g.way(at)
			for here := at; g.open(here); {
				e := g.takeOpen(here)
				before, after := unpack(&g.worlds[here].by.key), unpack(&e.key)
				if overrun(&before, &after, e.act, way) { // another trace takes it
					g.worlds[here].out = append(g.worlds[here].out, e)
					break
				}
				way = append(way, leg{e.act, unpack(&e.key)})
				here = g.index[e.key]
			}
			visit(way)
		}
	}
	return len(g.worlds), g.transitions
}

// graph is what can be reached with a number of faults; each world was found with as few as possible.
type graph struct {
	worlds      []visitedWorld
	index       map[key]int
	transitions int
}

type visitedWorld struct {
	from   int // the world before it on a way from the start
	by     edge
	faults int
	out    []edge // that no trace has taken yet
}

func (p *tracer) explore(faults int) *graph {
	start := p.m.start()
	first := pack(&start)
	g := &graph{worlds: []visitedWorld{{by: edge{key: first}}}, index: map[key]int{first: 0}}
	layers := make([][]int, faults+1)
	layers[0] = []int{0}
	for used := range layers {
		for n := 0; n < len(layers[used]); n++ {
			at := layers[used][n]
			if g.worlds[at].out != nil {
				continue
			}
			w := unpack(&g.worlds[at].by.key)
			g.worlds[at].out = []edge{}
			for _, e := range p.next(&w, g.way(at), faults-used) {
				if e.act.event == checkClaimed {
					continue
				}
				need := used
				if e.act.event.class() == fault {
					need++
				}
				g.worlds[at].out = append(g.worlds[at].out, e)
				g.transitions++
				to, known := g.index[e.key]
				switch {
				case !known:
					to = len(g.worlds)
					g.index[e.key] = to
					g.worlds = append(g.worlds, visitedWorld{from: at, by: e, faults: need})
				case need < g.worlds[to].faults && g.worlds[to].out == nil:
					g.worlds[to].from, g.worlds[to].by, g.worlds[to].faults = at, e, need
				default:
					continue
				}
				layers[need] = append(layers[need], to)
			}
		}
	}
	return g
}

func (g *graph) way(at int) []leg {
	var way []leg
	for ; at != 0; at = g.worlds[at].from {
		way = append(way, leg{g.worlds[at].by.act, unpack(&g.worlds[at].by.key)})
	}
	slices.Reverse(way)
	return way
}

func (g *graph) open(at int) bool { return len(g.worlds[at].out) > 0 }

func (g *graph) takeOpen(at int) edge {
	out := g.worlds[at].out
	g.worlds[at].out = out[:len(out)-1]
	return out[len(out)-1]
}
