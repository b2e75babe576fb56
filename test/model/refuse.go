package model

// refusal is an answer that stores nothing.
type refusal uint8

const (
	inFlight    refusal = iota // 409
	keyExpired                 // 410
	keyReused                  // 422, known from a committed record
	notPayable                 // 409: another payment of the order stands in the way
	invalid                    // 422: the route's schema
	limited                    // 429
	keyCanceled                // 410: given up before anything happened
)

// advises tells whether a refusal carries safe_new_key: a new key can't double the effect. It is what the engine knows,
// and only after a look-up that found no record.
func (m *machine) advises(why refusal, unused bool) bool {
	switch {
	case why == keyCanceled:
		return true
	case m.Sabotage == SafeByCode:
		return why >= keyReused
	}
	return unused && (why == notPayable || why == invalid)
}

// wrongly is a refusal that breaks a promise. One that doesn't is no step, because it changes nothing. A copy of a request
// whose outcome is stored is replayed, unless it exceeds a rate; and what is said of a new key has to be true, for as long
// as the key's record or its tombstone is kept.
func (m *machine) wrongly(w world, p int, why refusal, unused bool) {
	me := &w.procs[p]
	i := m.ident(me)
	rec := &w.pg.records[i]
	switch {
	case why != limited && rec.state == completed && m.same(me.intent, rec.intent):
		w.bad = outcomeRefused
	case why == keyCanceled && !m.used(&w, i): // nothing was done under it, and nothing will be
		return
	case m.advises(why, unused) && rec.state != forgotten && (rec.state.known() || m.used(&w, i) || m.keyLocked(&w, p)):
		w.bad = falseAdvice
	default:
		return
	}
	m.rest(&w, p)
	m.emit(w, refusedWrongly.of(result(why)), p)
}

// stricter tells whether a replica runs a release whose schema refuses what the other one accepts (F40).
func (m *machine) stricter(p int, on uint8) bool {
	return m.Stricter && on == replicas-1 && m.of[p] == 0
}

// sendInvalid is Engine.refuse: a request that the route's schema refuses is looked up first, with the key's lock tried, so
// that a stored outcome is replayed and what the refusal says of the key is known.
func (m *machine) sendInvalid(w world, p int) {
	me := &w.procs[p]
	i := m.ident(me)
	slot := &w.redis[m.name(i)]
	switch {
	case m.Sabotage == SchemaBeforeLookUp:
		m.wrongly(w, p, invalid, false)
	case m.believed(&w, slot, me.on, i) && !m.foreign(&w, slot, i):
		m.replyFromRedis(w, p, slot.reply)
	case w.pg.records[i].state.known():
		m.seen(w, p)
	case m.keyLocked(&w, p) && m.Sabotage != LookUpWithoutLock:
		m.wrongly(w, p, inFlight, false)
	default:
		m.wrongly(w, p, invalid, true)
	}
}

// meet is a copy that meets a request with its key at its replica (Engine.follow). While that one looks the key up the copy
// waits for what it learns, which is no step; once it executes, the copy is refused.
func (m *machine) meet(w *world, p int, on uint8) {
	if m.Sabotage != FlightBeforeLookUp {
		return
	}
	for q := range m.n {
		if m.together(w, p, q, on) && w.procs[q].pc == entered {
			m.wrongly(*w, p, inFlight, false)
			return
		}
	}
}

// marked is a copy that meets another's marker (Engine.answerMarked): the marker may be left over, so the record is read
// before the copy is refused.
func (m *machine) marked(w world, p int) {
	rec := w.pg.records[m.ident(&w.procs[p])]
	if rec.state != completed {
		return
	}
	if m.Sabotage == MarkerBelieved {
		m.wrongly(w, p, inFlight, false)
		return
	}
	m.reply(w, p, rec.intent, rec.out, repliedFromPostgres)
}
