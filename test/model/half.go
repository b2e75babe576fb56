package model

// A half is a batch of which the first part has reached Postgres and holds its locks, while the rest never comes and the
// connection stays open (F36). Nothing of it is ever committed. None of Postgres's time-outs ends it, because the backend
// waits for its client; keepalives or the job that ends such sessions do.

// leaveHalf makes a half of a transaction, unless another batch of the key is on its way.
func (m *machine) leaveHalf(w world, p int, kind batchKind, e event, then func(world, event)) {
	me := &w.procs[p]
	slot := &w.late[m.ident(me)]
	if !m.Halves || slot.kind != noBatch {
		return
	}
	*slot = batch{kind: kind, intent: me.intent, half: true}
	then(w, e)
}

// endHalf ends the session of a half: it is rolled back.
func (m *machine) endHalf(w *world, i uint8) {
	if m.Sabotage == HalfNeverEnds {
		return
	}
	next := *w
	next.late[i] = batch{}
	m.emit(next, halfEnded, int(i))
}

// keyHalf tells whether a half holds the advisory lock of a key.
func (w *world) keyHalf(i uint8) bool { return w.late[i].half && w.late[i].kind == firstBatch }

// recordHalf tells whether a half holds the row lock of a record.
func (w *world) recordHalf(i uint8) bool {
	return w.late[i].half && (w.late[i].kind == completionBatch || w.late[i].kind == releaseBatch)
}

// attemptHalf tells whether a half holds the row lock of an intent's attempt.
func (m *machine) attemptHalf(w *world, j uint8) bool {
	late := w.late[m.intents[j].ident]
	return late.half && late.kind == applyBatch && late.intent == j
}

// orderHalf tells whether a half holds the row lock of an intent's order. Each half holds all locks of its transaction: with
// fewer of them others only wait for less.
func (m *machine) orderHalf(w *world, j uint8) bool {
	for i := range m.idents {
		if late := w.late[i]; late.half && m.rivals(late.intent, j) {
			return true
		}
	}
	return false
}

// waits is a process that finds a record locked by a half, and gives up when its budget is over: 503, or what another owner
// stored meanwhile. It may as well find the half ended before; then its usual step follows.
func (m *machine) waits(w *world, p int) bool {
	me := &w.procs[p]
	i := m.ident(me)
	blocked := false
	switch me.pc {
	case resolving:
		blocked = w.keyHalf(i)
	case inspecting, inspectingRelease, losing:
		blocked = w.recordHalf(i)
	case answered, releasing:
		blocked = w.recordHalf(i) || (me.pc == releasing || me.res != unknown) && m.orderHalf(w, me.intent)
	case applying:
		blocked = m.attemptHalf(w, me.intent) || m.orderHalf(w, me.intent)
	}
	switch {
	case !blocked:
	case me.pc == applying:
		next := *w
		m.rest(&next, p)
		m.emit(next, waitedInVain, p)
	default:
		rec := w.pg.records[i]
		if me.pc == answered && !w.recordHalf(i) && rec.state == completed && m.same(me.intent, rec.intent) { // Engine.lastLook
			m.reply(*w, p, rec.intent, rec.out, waitedInVain)
			break
		}
		m.abandon(*w, p, waitedInVain)
	}
	return blocked
}
