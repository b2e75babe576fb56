package model

import "context"

// begin starts a life.
func (r *replayer) begin(e event, p uint8) {
	l := &life{p: p, on: r.home(p), plan: r.planOf(p), ruling: make(chan ruling), redisAway: e == arrivedWithoutRedis}
	r.ground.lives[p] = l
	chosen := r.engines[l.on]
	if l.plan != (plan{}) {
		chosen = r.ground.newEngine(l.on, l.plan)
	}
	ctx, hangUp := context.WithCancel(context.Background())
	l.hangUp = hangUp
	run := func() { r.ground.serve(ctx, chosen, l, r.m.of[p], r.m.stricter(int(p), l.on)) }
	if int(p) >= r.m.n {
		l.target, l.tookOver = r.recordTaken(), true
		if e == takeoverUnanswered {
			l.start = ruling{fails: away}
		}
		run = func() { r.ground.recoverOnce(ctx, chosen, l) }
	}
	go func() {
		defer hangUp()
		run()
		l.stands(finished)
	}()
	r.advance(l)
}

// home is the replica at which a life begins: its own step may be its last one.
func (r *replayer) home(p uint8) uint8 {
	if int(p) >= r.m.n {
		return p - uint8(r.m.n)
	}
	if me := &r.now.procs[p]; me.pc != idle {
		return me.on
	}
	for on := range uint8(replicas) {
		if r.replaysAt(p, on) {
			return on
		}
	}
	return 0
}

// replaysAt tells whether a replica replays at once, from its memory or from Redis, and leaves what the trace has.
func (r *replayer) replaysAt(p, on uint8) bool {
	i := r.m.intents[r.m.of[p]].ident
	kept := r.before.memory[on][i]
	if r.way[r.at].act.event == repliedFromMemory {
		return r.m.current(&r.before, on, i, kept) && !r.m.flying(&r.before, int(p), on)
	}
	return r.now.memory[on][i] == r.before.redis[i].reply && !r.m.flying(&r.before, int(p), on) &&
		r.m.current(&r.before, on, i, r.before.redis[i].reply) && !r.m.current(&r.before, on, i, kept) &&
		r.now.memory[1-on] == r.before.memory[1-on]
}

// recordTaken finds the record that a takeover took.
func (r *replayer) recordTaken() uint8 {
	for i := range uint8(r.m.idents) {
		was, is := &r.before.pg.records[i], &r.now.pg.records[i]
		if was.over && (*was != *is) {
			return i
		}
	}
	for i := range uint8(r.m.idents) { // taken over before, and again without an answer: nothing differs
		if r.before.pg.records[i].over && r.before.pg.records[i].state == inProgress {
			return i
		}
	}
	return 0
}

// endsBudget are the events in which a store does not answer until the budget is over.
var endsBudget = map[event]bool{
	resolveFailed: true, completionImpossible: true, releaseImpossible: true, waitedInVain: true, currentUnreadable: true,
}

func budgetsEnded(way []leg) (n int) {
	for _, l := range way {
		if endsBudget[l.act.event] {
			n++
		}
	}
	return n
}

// planOf looks into the future of a life that begins with this step.
func (r *replayer) planOf(p uint8) (l plan) {
	for n := r.at; n < len(r.way); n++ {
		act := r.way[n].act
		if act.event.subject() != aProcess || act.who != p {
			if r.way[n].after.procs[p].pc == idle {
				return l
			}
			continue
		}
		switch e := act.event & 0xff; {
		case e == tooLate, e == wokeTooLate:
			l.sleeps = true
		case endsBudget[e]:
			l.runsOut = budgetsEnded(r.way[:n+1])
			return l
		}
		if r.way[n].after.procs[p].pc == idle {
			return l
		}
	}
	return l
}
