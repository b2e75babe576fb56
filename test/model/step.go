package model

// successors are all steps from a world, as far as their classes are wanted. The slice is used again by the next call.
func (m *machine) successors(w *world) []edge {
	m.out, m.from = m.out[:0], &w.pg
	for p := range m.all {
		m.step(w, p)
	}
	m.environment(w)
	return m.out
}

// step is the next one of a process. A process that waits for a lock has none.
func (m *machine) step(w *world, p int) {
	m.hangUp(w, p)
	if m.waits(w, p) {
		return
	}
	switch w.procs[p].pc {
	case idle:
		if p < m.n {
			m.send(w, p)
		} else {
			m.background(w, p)
		}
	case entered:
		m.begin(*w, p, begun)
	case takingOver:
		m.takeOverFinely(w, p)
	case losing:
		m.lose(*w, p)
	case committed, answering:
		m.replyFinely(w, p)
	case open:
		m.commitFirst(w, p)
	case resolving:
		m.resolve(w, p)
	case calling:
		m.call(w, p)
	case answered:
		m.complete(w, p)
	case inspecting:
		m.inspect(w, p)
	case releasing:
		m.release(w, p)
	case inspectingRelease:
		m.inspectRelease(w, p)
	case lookingUp:
		m.lookUp(w, p)
	case checking:
		m.checkDue(w, p)
	case missing:
		m.miss(w, p)
	case resending:
		m.resend(w, p)
	case overslept, oversleptResend:
		m.wake(w, p)
	case leaving:
		m.leave(*w, p)
	case canceling:
		m.cancel(w, p)
	case applying:
		m.applyFound(w, p)
	case dueRead:
		m.updateDue(w, p)
	case openUnknown, applyUnknown: // the server's turn
	}
}

// hangUp is a client that goes away. The work goes on (context.WithoutCancel in Engine.runLeader).
func (m *machine) hangUp(w *world, p int) {
	if me := &w.procs[p]; m.HangUps && p < m.n && me.pc != idle && !me.gone {
		next := *w
		next.procs[p].gone = true
		m.emit(next, hungUp, p)
	}
}

// emit adds a step, if its class is wanted. Clients that hang up, replays that end and promotions that happen are
// chance, and as free as progress.
func (m *machine) emit(w world, e event, who int) {
	wanted := m.free
	switch e.class() {
	case fault:
		wanted = m.faults
	case slow:
		wanted = m.slow
	case progress, client, chance:
	}
	if !wanted {
		return
	}
	m.tidy(&w)
	if w.bad == fine && e != promoted && !m.permitted(&w) {
		w.bad = forbiddenArrow
	}
	k := pack(&w)
	if !m.raw {
		k = m.canonical(&w, k)
	}
	m.out = append(m.out, edge{k, action{e, uint8(who)}})
}

// permitted tells whether each record moved along an arrow of its life (idempotency/doc.go), or not at all.
func (m *machine) permitted(w *world) bool {
	for i := range m.idents {
		was, is := &m.from.records[i], &w.pg.records[i]
		ok := true
		switch {
		case was.state == is.state && was.state.known():
			ok = was.intent == is.intent && was.out == is.out
		case was.state != is.state:
			ok = arrows[was.state][is.state]
		}
		if !ok {
			return false
		}
	}
	return true
}

// arrows are the life of a record.
var arrows = [spent + 1][spent + 1]bool{
	absent:     {inProgress: true, completed: true, spent: true}, // a claim; a local effect; given up
	inProgress: {completed: true, absent: true},                  // a completion; a release
	completed:  {expired: true},
	expired:    {forgotten: true},
}

// tidy forgets what no step will ever ask for again, so that worlds with the same future are equal.
func (m *machine) tidy(w *world) {
	for p := range m.all {
		me := &w.procs[p]
		switch me.pc {
		case entered, takingOver, committed, answering:
			me.id = 0
			if !me.odd {
				me.claim = 0
			}
			if me.pc < committed {
				me.key, me.res = 0, 0
			}
		case open:
			me.claim, me.key, me.id, me.res = 0, 0, 0, 0
		case calling, overslept, lookingUp, checking, missing, leaving, canceling, resending, oversleptResend, releasing,
			inspectingRelease, losing:
			me.res = 0
		default:
		}
	}
	m.tidyRows(w, &w.pg)
	if w.stalled {
		m.tidyRows(w, &w.standby)
	}
	for i := range m.idents {
		slot := &w.redis[i]
		if slot.kind == marker && slot.owner > 0 && w.procs[slot.owner-1].pc == idle {
			slot.owner = 0
		}
		late := &w.late[i]
		if hopeless := !late.mine || w.pg.records[i].state != inProgress; hopeless && !late.half && !m.keepsLate() {
			*late = batch{}
		}
	}
}

// keepsLate tells whether a batch matters that can't pass the protocol's guard any more.
func (m *machine) keepsLate() bool {
	return m.Sabotage == NoFenceInCompletion || m.Sabotage == NoStateInCompletion
}

// tidyRows turns the claims of owners that are gone to zero, because their numbers are given out again. Such an owner's
// lease is over: until then every other one is only refused.
func (m *machine) tidyRows(w *world, pg *postgres) {
	for i := range m.idents {
		rec := &pg.records[i]
		if rec.claim != 0 && !m.claimed(w, uint8(i), rec.claim) {
			rec.claim = 0
		}
		if rec.state != inProgress {
			rec.taken, rec.over = false, false
		} else if rec.claim == 0 {
			rec.over = true
		}
	}
	for j := range m.intents {
		pay := &pg.payments[j]
		if pay.attempt == resolved && !m.mayBeSent(w, pay.key) {
			pay.old = false
		}
		if pay.claim == 0 {
			continue
		}
		if me := &w.procs[pay.claim-1]; !me.pc.checks() || me.intent != uint8(j) {
			pay.claim, pay.leased = 0, false
		}
	}
}

// claimed tells whether a process lives that works on a record under a claim.
func (m *machine) claimed(w *world, i, claim uint8) bool {
	for p := range m.all {
		me := &w.procs[p]
		if me.claim == claim && !me.pc.checks() && m.ident(me) == i {
			return true
		}
	}
	return false
}
