package model

// liveness is the graph of the steps without faults, from all worlds that are not at their end.
type liveness struct {
	x       *explorer
	open    []uint32 // visits
	node    []uint32 // of a visit, plus one; zero: at its end
	first   []uint32 // of a node: where its edges begin
	targets []uint32 // nodes plus one; zero: an end
	actors  []uint8
	enabled []uint64 // of a node: the actors that can take a step
	stuck   []uint32 // visits from which a fair run never ends

	weakly, strongly uint64 // the actors that are owed fairness
}

func newLiveness(x *explorer) *liveness {
	l := &liveness{x: x, node: make([]uint32, len(x.seen))}
	for v := range x.seen {
		if w := unpack(&x.seen[v].key); !x.m.ended(&w) {
			l.open = append(l.open, uint32(v))
			l.node[v] = uint32(len(l.open))
		}
	}
	x.m.free, x.m.slow, x.m.faults = true, false, false
	l.enabled = make([]uint64, len(l.open))
	for n, v := range l.open {
		l.first = append(l.first, uint32(len(l.targets)))
		w := unpack(&x.seen[v].key)
		for _, e := range x.m.successors(&w) {
			at, _ := x.find(&e.key)
			actor := e.act.actor(&w)
			l.targets = append(l.targets, l.node[x.index[at].visit-1])
			l.actors = append(l.actors, actor)
			l.enabled[n] |= 1 << actor
		}
	}
	l.first = append(l.first, uint32(len(l.targets)))
	return l
}

// The actors, as bits. An actor that is owed fairness takes a step if it can all the time (weak fairness), or again and
// again (strong fairness). A process at work is owed the latter, because what it may wait for is a lock of Postgres, and
// locks have queues. The network, servers and clocks are owed the former; chance is owed nothing.
const (
	idleActor    = 0
	serverActor  = 8
	attemptActor = 13
	replicaActor = 16
	bookActor    = 20
	markerActor  = 24
	batchActor   = 28
	chanceActor  = 31
	workActor    = 32

	atRest  = uint64(1)<<chanceActor - 1 // clients, idle background processes, servers, the network, clocks
	workers = (uint64(1)<<maxProcess - 1) << workActor
)

func (a action) actor(w *world) uint8 {
	if a.event.class() == chance {
		return chanceActor
	}
	switch a.event.subject() {
	case aServer:
		return serverActor + a.who
	case aReplica:
		return replicaActor + a.who
	case aBookKey:
		return bookActor + a.who
	case aRecord:
		if a.event&0xff == markerExpired {
			return markerActor + a.who
		}
		return batchActor + a.who
	case anAttempt:
		return attemptActor + a.who
	case aProcess, noSubject:
	}
	if w.procs[a.who].pc == idle {
		return idleActor + a.who
	}
	return workActor + a.who
}

// search looks for parts of the graph in which a fair run can stay for ever. First clients may send or be silent:
// recovery alone has to bring everything that was begun to its end. Then clients send until they have an outcome, and
// each key has to get there.
func (l *liveness) search() {
	t := newTarjan(l)
	var working, all []uint32
	for n, v := range l.open {
		if w := unpack(&l.x.seen[v].key); !l.x.m.quiet(&w) {
			working = append(working, uint32(n))
		}
		all = append(all, uint32(n))
	}
	l.strongly, l.weakly = workers, atRest
	l.weakly &^= 1<<l.x.m.n - 1 // the clients
	t.searchPart(working)
	l.weakly = atRest
	t.searchPart(all)
}

// judge looks at a strongly connected component. It returns what is left of it when those of its nodes are taken away in
// which a process can move that never does so inside: a fair run can't come through them again and again.
func (l *liveness) judge(component []uint32, of []uint32) (rest []uint32) {
	always, sometimes, inside, loops := ^uint64(0), uint64(0), uint64(0), false
	for _, n := range component {
		always &= l.enabled[n]
		sometimes |= l.enabled[n]
		for e := l.first[n]; e < l.first[n+1]; e++ {
			if t := l.targets[e]; t > 0 && of[t-1] == of[n] {
				inside |= 1 << l.actors[e]
				loops = true
			}
		}
	}
	if always&(l.weakly|l.strongly)&^inside != 0 {
		return nil // an actor that can move everywhere leads out of it
	}
	if moves := sometimes & l.strongly &^ inside; moves != 0 {
		for _, n := range component {
			if l.enabled[n]&moves == 0 {
				rest = append(rest, n)
			}
		}
		return rest
	}
	if loops || always&(l.weakly|l.strongly) == 0 {
		for _, n := range component {
			l.stuck = append(l.stuck, l.open[n])
		}
	}
	return nil
}
