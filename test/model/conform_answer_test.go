package model

import "fmt"

// follow keeps what the answer of a life has to be, and checks it when it is given.
func (r *replayer) follow(l *life, act action) {
	e := act.event & 0xff
	after := &r.now.procs[l.p]
	switch {
	case e == takenOver:
		l.tookOver = true
	case after.pc == committed:
		l.level = r.levelOf(e, l)
	}
	if l.at() != finished {
		if after.pc == idle && !l.dead {
			r.differs = fmt.Sprintf("the trace ends %s, and the engine is %s\n", r.m.nameOf(&r.before, int(l.p)), places[l.at()])
		}
		return
	}
	if int(l.p) < r.m.n && (after.pc == idle || after.pc == answering) {
		if want := r.answer(l, act); l.after != want {
			r.differs += fmt.Sprintf("the client of %s got %v, want %v\n", r.m.nameOf(&r.before, int(l.p)), l.after, want)
		}
	}
	if after.pc == idle {
		r.ground.lives[l.p] = nil
	}
}

func (r *replayer) levelOf(e event, l *life) string {
	switch e {
	case repliedFromPostgres, currentRead, completionImpossible, waitedInVain:
		return "postgres"
	}
	if l.tookOver {
		return "takeover"
	}
	return "first"
}

// answer is what a client gets in a step, by the model.
func (r *replayer) answer(l *life, act action) answerOf {
	was, is := &r.before.procs[l.p], &r.now.procs[l.p]
	i := r.m.intents[r.m.of[l.p]].ident
	switch e := act.event & 0xff; {
	case e == repliedFromMemory:
		return r.replayed(l, r.before.memory[l.on][i], "memory")
	case e == repliedFromRedis:
		return r.replayed(l, r.before.redis[i].reply, "redis")
	case is.pc == answering && !r.m.same(r.m.of[l.p], was.intent):
		return answerOf{refusal: refusals[keyReused]}
	case is.pc == answering:
		return answerOf{intent: was.intent + 1, out: outcome(was.res), level: l.level}
	case e == refused:
		why := refusal(act.event.result())
		return answerOf{refusal: refusals[why], unused: why == notPayable || why == keyExpired && r.before.pg.records[i].state != expired}
	case e == released && l.late:
		return answerOf{refusal: notAvailable, unused: true}
	case e == released:
		return answerOf{refusal: rejectedByProvider, unused: true}
	case e == claimLost:
		return answerOf{refusal: r.lost(l, &r.before.pg.records[i])}
	}
	return answerOf{refusal: notAvailable}
}

func (r *replayer) replayed(l *life, kept reply, level string) answerOf {
	if !r.m.same(r.m.of[l.p], kept.intent-1) {
		return answerOf{refusal: refusals[keyReused]}
	}
	return answerOf{intent: kept.intent, out: kept.out, level: level}
}

// lost is what an owner gets that came too late.
func (r *replayer) lost(l *life, rec *record) string {
	switch rec.state {
	case inProgress:
		return refusals[inFlight]
	case expired:
		return refusals[keyExpired]
	case spent:
		return refusals[keyCanceled]
	case completed:
		return refusals[keyReused]
	}
	return notAvailable
}
