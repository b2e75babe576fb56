package model

// giveUp is a request under another key that gives this one up while nothing is known of it (giveUp.run in handlers). It has no process
// here: all that others see of it is that it holds the key's lock, from Store.Begin with Store.Target to the COMMIT with
// Store.Cancel, and the tombstone that it leaves. A fault may roll it back.
// A key in flight is left alone, so that refusal is no step; a request that waits begins again.
func (m *machine) giveUp(w *world, i uint8) {
	next := *w
	if w.giving[i] {
		next.giving[i] = false
		if m.faults {
			m.emit(next, givingUpRolledBack, int(i))
		}
		if w.pg.records[i].state.known() && m.Sabotage != GivenUpInProgress {
			next.bad = keptByPrimaryKey
		}
		next.pg.records[i] = record{state: spent}
		m.emit(next, keySpent, int(i))
		return
	}
	state := w.pg.records[i].state
	free := state == absent && !m.used(w, i)
	if m.Sabotage == GivenUpInProgress {
		free = free || state == inProgress
	}
	if free && (!m.keyHeld(w, i, -1) || m.Sabotage == GivenUpWithoutLock) {
		next.giving[i] = true
		m.emit(next, givingUpBegun, int(i))
	}
}
