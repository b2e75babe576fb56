package model

import (
	"fmt"
	"strings"
)

// seen is what can be observed, of the model and of the engine's surroundings alike.
type seen struct {
	lives    [maxProcess]seenLife
	records  [maxIdent]record
	payments [maxIntent]payment
	charges  [maxBook]charge
	redis    [maxIdent]value
	memory   [replicas][maxIdent]reply
}

// seenLife is where a process stands in the engine.
type seenLife struct {
	at place
	on uint8
}

// compare tells where model and engine differ.
func (r *replayer) compare() string {
	differs := r.differs
	if r.ground.wrong != "" {
		differs += r.ground.wrong + "\n"
	}
	differs += r.misannounced()
	var got, want seen
	r.look(&got)
	r.expect(&want)
	if got != want {
		differs += "the engine differs:\n" + r.difference(&got, &want)
	}
	return differs
}

// misannounced names what an observer was not to see last of a life.
func (r *replayer) misannounced() (differs string) {
	for _, l := range r.ground.lives {
		if l != nil && !strings.Contains(announcements[l.at()], l.announced) {
			differs += fmt.Sprintf("%s is %s and has announced %q last, want one of %q\n",
				r.m.nameOf(&r.now, int(l.p)), places[l.at()], l.announced, announcements[l.at()])
		}
	}
	return differs
}

// look observes the engine.
func (r *replayer) look(s *seen) {
	g := r.ground
	for p, l := range g.lives {
		if l != nil {
			s.lives[p] = seenLife{l.at(), l.on}
		}
	}
	for i := range g.rows {
		row := &g.rows[i]
		s.records[i] = seenRecord(record{
			state: row.state, intent: row.intent, claim: r.claimOf(row), out: row.stored.out, over: row.over, taken: row.fence > 1,
		})
		slot := &g.markers[i]
		s.redis[i] = value{kind: slot.kind, owner: r.number(slot.owner), reply: slot.stored}
		for on := range g.memory {
			s.memory[on][i] = g.memory[on][i].stored
		}
	}
	s.rest(&g.payments, &g.charges)
}

// expect observes the model.
func (r *replayer) expect(s *seen) {
	w := &r.now
	for p := range r.m.all {
		if at := r.place(w, p); at != atWork {
			s.lives[p] = seenLife{at, w.procs[p].on}
		}
	}
	for i := range w.pg.records {
		s.records[i] = seenRecord(w.pg.records[i])
	}
	s.redis, s.memory = w.redis, w.memory
	s.rest(&w.pg.payments, &w.book)
}

func (s *seen) rest(payments *[maxIntent]payment, charges *[maxBook]charge) {
	for j := range payments {
		s.payments[j] = payment{status: payments[j].status, attempt: payments[j].attempt, ledger: payments[j].ledger}
	}
	for k := range charges {
		s.charges[k] = charge{charges: charges[k].charges, result: charges[k].result}
	}
}

// seenRecord leaves of a record what its state shows.
func seenRecord(rec record) record {
	switch rec.state {
	case inProgress:
		rec.out = noOutcome
	case completed:
		rec.claim, rec.over, rec.taken = 0, false, false
	default:
		rec = record{state: rec.state}
	}
	return rec
}

// claimOf names the life that holds a record, unless it will not use its claim any more.
func (r *replayer) claimOf(rec *row) uint8 {
	if l := rec.owner; l == nil || l.at() == atPublish || l.at() == finished || l.at() == atTakeOver || l.at() == atBegin {
		return 0
	}
	return r.number(rec.owner)
}

// number names a life by its process, as long as it lives.
func (r *replayer) number(l *life) uint8 {
	if l == nil || r.ground.lives[l.p] != l {
		return 0
	}
	return l.p + 1
}

// difference names what is not the same.
func (r *replayer) difference(got, want *seen) string {
	was, is := r.facts(want), r.facts(got)
	var text strings.Builder
	for n := range is {
		if is[n] != was[n] {
			fmt.Fprintf(&text, "  got %s, want %s\n", is[n], was[n])
		}
	}
	return text.String()
}

func (r *replayer) facts(s *seen) (facts []string) {
	for p, l := range s.lives {
		if p < r.m.all {
			facts = append(facts, fmt.Sprintf("%s %s at %s", r.m.nameOf(&world{}, p), places[l.at], replicaNames[l.on]))
		}
	}
	for i, rec := range s.records {
		facts = append(facts, fmt.Sprintf("record K%d %s for %d, with %q, held by process %d, lease over: %t, taken over: %t",
			i+1, recordNames[rec.state], rec.intent+1, outcomes[rec.out], rec.claim, rec.over, rec.taken),
			fmt.Sprintf("Redis K%d %s of process %d: %v", i+1, tellValue(s.redis[i]), s.redis[i].owner, s.redis[i].reply))
		for on := range s.memory {
			facts = append(facts, fmt.Sprintf("L1 of %s K%d %v", replicaNames[on], i+1, s.memory[on][i]))
		}
	}
	for j, pay := range s.payments {
		facts = append(facts, fmt.Sprintf("payment %d %q, attempt %q, %d in the ledger", j+1, paymentNames[pay.status], attemptNames[pay.attempt], pay.ledger))
	}
	for k, c := range s.charges {
		facts = append(facts, fmt.Sprintf("provider key %d charged %d times, shown as %q", k+1, c.charges, results[c.result]))
	}
	return facts
}

// place is where a process's engine has to stand.
func (r *replayer) place(w *world, p int) place {
	switch w.procs[p].pc {
	case entered:
		return atBegin
	case takingOver:
		return atTakeOver
	case losing, inspecting, inspectingRelease:
		return atInspect
	case committed:
		return atPublish
	case answering:
		return finished
	case open:
		return atFirstCommit
	case openUnknown, resolving:
		return atResolve
	case calling, overslept:
		if l := r.ground.lives[p]; l != nil && l.plan.sleeps {
			return beforeCall
		}
		return atCall
	case answered:
		return atComplete
	case releasing:
		return atRelease
	case lookingUp:
		return atLookUp
	}
	return atWork
}
