package model

import "time"

// Liveness is what becomes of the keys once the faults are over.
type Liveness struct {
	Result
	Open  int // states in which a key, a payment or a request is not at its end
	Edges int // steps from them without a fault
}

// Complete visits all worlds of a configuration and looks from each of them into the runs without any more faults:
// processes go on, no process sleeps beyond a lease, clients that have no outcome send again. Each such run has to come to
// the end of every key. Worlds are not reduced by symmetry here, because fairness is owed to each process by name.
func Complete(cfg Config) Liveness {
	began := time.Now()
	m := newMachine(cfg)
	m.raw = true
	x := newExplorer(m)
	x.run()
	var l *liveness
	if x.bad == fine {
		l = newLiveness(x)
		l.search()
		if len(l.stuck) > 0 {
			x.bad, x.broken = neverCompletes, x.shallowest(l.stuck)
		}
	}
	r := Liveness{Result: x.result()}
	if l != nil {
		r.Open, r.Edges = len(l.open), len(l.targets)
	}
	r.Took = time.Since(began)
	return r
}

func (x *explorer) shallowest(visits []uint32) int {
	best := visits[0]
	for _, v := range visits {
		if a, b := x.seen[v], x.seen[best]; a.faults < b.faults || a.faults == b.faults && a.depth < b.depth {
			best = v
		}
	}
	return int(best)
}

// ended tells whether nothing is left to be waited for. A key without a record is at its end where it can't have one: its
// order is paid under another key, or the provider refuses the request.
func (m *machine) ended(w *world) bool {
	for i := range uint8(m.idents) {
		if w.pg.records[i].state == absent && m.possible(w, i) {
			return false
		}
	}
	return m.quiet(w)
}

// possible tells whether every request of a key could still have an outcome.
func (m *machine) possible(w *world, i uint8) bool {
	for j := range uint8(len(m.intents)) {
		if m.intents[j].ident == i && (w.book[j].refused || !m.payable(w, j)) {
			return false
		}
	}
	return true
}

// quiet tells whether everything that was begun is at its end: no process at work, no record in progress, no payment
// without its outcome but those that are left to a person.
func (m *machine) quiet(w *world) bool {
	for p := range m.all {
		if w.procs[p].pc != idle {
			return false
		}
	}
	for i := range m.idents {
		if w.pg.records[i].state == inProgress {
			return false
		}
	}
	for j := range m.intents {
		if pay := &w.pg.payments[j]; pay.attempt == unresolved && !pay.review {
			return false
		}
	}
	return true
}
