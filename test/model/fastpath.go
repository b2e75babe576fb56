package model

// send is a client that sends its request, for the first time or again, to either replica: Engine.attempt. L1, the process's
// own flights, FastPath.LookupAndMark and Store.Begin are one step (doc.go says why that hides nothing). A refusal changes
// nothing, so it is no step at all.
func (m *machine) send(w *world, p int) {
	for on := range uint8(replicas) {
		m.wrongly(*w, p, limited, false) // at any time
		if m.flying(w, p, on) {
			m.meet(w, p, on)
			continue
		}
		next := *w
		me := &next.procs[p]
		me.on = on
		i := m.ident(me)
		if kept := w.memory[on][i]; m.current(w, on, i, kept) {
			m.tell(&next, p, kept)
			m.rest(&next, p)
			m.emit(next, repliedFromMemory, p)
			continue
		}
		if m.stricter(p, on) {
			m.sendInvalid(next, p)
			continue
		}
		m.enter(next, p)
	}
}

// flying tells whether the replica is at work for the same key (flights.enter).
func (m *machine) flying(w *world, p int, on uint8) bool {
	for q := range m.n {
		if m.together(w, p, q, on) {
			return true
		}
	}
	return false
}

// together tells whether q is at work at the replica for the key of p.
func (m *machine) together(w *world, p, q int, on uint8) bool {
	other := &w.procs[q]
	return q != p && other.pc != idle && other.on == on && m.ident(other) == m.intents[m.of[p]].ident
}

// current is what L1 and Redis check of a genuine reply: its timeline and the end of its replay (LocalCache.Get,
// redis.Cache).
func (m *machine) current(w *world, on, i uint8, kept reply) bool {
	if kept.intent == 0 || w.pg.records[i].state >= expired {
		return false
	}
	return kept.timeline == w.view[on] || m.Sabotage == TimelineIgnored
}

// enter is FastPath.LookupAndMark: SET NX of a marker and GET, in one pipeline. When Redis is away the request passes
// without a marker; when it did both and the answer was lost (F7), the marker stays and ends by itself.
func (m *machine) enter(w world, p int) {
	me := &w.procs[p]
	i := m.ident(me)
	slot := &w.redis[m.name(i)]
	foreign := m.foreign(&w, slot, i)
	switch {
	case slot.kind == nothing && !m.Redis:
		m.enteredBy(w, p, arrived)
	case slot.kind == nothing:
		m.enteredBy(w, p, arrivedWithoutRedis)
		*slot = value{kind: marker, owner: uint8(p) + 1}
		m.enteredBy(w, p, arrivedWithMarker)
	case slot.kind == marker && !foreign:
		m.marked(w, p)
		m.enteredBy(w, p, arrivedWithoutRedis)
	case m.believed(&w, slot, me.on, i) && !foreign:
		m.replyFromRedis(w, p, slot.reply)
	default:
		if foreign {
			w.bad = readUnderAnothersName
		}
		m.enteredBy(w, p, arrivedPastBadValue)
	}
}

// replyFromRedis answers with a value that is believed, and keeps it in L1.
func (m *machine) replyFromRedis(w world, p int, r reply) {
	me := &w.procs[p]
	w.memory[me.on][m.ident(me)] = r
	m.tell(&w, p, r)
	m.rest(&w, p)
	m.emit(w, repliedFromRedis, p)
}

// enteredBy passes on to Store.Begin, in the same step or in one of its own.
func (m *machine) enteredBy(w world, p int, e event) {
	if !m.Fine {
		m.begin(w, p, e)
		return
	}
	w.procs[p].pc = entered
	m.emit(w, e, p)
}

// foreign is a value of another merchant or key under this one's name (badOwner).
func (m *machine) foreign(w *world, slot *value, i uint8) bool {
	switch {
	case slot.kind == marker && slot.owner > 0:
		return m.ident(&w.procs[slot.owner-1]) != i
	case slot.kind == published:
		return m.intents[slot.reply.intent-1].ident != i
	}
	return false
}

// believed is valueCodec.decode and redis.Cache.
func (m *machine) believed(w *world, slot *value, on, i uint8) bool {
	genuine := slot.kind == published || slot.kind == forged && m.Sabotage == NoHMACCheck
	return genuine && m.current(w, on, i, slot.reply)
}

// publish is Engine.publish: L1, and Redis unless that is away.
func (m *machine) publish(w *world, on uint8, r reply, redis bool) {
	if !m.Redis {
		return
	}
	i := m.intents[r.intent-1].ident
	w.memory[on][i] = r
	if redis {
		w.redis[m.name(i)] = value{kind: published, reply: r}
	}
}

// reply publishes what is known to be committed, answers with it, and ends the process (Engine.runLeader).
func (m *machine) reply(w world, p int, intent uint8, out outcome, e event) {
	me := &w.procs[p]
	if m.Fine {
		me.pc, me.intent, me.res, me.key = committed, intent, result(out), w.view[me.on]
		m.emit(w, e, p)
		return
	}
	on := me.on
	r := reply{intent: intent + 1, out: out, timeline: w.view[on]}
	m.tell(&w, p, r)
	m.rest(&w, p)
	if m.faults && m.Redis {
		away := w
		m.publish(&away, on, r, false)
		m.emit(away, repliedWithoutRedis, p)
	}
	m.publish(&w, on, r, true)
	m.emit(w, e, p)
}

// replyFinely does the same in steps of their own.
func (m *machine) replyFinely(w *world, p int) {
	next := *w
	me := &next.procs[p]
	r := reply{intent: me.intent + 1, out: outcome(me.res), timeline: me.key}
	if me.pc == answering {
		m.tell(&next, p, r)
		m.rest(&next, p)
		m.emit(next, answeredClient, p)
		return
	}
	me.pc = answering
	if m.Redis {
		away := next
		m.publish(&away, me.on, r, false)
		m.emit(away, repliedWithoutRedis, p)
	}
	m.publish(&next, me.on, r, true)
	m.emit(next, publishedOutcome, p)
}

// tell is a reply that reaches the client, if the request is the one that it answers (answer in engine.go); else the
// client gets 422. All copies have to get the same.
func (m *machine) tell(w *world, p int, r reply) {
	me := &w.procs[p]
	if p >= m.n || me.gone || !m.same(m.of[p], r.intent-1) {
		return
	}
	if m.of[p] != r.intent-1 {
		w.bad = anothersReply
		return
	}
	if r.timeline != w.timeline { // F13: what was acknowledged before the promotion may be lost
		if w.view[me.on] == w.timeline {
			w.bad = staleTimeline
		}
		return
	}
	first := &w.told[m.ident(me)]
	switch {
	case first.intent == 0:
		*first = r
	case *first != r:
		w.bad = twoAnswers
	}
}

// refuse ends a request without an outcome, and says that nothing of it is left; FastPath.ReleaseMarker removes its own
// marker.
func (m *machine) refuse(w world, p int, e event) {
	me := &w.procs[p]
	if rec := &w.pg.records[m.ident(me)]; me.claim != 0 && rec.state == inProgress && rec.claim == me.claim {
		w.bad = falseRefusal
	}
	if m.marksIt(&w, p) {
		w.redis[m.name(m.ident(me))] = value{}
	}
	m.rest(&w, p)
	m.emit(w, e, p)
}

// abandon ends a process whose claim may stand (result.keyTaken): recovery goes on, and the marker stays. Only a fault of a
// store may cause that.
func (m *machine) abandon(w world, p int, e event) {
	switch {
	case e.class() != fault && e != waitedInVain:
		w.bad = abandonedWithoutFault
	case m.Sabotage == MarkerReleasedAlways && m.marksIt(&w, p):
		w.bad = markerReleasedOpen
	}
	m.rest(&w, p)
	m.emit(w, e, p)
}

// marksIt tells whether the marker of the key is the process's own.
func (m *machine) marksIt(w *world, p int) bool {
	slot := &w.redis[m.name(m.ident(&w.procs[p]))]
	return slot.kind == marker && slot.owner == uint8(p)+1
}
