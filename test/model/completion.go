package model

// complete is the completion transaction (Engine.complete): the record completed where it is in progress under the claim, and
// all that follows.
func (m *machine) complete(w *world, p int) {
	me := &w.procs[p]
	switch {
	case me.gone && m.Sabotage == RequestContextInCompletion:
		m.abandon(*w, p, completionCanceled)
		return
	case !me.odd && (m.Sabotage == PublishBeforeCommit || m.Sabotage == SocketBeforeCommit):
		m.tooEarly(*w, p)
		return
	case me.res != unknown && m.orderLocked(w, me.intent, p):
		return
	}
	next := *w
	switch {
	case m.guard(w, p) && w.picky && me.res != unknown: // run again without the answer
		next.procs[p].res = unknown
		m.emit(next, storeRefused, p)
		return
	case m.guard(w, p):
		m.write(&next, me.intent, m.holds(w, p), me.res)
		m.reply(next, p, me.intent, m.outcome(me.res), completionCommitted.of(me.res))
	default:
		m.lose(next, p)
	}
	if m.faults {
		m.completeFails(*w, next, p)
	}
}

// completeFails is a completion without a clear answer: committed, rolled back, or still on its way to Postgres.
func (m *machine) completeFails(w, done world, p int) {
	me := &w.procs[p]
	i := m.ident(me)
	if m.holds(&w, p) {
		done.procs[p].pc = inspecting
		m.emit(done, completionUnanswered, p)
		rolledBack := w
		rolledBack.procs[p].pc = inspecting
		m.emit(rolledBack, completionRolledBack, p)
		if w.late[i].kind == noBatch {
			rolledBack.late[i] = batch{kind: completionBatch, res: me.res, intent: me.intent, mine: true}
			m.emit(rolledBack, completionAdrift, p)
		}
		rolledBack.late[i] = w.late[i]
		m.leaveHalf(rolledBack, p, completionBatch, completionCutOff, func(next world, e event) { m.emit(next, e, p) })
	}
	if rec := w.pg.records[i]; rec.state == completed && m.same(me.intent, rec.intent) { // Engine.lastLook
		m.reply(w, p, rec.intent, rec.out, completionImpossible)
		return
	}
	m.abandon(w, p, completionImpossible)
}

// tooEarly is a sabotage: the outcome is published, or the client is answered, before the completion.
func (m *machine) tooEarly(w world, p int) {
	me := &w.procs[p]
	me.odd = true
	r := reply{intent: me.intent + 1, out: m.outcome(me.res), timeline: w.view[me.on]}
	if m.Sabotage == PublishBeforeCommit {
		m.publish(&w, me.on, r, true)
	} else {
		m.tell(&w, p, r)
	}
	m.emit(w, toldTooEarly, p)
}

// holds is the guard of every write under a claim (whereClaim): state, claim id and fence.
func (m *machine) holds(w *world, p int) bool {
	me := &w.procs[p]
	rec := &w.pg.records[m.ident(me)]
	return rec.state == inProgress && rec.claim == me.claim
}

// guard is holds as the protocol, or its sabotage, has it.
func (m *machine) guard(w *world, p int) bool {
	me := &w.procs[p]
	rec := &w.pg.records[m.ident(me)]
	return m.passes(rec.state == inProgress, rec.claim == me.claim)
}

func (m *machine) passes(state, claim bool) bool {
	switch m.Sabotage {
	case NoFenceInCompletion:
		return state
	case NoStateInCompletion:
		return claim
	case GuardDoesNotRaise:
		return true
	}
	return state && claim
}

// outcome is the kind of a response: what the client is told.
func (m *machine) outcome(res result) outcome {
	switch {
	case res == approved:
		return created
	case res == declined:
		return refusedCard
	case m.Sabotage == ServerErrorStored:
		return broken
	}
	return accepted
}

// write is what a completion commits. Under a guard that doesn't raise a lost claim touches nothing, and the COMMIT behind
// it runs.
func (m *machine) write(w *world, j uint8, holds bool, res result) {
	rec := &w.pg.records[m.intents[j].ident]
	switch {
	case holds:
	case m.Sabotage == GuardDoesNotRaise:
		return
	case rec.state != inProgress:
		w.bad = forbiddenArrow
	default:
		w.bad = lateWrite
	}
	rec.state, rec.out, rec.over = completed, m.outcome(res), false
	if rec.out == broken {
		w.bad = notAnOutcome
	}
	m.conclude(w, j, res)
}

// conclude writes the payment, its attempt and its ledger entry (authorize.change in operations).
func (m *machine) conclude(w *world, j uint8, res result) {
	pay := &w.pg.payments[j]
	pay.claim, pay.leased, pay.missed = 0, false, false
	switch res {
	case approved:
		pay.status = succeeded
		if m.Sabotage != LedgerAfterCommit {
			pay.ledger++
		}
	case declined, rejected, canceled:
		pay.status = failed
	case unknown, untried, confirming, unclear:
		pay.attempt = unresolved
		return
	}
	pay.attempt, pay.review = resolved, false
}

// inspect is Engine.inspect after a completion: what did its COMMIT come to?
func (m *machine) inspect(w *world, p int) {
	next := *w
	me := &next.procs[p]
	rec := w.pg.records[m.ident(me)]
	switch {
	case rec.state == inProgress && rec.claim == me.claim:
		me.pc = answered
		m.emit(next, inspected, p)
	case rec.state == completed && rec.claim == me.claim:
		m.reply(next, p, rec.intent, rec.out, inspected)
	default: // another's, gone, or expired meanwhile
		if m.Sabotage == ExpiredIsAnswered && rec.state == expired && rec.claim == me.claim {
			next.bad = answeredWithoutResponse
		}
		m.lose(next, p)
	}
	if m.faults { // persist repeats the completion, whatever its first COMMIT came to
		again := *w
		again.procs[p].pc = answered
		m.emit(again, inspectFailed, p)
	}
}

// release is Engine.release: nothing happened, so nothing is left.
func (m *machine) release(w *world, p int) {
	me := &w.procs[p]
	if m.orderLocked(w, me.intent, p) {
		return
	}
	if !m.guard(w, p) {
		m.lose(*w, p)
		return
	}
	next := *w
	m.erase(&next, me.intent, m.holds(w, p))
	m.refuse(next, p, released)
	if !m.faults {
		return
	}
	next.procs[p].pc = inspectingRelease
	m.emit(next, releaseUnanswered, p)
	rolledBack := *w
	rolledBack.procs[p].pc = inspectingRelease
	m.emit(rolledBack, releaseRolledBack, p)
	m.leaveHalf(rolledBack, p, releaseBatch, releaseCutOff, func(next world, e event) { m.emit(next, e, p) })
	if i := m.ident(me); w.late[i].kind == noBatch {
		rolledBack.late[i] = batch{kind: releaseBatch, intent: me.intent, mine: true}
		m.emit(rolledBack, releaseAdrift, p)
	}
	m.abandon(*w, p, releaseImpossible)
}

// erase is what a release commits: record, attempt, payment and reservation are gone.
func (m *machine) erase(w *world, j uint8, holds bool) {
	rec := &w.pg.records[m.intents[j].ident]
	switch {
	case !holds && m.Sabotage == GuardDoesNotRaise:
		return
	case rec.taken:
		w.bad = releasedAfterTakeover
	case rec.state != inProgress:
		w.bad = forbiddenArrow
	case !holds:
		w.bad = lateWrite
	}
	*rec = record{}
	w.pg.payments[j] = payment{}
}

// inspectRelease is Engine.inspect after a release.
func (m *machine) inspectRelease(w *world, p int) {
	next := *w
	me := &next.procs[p]
	rec := w.pg.records[m.ident(me)]
	switch {
	case !rec.state.known():
		m.refuse(next, p, released)
	case rec.state == inProgress && rec.claim == me.claim:
		me.pc = releasing
		m.emit(next, inspected, p)
	default:
		m.lose(next, p)
	}
	if m.faults {
		again := *w
		again.procs[p].pc = releasing
		m.emit(again, inspectFailed, p)
	}
}

// lose is Engine.answerFromCurrent: an owner that came too late answers with what the record says now. Recovery, which has
// no client, publishes only what its own record came to.
func (m *machine) lose(w world, p int) {
	me := &w.procs[p]
	if m.Fine && me.pc != losing {
		me.pc = losing
		m.emit(w, claimFoundLost, p)
		return
	}
	rec := w.pg.records[m.ident(me)]
	if rec.state == completed && (p < m.n || m.same(me.intent, rec.intent)) {
		m.reply(w, p, rec.intent, rec.out, currentRead)
	} else { // 409 in flight, 410, 503
		m.refuse(w, p, claimLost)
	}
	m.abandon(w, p, currentUnreadable)
}
