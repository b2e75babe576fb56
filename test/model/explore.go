package model

import "time"

// Result is what an exploration found.
type Result struct {
	Config      Config
	States      int   // up to symmetry
	ByFaults    []int // of them, those that need exactly so many faults
	Transitions int
	Depth       int // steps on the longest of the shortest ways to a state
	Took        time.Duration
	Violation   string   // empty: nothing is broken
	Trace       []string // the way there: as few faults as possible, and with them as few steps

	events [len(events)]int // how often each happened
}

// visit is a world and how it was found first.
type visit struct {
	key    key
	from   uint32
	depth  uint16
	faults uint8
}

// slot is one place of a hash table: the index of a visit plus one, and a part of its hash.
type slot struct{ visit, tag uint32 }

// explorer visits every world that a machine can reach.
type explorer struct {
	m      *machine
	seen   []visit
	index  []slot // open addressing
	edges  int
	events [len(events)]int
	bad    violation
	broken int // the visit where it is
}

func newExplorer(m *machine) *explorer {
	x := &explorer{m: m, index: make([]slot, 1<<12)}
	start := m.start()
	x.add(pack(&start), 0, 0, 0)
	return x
}

// Explore visits all worlds of a configuration, until one is broken.
func Explore(cfg Config) Result {
	began := time.Now()
	x := newExplorer(newMachine(cfg))
	x.run()
	r := x.result()
	r.Took = time.Since(began)
	return r
}

func (x *explorer) result() Result {
	r := Result{
		Config: x.m.Config, States: len(x.seen), Transitions: x.edges, ByFaults: make([]int, x.m.Faults+1), Violation: violations[x.bad],
		events: x.events,
	}
	for i := range x.seen {
		r.ByFaults[x.seen[i].faults]++
		r.Depth = max(r.Depth, int(x.seen[i].depth))
	}
	if x.bad != fine {
		r.Trace = x.trace(x.broken)
	}
	return r
}

// run visits the worlds that need no fault first, then those that need one, and so on, each in the order of their depth.
// A world is visited once, with the fewest faults: whatever follows with more is possible with fewer.
func (x *explorer) run() {
	x.layer(0, 0, 0)
	from, to := 0, len(x.seen)
	for faults := uint8(1); int(faults) <= x.m.Faults && x.bad == fine; faults++ {
		x.layer(from, to, faults)
		from, to = to, len(x.seen)
	}
}

// layer visits the worlds that need so many faults. They begin with a fault in one of the worlds [from, to) of the
// layer before; both are worked through side by side, so that the shortest way to each is found.
func (x *explorer) layer(from, to int, faults uint8) {
	for at := to; x.bad == fine; {
		switch {
		case from < to && (at == len(x.seen) || x.seen[from].depth <= x.seen[at].depth):
			x.m.free, x.m.slow, x.m.faults = false, false, true
			x.expand(from, faults)
			from++
		case at < len(x.seen):
			x.m.free, x.m.slow, x.m.faults = true, true, false
			w := unpack(&x.seen[at].key)
			if x.bad = x.m.check(&w); x.bad != fine {
				x.broken = at
				return
			}
			x.expand(at, faults)
			at++
		default:
			return
		}
	}
}

func (x *explorer) expand(at int, faults uint8) {
	w := unpack(&x.seen[at].key)
	depth := x.seen[at].depth + 1
	out := x.m.successors(&w)
	x.edges += len(out)
	for i := range out {
		x.events[out[i].act.event&0xff]++
		x.add(out[i].key, uint32(at), depth, faults)
	}
}

// add visits a world, unless it was.
func (x *explorer) add(k key, from uint32, depth uint16, faults uint8) {
	if 4*len(x.seen) > 3*len(x.index) {
		x.grow()
	}
	at, known := x.find(&k)
	if known {
		return
	}
	x.seen = append(x.seen, visit{k, from, depth, faults})
	x.index[at] = slot{uint32(len(x.seen)), uint32(k.sum() >> 32)}
}

// find returns where a world is in the index, or where it belongs.
func (x *explorer) find(k *key) (at uint64, known bool) {
	sum, mask := k.sum(), uint64(len(x.index)-1)
	tag := uint32(sum >> 32)
	for at = sum & mask; ; at = (at + 1) & mask {
		s := x.index[at]
		if s.visit == 0 {
			return at, false
		}
		if s.tag == tag && x.seen[s.visit-1].key == *k {
			return at, true
		}
	}
}

func (x *explorer) grow() {
	x.index = make([]slot, 2*len(x.index))
	for i := range x.seen {
		at, _ := x.find(&x.seen[i].key)
		x.index[at] = slot{uint32(i) + 1, uint32(x.seen[i].key.sum() >> 32)}
	}
}
