package model

// environment is everything that happens without a process of payonce: time, the network, the stores, faults.
func (m *machine) environment(w *world) {
	for i := range m.idents {
		if m.GivesUp {
			m.giveUp(w, uint8(i))
		}
		m.time(w, uint8(i))
		m.delivery(w, uint8(i))
	}
	for j := range m.intents {
		m.attemptTime(w, uint8(j))
	}
	for p := range m.all {
		m.server(w, p)
	}
	for key := range uint8(maxBook) {
		m.network(w, key)
		m.atWork(w, key)
		if m.Aging {
			m.forget(w, key)
		}
	}
	for on := range uint8(replicas) {
		if w.view[on] != w.timeline { // PrimaryMonitor.poll
			next := *w
			next.view[on] = w.timeline
			m.emit(next, timelineSeen, int(on))
		}
		if m.faults {
			m.crash(*w, on, 0)
		}
	}
	if m.Lists {
		m.lists(w)
	}
	if m.Picky && !w.picky {
		next := *w
		next.picky = true
		m.emit(next, becamePicky, 0)
	}
	m.redisFaults(w)
	if m.Failover {
		m.replication(w)
	}
}

// time ends markers, leases and replays. A lease that runs out although its owner lives is an owner that sleeps, or a jump
// of Postgres's clock (F24); both may happen at any moment, and count as no fault.
func (m *machine) time(w *world, i uint8) {
	if w.redis[i].kind == marker {
		next := *w
		next.redis[i] = value{}
		m.emit(next, markerExpired, int(i))
	}
	rec := w.pg.records[i]
	next := *w
	now := &next.pg.records[i]
	switch {
	case rec.state == inProgress && m.Life && m.Sabotage == CleanupIgnoresState:
		now.state = expired
		m.emit(next, recordExpired, int(i))
	case rec.state == inProgress && !rec.over:
		now.over = true
		m.emit(next, leaseOverslept, int(i))
	case rec.state == completed && m.Life:
		now.state = expired
		m.emit(next, recordExpired, int(i))
	case rec.state == expired && m.Life:
		*now = record{state: forgotten}
		m.emit(next, recordForgotten, int(i))
	}
}

// attemptTime ends the leases of checks, and makes attempts old.
func (m *machine) attemptTime(w *world, j uint8) {
	pay := &w.pg.payments[j]
	if pay.leased {
		next := *w
		next.pg.payments[j].leased = false
		m.emit(next, checkOverslept, int(j))
	}
	open := pay.attempt == unresolved || pay.attempt == sent || pay.attempt == resolved && m.Aging && m.mayBeSent(w, pay.key)
	if m.ages() && !pay.old && open {
		next := *w
		next.pg.payments[j].old = true
		m.emit(next, attemptAged, int(j))
	}
}

// ages tells whether RESEND_MAX_AGE matters: without it what the provider leaves open would be checked for ever.
func (m *machine) ages() bool { return m.Aging || m.Slow || m.Lists || m.Refuses || m.Picky }

// server is an old backend that ends what its client no longer waits for.
func (m *machine) server(w *world, p int) {
	next := *w
	switch w.procs[p].pc {
	case openUnknown:
		next.procs[p].pc = resolving
		m.emit(next, backendRolledBack, p)
		m.writeFirst(&next, p)
		next.procs[p].odd = m.Sabotage == ServerDefaultIsolation || m.Sabotage == NewClaimEachRun
		m.emit(next, backendCommitted, p)
		if m.Sabotage == ResolveDoesNotWait {
			next = *w
			next.bad = falseRollback
			m.emit(next, resolvedTooEarly, p)
		}
	case applyUnknown:
		m.rest(&next, p)
		m.emit(next, backendRolledBack, p)
		if m.finishes(&next, w, p) {
			m.emit(next, backendCommitted, p)
		}
	default:
	}
}

// finishes is Apply's batch that reaches Postgres after its sender gave it up.
func (m *machine) finishes(next, w *world, p int) bool {
	me := &w.procs[p]
	if !w.owns(p) || m.orderLocked(w, me.intent, p) {
		return false
	}
	m.conclude(next, me.intent, me.res)
	return true
}

// delivery brings a batch to Postgres that its sender gave up. Its guard is all that tells whether it is still wanted.
func (m *machine) delivery(w *world, i uint8) {
	late := w.late[i]
	if late.kind == noBatch {
		return
	}
	if late.half {
		m.endHalf(w, i)
		return
	}
	next := *w
	next.late[i] = batch{}
	m.emit(next, batchLost, int(i))
	rec := w.pg.records[i]
	open := rec.state == inProgress
	needsOrder := late.kind == releaseBatch || late.res != unknown
	if !rec.state.known() || !m.passes(open, late.mine) || needsOrder && m.orderLocked(w, rec.intent, -1) {
		return
	}
	if late.kind == completionBatch {
		m.write(&next, rec.intent, open && late.mine, late.res)
	} else {
		m.erase(&next, rec.intent, open && late.mine)
	}
	m.emit(next, batchArrived, int(i))
}
