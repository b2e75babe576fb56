package model

import (
	"math/rand/v2"
	"testing"
)

// random is a world with every field somewhere in its range.
func random() world {
	n := func(below int) uint8 { return uint8(rand.N(below)) }
	yes := func() bool { return rand.N(2) == 0 }
	rec := func() record {
		return record{recordState(n(5)), n(maxIntent), n(maxProcess + 1), outcome(n(5)), yes(), yes()}
	}
	pay := func() payment {
		return payment{
			paymentStatus(n(4)), n(4), n(maxBook), n(7), attemptStatus(n(4)), n(maxProcess + 1), yes(), yes(), yes(), yes(),
		}
	}
	said := func() reply { return reply{n(maxIntent + 1), outcome(n(5)), n(2)} }
	w := world{
		pg:      postgres{[maxIdent]record{rec(), rec()}, [maxIntent]payment{pay(), pay(), pay()}},
		standby: postgres{[maxIdent]record{rec(), rec()}, [maxIntent]payment{pay(), pay(), pay()}},
		memory:  [replicas][maxIdent]reply{{said(), said()}, {said(), said()}}, told: [maxIdent]reply{said(), said()},
		view: [replicas]uint8{n(2), n(2)}, timeline: n(2), stalled: yes(), unread: yes(), picky: yes(), fresh: n(maxBook), bad: violation(n(len(violations))),
	}
	for p := range w.procs {
		w.procs[p] = process{pc(n(int(applyUnknown) + 1)), n(2), n(maxIntent), n(maxProcess + 1), n(maxBook), n(7), result(n(int(unclear) + 1)), yes(), yes()}
	}
	for i := range w.late {
		w.late[i] = batch{batchKind(n(int(applyBatch) + 1)), result(n(int(unclear) + 1)), n(maxIntent), yes(), yes()}
		w.redis[i] = value{valueKind(n(4)), n(maxProcess + 1), said()}
	}
	for k := range w.book {
		w.book[k] = charge{result(n(int(unclear) + 1)), n(4), n(7), n(maxIntent), yes(), yes(), yes(), yes(), n(7), n(maxIntent)}
	}
	return w
}

func TestNoTwoWorldsHaveOneKey(t *testing.T) {
	t.Parallel()
	for range 20_000 {
		w := random()
		k := pack(&w)
		if back := unpack(&k); back != w {
			t.Fatalf("packed\n%+v\nand got\n%+v", w, back)
		}
	}
}

func TestSymmetryHidesNothing(t *testing.T) {
	t.Parallel()
	for _, cfg := range []Config{
		{Requests: []Request{{}, {}}, Declines: true, Refuses: true},
		{Requests: []Request{{}, {}, {Body: 1}}},
		{Requests: []Request{{}}, Redis: true, Failover: true, Faults: 1},
		{Requests: []Request{{}, {}}, Sabotage: NoFenceInCompletion},
	} {
		reduced := newExplorer(newMachine(cfg))
		reduced.run()
		m := newMachine(cfg)
		m.raw = true
		all := newExplorer(m)
		all.run()
		if reduced.bad != all.bad || (all.bad != fine && reduced.seen[reduced.broken].depth != all.seen[all.broken].depth) {
			t.Errorf("%+v: %q with symmetry, %q without", cfg, violations[reduced.bad], violations[all.bad])
		}
		if all.bad != fine {
			continue
		}
		alike := map[key]bool{}
		for i := range all.seen {
			w := unpack(&all.seen[i].key)
			k := m.canonical(&w, all.seen[i].key)
			if _, known := reduced.find(&k); !known {
				t.Fatalf("%+v: a world is missed: %+v", cfg, w)
			}
			alike[k] = true
		}
		if len(alike) != len(reduced.seen) {
			t.Errorf("%+v: %d worlds up to symmetry, %d visited", cfg, len(alike), len(reduced.seen))
		}
	}
}

// sabotageOnly are events of sabotaged protocols.
var sabotageOnly = map[event]bool{
	firstBelievedRolledBack: true, effectCommittedAlone: true, resolvedTooEarly: true, completionCanceled: true, toldTooEarly: true,
	dueSeen: true, dueUpdated: true, refusedWrongly: true,
}

func TestEveryEventHappens(t *testing.T) {
	t.Parallel()
	var hits [len(events)]int
	for _, cfg := range []Config{
		{Requests: []Request{{}}, Faults: 2, Declines: true, Refuses: true, HangUps: true},
		{Requests: []Request{{}}, Faults: 2, Aging: true, Life: true},
		{Requests: []Request{{}}, Faults: 1, Slow: true, Lists: true, Picky: true},
		{Requests: []Request{{}}, Faults: 1, Halves: true, Refuses: true},
		{Requests: []Request{{}}, Faults: 1, Redis: true, Lies: true, Failover: true},
		{Requests: []Request{{}, {Body: 1}}, Faults: 1, Fine: true},
		{Requests: []Request{{}}, Faults: 1, GivesUp: true},
	} {
		for e, n := range Explore(cfg).events {
			hits[e] += n
		}
	}
	for e, n := range hits {
		if happens := n > 0; happens == sabotageOnly[event(e)] {
			t.Errorf("%d times: %s", n, events[e].text)
		}
	}
}

func TestHalvesOfEachKindAreStuckWhenNothingEndsThem(t *testing.T) {
	t.Parallel()
	m := newMachine(Config{Requests: []Request{{}}, Faults: 1, Halves: true, Refuses: true, Sabotage: HalfNeverEnds})
	m.raw = true
	x := newExplorer(m)
	x.run()
	l := newLiveness(x)
	l.search()
	var stuck [applyBatch + 1]int
	for _, v := range l.stuck {
		if w := unpack(&x.seen[v].key); w.late[0].half {
			stuck[w.late[0].kind]++
		}
	}
	for kind := completionBatch; kind <= applyBatch; kind++ {
		if stuck[kind] == 0 {
			t.Errorf("half a batch of kind %d that never ends: got no run that stays with it, want some", kind)
		}
	}
}

func TestAClaimIDThatIsKeptAcrossRunsIsRecognisedUnderAnOldSnapshot(t *testing.T) {
	t.Parallel()
	cfg := sought(Config{Requests: []Request{{}}, Faults: 1, Fine: true}, refusedByItself)
	for sabotage, want := range map[Sabotage]violation{ServerDefaultIsolation: fine, NewClaimEachRun: refusedByItself} {
		cfg.Sabotage = sabotage
		if got := Explore(cfg).Violation; got != violations[want] {
			t.Errorf("sabotage %d: got %q, want %q", sabotage, got, violations[want])
		}
	}
}

func TestTheShortestWayIsFound(t *testing.T) {
	t.Parallel()
	// begin, the claim, the call, the lease that ends, the takeover, and the completion of the late owner
	r := Explore(Config{Requests: []Request{{}, {}}, Faults: 3, Sabotage: NoFenceInCompletion})
	steps := 0
	for _, line := range r.Trace {
		if line[0] == ' ' && line[2] == '.' {
			steps++
		}
	}
	if steps != 6 {
		t.Errorf("%d steps, want 6: %q", steps, r.Trace)
	}
}

func TestARunThatGoesRoundForEverIsFoundAndAFairOneIsNot(t *testing.T) {
	t.Parallel()
	graph := func(edges ...[3]int) *liveness { // from, to (from 1; 0 is an end), actor
		l := &liveness{open: []uint32{10, 11, 12}, enabled: make([]uint64, 3), weakly: atRest, strongly: workers}
		for n := range 3 {
			l.first = append(l.first, uint32(len(l.targets)))
			for _, e := range edges {
				if e[0] == n+1 {
					l.targets, l.actors = append(l.targets, uint32(e[1])), append(l.actors, uint8(e[2]))
					l.enabled[n] |= 1 << e[2]
				}
			}
		}
		l.first = append(l.first, uint32(len(l.targets)))
		return l
	}
	const a, b = idleActor, idleActor + 1
	for name, c := range map[string]struct {
		graph *liveness
		stuck int
	}{
		"straight to the end":                      {graph([3]int{1, 2, a}, [3]int{2, 3, a}, [3]int{3, 0, a}), 0},
		"one dead end":                             {graph([3]int{1, 2, a}, [3]int{2, 0, a}), 1},
		"only chance leads on":                     {graph([3]int{1, 0, chanceActor}, [3]int{2, 0, a}, [3]int{3, 0, a}), 1},
		"a round that another can always leave":    {graph([3]int{1, 2, a}, [3]int{2, 1, a}, [3]int{1, 3, b}, [3]int{2, 3, b}, [3]int{3, 0, a}), 0},
		"a round that another can leave at times":  {graph([3]int{1, 2, a}, [3]int{2, 1, a}, [3]int{1, 3, b}, [3]int{3, 0, a}), 2},
		"a round that a worker can leave at times": {graph([3]int{1, 2, a}, [3]int{2, 1, a}, [3]int{1, 3, workActor}, [3]int{3, 0, a}), 0},
	} {
		newTarjan(c.graph).searchPart([]uint32{0, 1, 2})
		if len(c.graph.stuck) != c.stuck {
			t.Errorf("%s: stuck in %v, want %d", name, c.graph.stuck, c.stuck)
		}
	}
}

func TestViolationsAllHaveAText(t *testing.T) {
	t.Parallel()
	seen := map[string]violation{}
	for v, text := range violations {
		if first, known := seen[text]; known || (text == "") != (violation(v) == fine) {
			t.Errorf("violation %d: got the text %q, that of violation %d too: %v; want one of its own", v, text, first, known)
		}
		seen[text] = violation(v)
	}
}
