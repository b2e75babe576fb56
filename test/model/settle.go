package model

// settle is T2 (Engine.settle): the record completed where it is in progress under the claim, and all that follows.
func (m *machine) settle(w *world, p int) {
	me := &w.procs[p]
	switch {
	case me.gone && m.Sabotage == RequestContextInSettle:
		m.abandon(*w, p, settleCanceled)
		return
	case !me.odd && (m.Sabotage == PublishBeforeCommit || m.Sabotage == SocketBeforeCommit):
		m.tooEarly(*w, p)
		return
	case me.res != unknown && m.orderLocked(w, me.intent, p):
		return
	}
	next := *w
	if m.guard(w, p) {
		m.write(&next, me.intent, m.holds(w, p), me.res)
		m.reply(next, p, me.intent, m.outcome(me.res), settled.of(me.res))
	} else {
		m.lose(next, p)
	}
	if m.faults {
		m.settleFails(*w, next, p)
	}
}

// settleFails is T2 without a clear answer: committed, rolled back, or still on its way to Postgres.
func (m *machine) settleFails(w, done world, p int) {
	me := &w.procs[p]
	i := m.ident(me)
	if m.holds(&w, p) {
		done.procs[p].pc = inspecting
		m.emit(done, settledUnanswered, p)
		rolledBack := w
		rolledBack.procs[p].pc = inspecting
		m.emit(rolledBack, settleRolledBack, p)
		if w.late[i].kind == noBatch {
			rolledBack.late[i] = batch{kind: settleBatch, res: me.res, mine: true}
			m.emit(rolledBack, settleAdrift, p)
		}
	}
	if rec := w.pg.records[i]; rec.state == completed && m.same(me.intent, rec.intent) { // Engine.lastLook
		m.reply(w, p, rec.intent, rec.out, settleImpossible)
		return
	}
	m.abandon(w, p, settleImpossible)
}

// tooEarly is a sabotage: the outcome is published, or the client is answered, before T2.
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
	case NoFenceInSettle:
		return state
	case NoStateInSettle:
		return claim
	case GuardDoesNotRaise:
		return true
	}
	return state && claim
}

// outcome is render: what the client is told.
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

// write is what T2 commits. Under a guard that doesn't raise a lost claim touches nothing, and the COMMIT behind it runs.
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
	case declined, rejected:
		pay.status = failed
	case unknown, unsent:
		pay.attempt = unresolved
		return
	}
	pay.attempt, pay.review, pay.old = resolved, false, false
}

// inspect is Engine.inspect after T2: what did its COMMIT come to?
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
	if m.faults { // persist repeats T2, whatever its first COMMIT came to
		again := *w
		again.procs[p].pc = answered
		m.emit(again, inspectFailed, p)
	}
}

// takeBack is Engine.takeBack: nothing happened, so nothing is left.
func (m *machine) takeBack(w *world, p int) {
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
	m.refuse(next, p, takenBack)
	if !m.faults {
		return
	}
	next.procs[p].pc = inspectingBack
	m.emit(next, takenBackUnanswered, p)
	rolledBack := *w
	rolledBack.procs[p].pc = inspectingBack
	m.emit(rolledBack, takeBackRolledBack, p)
	if i := m.ident(me); w.late[i].kind == noBatch {
		rolledBack.late[i] = batch{kind: takeBackBatch, mine: true}
		m.emit(rolledBack, takeBackAdrift, p)
	}
	m.abandon(*w, p, takeBackImpossible)
}

// erase is what a take-back commits: record, attempt, payment and reservation are gone.
func (m *machine) erase(w *world, j uint8, holds bool) {
	rec := &w.pg.records[m.intents[j].ident]
	switch {
	case !holds && m.Sabotage == GuardDoesNotRaise:
		return
	case rec.taken:
		w.bad = takenBackAfterTakeover
	case rec.state != inProgress:
		w.bad = forbiddenArrow
	case !holds:
		w.bad = lateWrite
	}
	*rec = record{}
	w.pg.payments[j] = payment{}
}

// inspectBack is Engine.inspect after a take-back.
func (m *machine) inspectBack(w *world, p int) {
	next := *w
	me := &next.procs[p]
	rec := w.pg.records[m.ident(me)]
	switch {
	case rec.state == absent:
		m.refuse(next, p, takenBack)
	case rec.state == inProgress && rec.claim == me.claim:
		me.pc = takingBack
		m.emit(next, inspected, p)
	default:
		m.lose(next, p)
	}
	if m.faults {
		again := *w
		again.procs[p].pc = takingBack
		m.emit(again, inspectFailed, p)
	}
}

// lose is Engine.winner: a holder that came too late answers with what the record says now.
func (m *machine) lose(w world, p int) {
	me := &w.procs[p]
	if m.Fine && me.pc != losing {
		me.pc = losing
		m.emit(w, claimFoundLost, p)
		return
	}
	rec := w.pg.records[m.ident(me)]
	if rec.state == completed && m.same(me.intent, rec.intent) {
		m.reply(w, p, rec.intent, rec.out, winnerRead)
	} else { // 409 in flight, 410, 503
		m.refuse(w, p, claimLost)
	}
	m.abandon(w, p, winnerUnreadable)
}
