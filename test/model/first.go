package model

// begin is Store.Begin and what runClaim and runLocal make of it: try the key's lock, look the key up, read and lock the
// order if the key is mine. Without an outcome the marker is removed again, and nothing has changed.
func (m *machine) begin(w world, p int, e event) {
	me := &w.procs[p]
	i := m.ident(me)
	known := w.pg.records[i].state.known()
	if known {
		m.seen(w, p)
		if !m.blind(&w, p) {
			return
		}
	}
	switch {
	case m.orderLocked(&w, me.intent, p) && !m.keyLocked(&w, p): // waits for the row lock
	case m.keyLocked(&w, p):
		m.refuseArrival(w, p, inFlight)
	case m.used(&w, i) && !known:
		m.refuseArrival(w, p, keyExpired)
	case !m.payable(&w, me.intent):
		m.refuseArrival(w, p, notPayable)
	default:
		me.pc = open
		m.emit(w, e, p)
	}
}

// refuseArrival ends a request without an outcome. For one that has just been sent it is no step.
func (m *machine) refuseArrival(w world, p int, why refusal) {
	m.wrongly(w, p, why, why == notPayable)
	if w.procs[p].pc != idle {
		m.refuse(w, p, refused.of(result(why)))
	}
}

// blind is a look-up that does not see the record, by sabotage.
func (m *machine) blind(w *world, p int) bool {
	switch m.Sabotage {
	case ReadFromStandby:
		return true
	case RedisMissTrusted:
		return m.marksIt(w, p)
	}
	return false
}

// keyLocked tells whether another transaction holds the key's advisory lock.
func (m *machine) keyLocked(w *world, p int) bool {
	i := m.ident(&w.procs[p])
	return w.giving[i] && m.Sabotage != GivenUpWithoutLock || m.keyHeld(w, i, p)
}

// keyHeld tells whether a first transaction of another process holds a key's lock, or what has arrived of one.
func (m *machine) keyHeld(w *world, i uint8, but int) bool {
	if w.keyHalf(i) {
		return true
	}
	for q := range m.n {
		other := &w.procs[q]
		if q != but && (other.pc == open || other.pc == openUnknown) && m.ident(other) == i {
			return true
		}
	}
	return false
}

// orderLocked tells whether a first transaction holds the row lock of an intent's order. Transactions that are one batch
// hold theirs for no time, unless only their first part has arrived.
func (m *machine) orderLocked(w *world, j uint8, but int) bool {
	if m.orderHalf(w, j) {
		return true
	}
	for q := range m.n {
		other := &w.procs[q]
		holds := other.pc == open && !other.odd || other.pc == openUnknown
		if q != but && holds && m.rivals(other.intent, j) {
			return true
		}
	}
	return false
}

// used tells whether something was made under the key already (Payments.UnderKey).
func (m *machine) used(w *world, i uint8) bool {
	for j := range m.intents {
		if m.intents[j].ident == i && w.pg.payments[j].status != noPayment {
			return true
		}
	}
	return false
}

// payable is models.Order.Payable: no live payment of another key stands in the way.
func (m *machine) payable(w *world, j uint8) bool {
	for other := range uint8(len(m.intents)) {
		if other != j && m.rivals(other, j) && w.pg.payments[other].status.live() {
			return false
		}
	}
	return true
}

// seen answers from a record that Postgres holds (Engine.answerFrom). A lease that is over is taken at once: TakeOver is a
// transaction of its own, but to find the record taken meanwhile is the 409 that a later begin gives. An outcome is published
// also when another request asks for it, which then gets 422 (tell).
func (m *machine) seen(w world, p int) {
	me := &w.procs[p]
	i := m.ident(me)
	rec := w.pg.records[i]
	own := me.pc == entered && me.odd && rec.state == inProgress && rec.claim == me.claim
	switch {
	case own && m.Sabotage == NewClaimEachRun:
		w.bad, me.claim = refusedByItself, 0
		m.refuseArrival(w, p, inFlight)
	case own: // the claim id is the one of an earlier run of this request
		me.pc = calling
		me.key, me.id = w.pg.payments[me.intent].key, w.pg.payments[me.intent].id
		m.emit(w, resolvedMine, p)
	case rec.state == completed:
		if !m.same(me.intent, rec.intent) {
			m.wrongly(w, p, keyReused, false)
		}
		m.reply(w, p, rec.intent, rec.out, repliedFromPostgres)
	case rec.state == expired:
		m.refuseArrival(w, p, keyExpired)
	case rec.state == spent:
		m.refuseArrival(w, p, keyCanceled)
	case !m.same(me.intent, rec.intent):
		m.refuseArrival(w, p, keyReused)
	case w.recordHalf(i): // a takeover passes a locked record by
		m.refuseArrival(w, p, inFlight)
	case rec.over || m.Sabotage == LeaseByReplicaClock:
		if m.Fine && me.pc != takingOver {
			me.pc = takingOver
			m.emit(w, leaseFoundOver, p)
			return
		}
		m.takeOver(w, p, i)
	default:
		m.refuseArrival(w, p, inFlight)
	}
}

// commitFirst is the COMMIT of the claim transaction (Store.Claim), or the only one of a local effect (Store.Commit).
func (m *machine) commitFirst(w *world, p int) {
	me := &w.procs[p]
	local := m.intents[me.intent].Local
	if m.Sabotage == EffectOutsideTransaction && local && !me.odd {
		next := *w
		next.pg.payments[me.intent].ledger++
		next.procs[p].odd = true
		m.emit(next, effectCommittedAlone, p)
		return
	}
	next := *w
	m.writeFirst(&next, p)
	if local {
		m.reply(next, p, me.intent, created, firstCommitted)
	} else {
		next.procs[p].pc, next.procs[p].odd = calling, false
		m.emit(next, firstCommitted, p)
	}
	if m.faults {
		m.commitFirstFails(w, p)
	}
}

// commitFirstFails is a first transaction that was rolled back, or whose answer is lost.
func (m *machine) commitFirstFails(w *world, p int) {
	again := *w
	if m.Sabotage == RetryWithoutReading {
		again.procs[p].odd = true
		m.emit(again, firstRolledBack, p)
	} else {
		m.rerun(again, p, firstRolledBack)
	}
	lost := *w
	lost.procs[p].claim = uint8(p) + 1
	if m.Sabotage == CommitErrorIsRollback {
		m.writeFirst(&lost, p)
		m.refuse(lost, p, firstBelievedRolledBack)
		return
	}
	lost.procs[p].pc = openUnknown
	m.emit(lost, firstUnanswered, p)
	lost.procs[p].pc = resolving
	m.leaveHalf(lost, p, firstBatch, firstCutOff, func(next world, e event) { m.emit(next, e, p) })
}

// rerun begins the first transaction again, which is a new arrival; after too many runs, or while Postgres is away, it is 503.
func (m *machine) rerun(w world, p int, e event) {
	if m.Fine {
		again := w
		again.procs[p].pc = entered
		m.emit(again, e, p)
	}
	w.procs[p].claim = 0
	m.refuse(w, p, e)
}

// writeFirst is what the first transaction commits. The unique keys are nets under the locks: no run may ever fall into one.
func (m *machine) writeFirst(w *world, p int) {
	me := &w.procs[p]
	j := me.intent
	rec, pay := &w.pg.records[m.intents[j].ident], &w.pg.payments[j]
	switch {
	case rec.state.known():
		w.bad = keptByPrimaryKey
	case !m.payable(w, j):
		w.bad = secondLivePayment
	}
	me.claim = uint8(p) + 1
	if m.intents[j].Local {
		*rec = record{state: completed, intent: j, claim: me.claim, out: created}
		pay.status = succeeded
		if m.Sabotage != EffectOutsideTransaction {
			pay.ledger++
		}
		return
	}
	*rec = record{state: inProgress, intent: j, claim: me.claim}
	me.key, me.id = m.deriveKey(w, j), m.deriveID(w, j)
	*pay = payment{status: processing, key: me.key, id: me.id, attempt: sent}
}

// deriveKey is idempotency.ProviderKey; deriveID is idempotency.DeriveUUID.
func (m *machine) deriveKey(w *world, j uint8) uint8 {
	if m.Sabotage == ProviderKeyFromRowID {
		return w.another()
	}
	return j
}

func (m *machine) deriveID(w *world, j uint8) uint8 {
	if m.Sabotage == IDNotDerived {
		return maxIntent + 1 + w.another()
	}
	return j + 1
}

// another counts what is not derived.
func (w *world) another() uint8 {
	n := w.fresh
	w.fresh = min(w.fresh+1, maxBook-1)
	return n
}

// resolve is Engine.resolve: Store.Resolve waits for the key's lock, and then reads the record.
func (m *machine) resolve(w *world, p int) {
	if m.keyLocked(w, p) {
		return
	}
	next := *w
	me := &next.procs[p]
	rec := w.pg.records[m.ident(me)]
	mine := rec.claim == me.claim || m.Sabotage == FoundWithoutClaimID
	known := rec.state.known()
	if known && mine && me.odd { // read under a snapshot that is older than the commit
		known, next.bad = false, falseRollback
	}
	if known && mine && rec.claim != me.claim {
		next.bad = takenForMine
	}
	switch {
	case !known: // rolled back
		m.rerun(next, p, resolvedRolledBack)
	case mine && rec.state == inProgress:
		me.pc = calling
		me.key, me.id = w.pg.payments[me.intent].key, w.pg.payments[me.intent].id
		m.emit(next, resolvedMine, p)
	case mine && rec.state == completed:
		m.reply(next, p, rec.intent, rec.out, resolvedMine)
	default:
		me.claim = 0
		m.seen(next, p)
	}
	if m.faults {
		m.abandon(*w, p, resolveFailed)
	}
}
