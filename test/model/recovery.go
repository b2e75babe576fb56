package model

// background is a replica's recovery (Engine.Recover) and its checks (Driver.CheckDue). Both are one process here: they
// never have work on the same operation at once, and the other replica has a process of its own.
func (m *machine) background(w *world, p int) {
	if m.Sabotage == NoRecovery {
		return
	}
	for i := range m.idents {
		m.recover(w, p, uint8(i))
	}
	for j := range m.intents {
		m.claimDue(w, p, uint8(j))
	}
}

// recover takes over a record whose lease is over (Store.TakeOverDue).
func (m *machine) recover(w *world, p int, i uint8) {
	rec := w.pg.records[i]
	if rec.state != inProgress || !rec.over && m.Sabotage != LeaseByReplicaClock || w.recordHalf(i) { // SKIP LOCKED
		return
	}
	next := *w
	next.procs[p].intent = rec.intent
	if m.Sabotage == RecoveryWithoutFence { // reads what is due, and updates it later
		next.procs[p].pc = dueRead
		m.emit(next, dueSeen, p)
		return
	}
	m.takeOver(next, p, i)
}

// takeOver gives the record a new claim id, the next fence and a fresh lease, in one statement (sqlTakeOver).
func (m *machine) takeOver(w world, p int, i uint8) {
	me := &w.procs[p]
	rec := &w.pg.records[i]
	if !rec.over {
		w.bad = takenOverTooEarly
	}
	me.intent = rec.intent
	me.key, me.id = w.pg.payments[rec.intent].key, w.pg.payments[rec.intent].id
	rec.over, rec.taken, rec.claim = false, true, uint8(p)+1
	w.late[i].mine = false
	lost := w // the lease was renewed in vain
	lost.pg.records[i].claim = 0
	m.abandon(lost, p, takeoverUnanswered)
	me.claim, me.pc = uint8(p)+1, lookingUp
	m.emit(w, takenOver, p)
}

// takeOverFinely is Store.TakeOver after a look at the record in a transaction before it.
func (m *machine) takeOverFinely(w *world, p int) {
	i := m.ident(&w.procs[p])
	if rec := &w.pg.records[i]; rec.state != inProgress || !rec.over || w.recordHalf(i) {
		m.refuse(*w, p, refused)
		return
	}
	m.takeOver(*w, p, i)
}

// updateDue is the second half of a takeover without SKIP LOCKED and fence.
func (m *machine) updateDue(w *world, p int) {
	next := *w
	me := &next.procs[p]
	rec := &next.pg.records[m.ident(me)]
	if rec.state != inProgress {
		m.rest(&next, p)
		m.emit(next, dueUpdated, p)
		return
	}
	if !rec.over {
		next.bad = takenOverTooEarly
	}
	if rec.claim == 0 {
		rec.claim = uint8(p) + 1
	}
	rec.over, rec.taken, me.claim, me.pc = false, true, rec.claim, lookingUp
	me.key, me.id = w.pg.payments[me.intent].key, w.pg.payments[me.intent].id
	m.emit(next, dueUpdated, p)
}

// lookUp is Resumption.LookUp under a record that was taken over (Engine.resume). One look-up ends it, or the outcome
// is 202.
func (m *machine) lookUp(w *world, p int) {
	next := *w
	me := &next.procs[p]
	found := m.find(w, me.id)
	me.pc, me.res = answered, m.means(found)
	if found == unknown && m.Sabotage == ReleaseAfterTakeover {
		me.pc = releasing
	}
	m.believe(&next, p)
	m.emit(next, lookedUp.of(found), p)
	if found != unknown {
		me.res = unknown
		m.emit(next, lookUpFailed, p)
	}
}

// believe is what a look-up makes of two charges of one payment: one of them is the payment's, and the other has to be
// noted as a discrepancy. A look-up that ends at the first match never sees it.
func (m *machine) believe(w *world, p int) {
	if me := &w.procs[p]; me.res == approved && w.chargedTwice(me.id) && m.Sabotage == FirstMatchEndsSearch {
		w.bad = secondChargeUnseen
	}
}

// claimDue claims an unresolved attempt (Attempts.ClaimDue). Its due time may come at any moment. A payment under review
// is checked once an hour; only checks that find something are steps.
func (m *machine) claimDue(w *world, p int, j uint8) {
	pay := w.pg.payments[j]
	if pay.attempt != unresolved || pay.leased || m.attemptHalf(w, j) || pay.review && !m.helps(m.find(w, pay.id)) {
		return
	}
	next := *w
	next.pg.payments[j].claim, next.pg.payments[j].leased = uint8(p)+1, true
	me := &next.procs[p]
	me.pc, me.intent, me.claim, me.key, me.id = checking, j, uint8(p)+1, pay.key, pay.id
	m.emit(next, checkClaimed, p)
}

// helps tells whether a look-up at a payment under review leads on.
func (m *machine) helps(found result) bool {
	return found == untried || found != unknown && m.means(found) != unknown
}

// checkDue is Driver.check: look the operation up. A look-up without an answer postpones the check.
func (m *machine) checkDue(w *world, p int) {
	next := *w
	me := &next.procs[p]
	found := m.find(w, me.id)
	old := w.pg.payments[me.intent].old && m.Sabotage != UnclearInSilence
	me.pc, me.res = applying, m.means(found)
	m.believe(&next, p)
	switch {
	case found == unknown:
		me.pc = missing
	case me.res != unknown:
	case found == untried && old:
		me.pc = canceling
	case old:
		me.pc = leaving
	default:
		m.postpone(next, p, checkedUp.of(found))
		m.postpone(*w, p, checkFailed)
		return
	}
	m.emit(next, checkedUp.of(found), p)
	m.postpone(*w, p, checkFailed)
}

// owns is the guard of every write of a check: status, claim id and fence of the attempt.
func (w *world) owns(p int) bool {
	pay := &w.pg.payments[w.procs[p].intent]
	return pay.attempt == unresolved && pay.claim == uint8(p)+1
}

// postpone plans the next check (Attempts.Postpone).
func (m *machine) postpone(w world, p int, e event) {
	if w.owns(p) {
		pay := &w.pg.payments[w.procs[p].intent]
		pay.claim, pay.leased = 0, false
	}
	m.rest(&w, p)
	m.emit(w, e, p)
}

// miss is operation.missing: what follows from a look-up that found nothing. The settling pause between the first and the
// second one passes at any moment, so it is no step.
func (m *machine) miss(w *world, p int) {
	next := *w
	pay := &next.pg.payments[w.procs[p].intent]
	switch {
	case !w.owns(p):
		m.postpone(next, p, checkLost)
	case m.Sabotage == NotFoundIsFailed:
		next.procs[p].pc, next.procs[p].res = applying, declined
		m.emit(next, notFoundOnce, p)
	case pay.old && m.Sabotage != ResentAtAnyAge:
		m.leave(next, p)
	case !pay.missed:
		pay.missed = true
		m.postpone(next, p, notFoundOnce)
	default: // Attempts.Resend
		pay.missed, pay.leased = false, true
		next.procs[p].pc = resending
		m.emit(next, resendNoted, p)
	}
}

// leave is operation.review: a discrepancy and needs_review, if the check is still the process's own.
func (m *machine) leave(w world, p int) {
	if !w.owns(p) {
		m.postpone(w, p, checkLost)
		return
	}
	w.pg.payments[w.procs[p].intent].review = true
	m.postpone(w, p, givenUp)
}

// applyFound is operation.conclude: what was found, written where no other process has claimed the attempt since.
func (m *machine) applyFound(w *world, p int) {
	me := w.procs[p]
	if m.orderLocked(w, me.intent, p) {
		return
	}
	next := *w
	if w.owns(p) && w.picky {
		m.unstorable(next, p)
		return
	}
	if w.owns(p) {
		m.conclude(&next, me.intent, me.res)
		if rec := &next.pg.records[m.ident(&me)]; m.Sabotage == AcceptedOverwritten && rec.state == completed {
			rec.out = m.outcome(me.res)
		}
	}
	m.rest(&next, p)
	m.emit(next, applied.of(me.res), p)
	if w.owns(p) {
		adrift := *w
		adrift.procs[p].pc = applyUnknown
		m.emit(adrift, applyUnanswered, p)
		away := *w
		m.leaveHalf(away, p, applyBatch, applyCutOff, func(next world, e event) {
			m.rest(&next, p)
			m.emit(next, e, p)
		})
		m.rest(&away, p)
		m.emit(away, applyFailed, p)
	}
}
