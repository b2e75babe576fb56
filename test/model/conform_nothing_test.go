package model

import (
	"context"
	"fmt"
)

// The model has no step for what changes nothing: an arrival that is refused, a call of a store that fails and is made again.
// Between the steps of a trace the engine is put through both, and nothing may have changed.

// retries are failures after which the engine calls the same again.
var retries = map[place][]failure{
	atComplete: {raced, away}, atRelease: {raced, away}, atInspect: {away}, atResolve: {away},
}

// retry lets a life's call fail before it ends as in the trace.
func (r *replayer) retry(l *life) {
	failures := retries[l.at()]
	if r.source == nil || len(failures) == 0 || r.source.IntN(4) > 0 {
		return
	}
	at := l.at()
	r.let(l, ruling{happens: never, fails: failures[r.source.IntN(len(failures))]})
	if l.at() != at {
		r.differs = fmt.Sprintf("%s failed at %s and is then %s, want the same again\n", r.m.nameOf(&r.before, int(l.p)), places[at], places[l.at()])
	}
}

// probe sends a request of a client that the model refuses without a step.
func (r *replayer) probe() {
	if r.source == nil || r.source.IntN(4) > 0 {
		return
	}
	p, on := uint8(r.source.IntN(r.m.n)), uint8(r.source.IntN(replicas))
	if r.ground.lives[p] != nil || r.now.procs[p].pc != idle {
		return
	}
	want, refused := r.probed(p, on)
	if !refused {
		return
	}
	l := &life{p: p, on: on, ruling: make(chan ruling)}
	go func() {
		r.ground.serve(context.Background(), r.engines[on], l, r.m.of[p], r.m.stricter(int(p), on))
		l.stands(finished)
	}()
	r.advance(l)
	r.probes++
	if l.at() != finished || l.after != want {
		r.differs += fmt.Sprintf("%s, sent to %s in between, got %v and is %s, want %v\n",
			r.m.nameOf(&world{}, int(p)), replicaNames[on], l.after, places[l.at()], want)
	}
	r.kill(l)
}

// probed is the refusal of a request that is sent now; false when the model has a step for its arrival.
func (r *replayer) probed(p, on uint8) (want answerOf, refused bool) {
	w := &r.now
	i := r.m.intents[r.m.of[p]].ident
	slot := &w.redis[i]
	switch {
	case r.m.current(w, on, i, w.memory[on][i]):
		return want, false
	case r.m.flying(w, int(p), on):
		return answerOf{refusal: refusals[inFlight]}, r.together(p, on)
	case r.m.stricter(int(p), on):
		if r.m.believed(w, slot, on, i) {
			return want, false
		}
		return r.recordRefuses(p, refusals[invalid], slot.kind == marker)
	case slot.kind == marker:
		return r.recordRefuses(p, refusals[inFlight], true)
	}
	return want, false
}

// together tells whether the requests at work for the key of p at a replica share its engine, and have not left it.
func (r *replayer) together(p, on uint8) bool {
	for q := range r.m.n {
		l := r.ground.lives[q]
		if r.m.together(&r.now, int(p), q, on) && (l == nil || l.at() == finished || l.plan != (plan{})) {
			return false
		}
	}
	return true
}

// recordRefuses is how a request is refused by what Postgres says, and what it gets where there is nothing.
func (r *replayer) recordRefuses(p uint8, unknown string, marked bool) (want answerOf, refused bool) {
	i := r.m.intents[r.m.of[p]].ident
	rec := &r.now.pg.records[i]
	switch {
	case rec.state == expired:
		return answerOf{refusal: refusals[keyExpired]}, true
	case rec.state == spent:
		return answerOf{refusal: refusals[keyCanceled]}, true
	case rec.state == completed:
		return want, false
	case rec.state == inProgress && !r.m.same(r.m.of[p], rec.intent):
		return answerOf{refusal: refusals[keyReused]}, true
	case rec.state == inProgress:
		takesOver := unknown == refusals[invalid] && rec.over && !r.now.recordHalf(i)
		return answerOf{refusal: refusals[inFlight]}, !takesOver
	case marked, r.m.keyLocked(&r.now, int(p)):
		return answerOf{refusal: refusals[inFlight]}, true
	}
	return answerOf{refusal: unknown, unused: true}, true
}
