package model

// crash is kill -9 of a replica: its processes are gone, and so is L1. What was sent may still arrive, and a COMMIT that
// is being executed ends either way. The next start is at once: a replica that is down is one to which no client sends.
func (m *machine) crash(w world, on uint8, from int) {
	for p := from; p < m.all; p++ {
		me := w.procs[p]
		if me.pc == idle || me.on != on {
			continue
		}
		if done := w; m.endedBeforeDeath(&done, p) {
			m.rest(&done, p)
			m.crash(done, on, p+1)
		}
		m.rest(&w, p)
	}
	w.memory[on] = [maxIdent]reply{}
	w.view[on] = w.timeline
	m.emit(w, killed, int(on))
}

// endedBeforeDeath lets happen what a process has on its way when it dies; the answer is lost. The claim transaction
// and a release need no such case: to die right after them is to die before the next step.
func (m *machine) endedBeforeDeath(w *world, p int) bool {
	me := &w.procs[p]
	switch me.pc {
	case openUnknown:
		m.writeFirst(w, p)
	case open:
		if !m.intents[me.intent].Local {
			return false
		}
		m.writeFirst(w, p)
	case answered:
		if !m.holds(w, p) || me.res != unknown && m.orderLocked(w, me.intent, p) {
			return false
		}
		m.write(w, me.intent, true, me.res)
	case calling, resending: // nothing is sent by a process that overslept
		if w.book[me.key].onItsWay {
			return false
		}
		w.adrift(me.key, *me)
	case applyUnknown:
		return m.finishes(w, w, p)
	default:
		return false
	}
	return true
}

// redisFaults: lost, restored from an old copy, or lying (F4, F5, F8).
func (m *machine) redisFaults(w *world) {
	if w.redis != ([maxIdent]value{}) {
		next := *w
		next.redis = [maxIdent]value{}
		m.emit(next, redisFlushed, 0)
	}
	for i := range m.idents {
		next := *w
		if m.Redis {
			next.redis[i] = value{kind: marker}
			m.emit(next, redisStale, i)
		}
		if m.Lies {
			next.redis[i] = value{kind: forged, reply: reply{intent: m.of[0] + 1, out: refusedCard}}
			m.emit(next, redisLies, i)
		}
	}
}

// replication is F13: the standby falls behind at some commit, and is promoted later. Whatever was committed in between
// is gone, with every transaction that was open.
func (m *machine) replication(w *world) {
	switch {
	case w.timeline > 0:
	case !w.stalled:
		next := *w
		next.stalled, next.standby = true, w.pg
		m.emit(next, replicationStalled, 0)
	default:
		next := *w
		next.pg, next.standby, next.stalled, next.timeline = w.standby, postgres{}, false, 1
		next.late, next.told, next.giving = [maxIdent]batch{}, [maxIdent]reply{}, [maxIdent]bool{}
		for p := range m.all {
			switch me := &next.procs[p]; me.pc {
			case open, openUnknown:
				me.pc, me.claim = resolving, uint8(p)+1
			case applyUnknown:
				m.rest(&next, p)
			default:
			}
		}
		m.emit(next, promoted, 0)
	}
}
