package model

// call is Operation.Call: the provider is asked, once. Where the request is between here and the provider can't be seen
// from outside, so that is one place: a request that has not arrived may never have been sent.
func (m *machine) call(w *world, p int) {
	me := w.procs[p]
	base := *w
	key := m.sendKey(&base, me)
	m.execute(base, key, me, func(next world, res result) {
		heard := next
		heard.procs[p].pc, heard.procs[p].res = answered, m.means(res)
		if res == rejected {
			heard.procs[p].pc = releasing
		}
		m.emit(heard, providerAnswered.of(res), p)
		next.procs[p].pc, next.procs[p].res = answered, unknown
		m.emit(next, answerLost.of(res), p)
	})
	m.callTooLate(w, p, tooLate)
	unsent := *w
	unsent.procs[p].pc = releasing
	m.emit(unsent, providerNotReached, p)
	base.adrift(key, me)
	base.procs[p].pc, base.procs[p].res = answered, unknown
	m.emit(base, callTimedOut, p)
}

// callTooLate is Engine.call that finds no time left.
func (m *machine) callTooLate(w *world, p int, e event) {
	unsent := *w
	unsent.procs[p].pc = releasing
	m.emit(unsent, e, p)
}

// resend is operation.resend: the same bytes under the same key. To be refused proves nothing about the request that was
// sent first: the provider may take the next copy, and the first one may arrive after this one.
func (m *machine) resend(w *world, p int) {
	me := w.procs[p]
	base := *w
	key := m.sendKey(&base, me)
	m.execute(base, key, me, func(next world, res result) {
		m.postpone(next, p, answerLost.of(res))
		decided := m.means(res)
		if decided == unknown || decided == rejected && m.Sabotage != RefusedResendFails {
			m.postpone(next, p, providerAnswered.of(res))
			return
		}
		next.procs[p].pc, next.procs[p].res = applying, decided
		m.emit(next, providerAnswered.of(res), p)
	})
	m.postpone(*w, p, providerNotReached)
	base.adrift(key, me)
	m.postpone(base, p, callTimedOut)
}

// sendKey is the provider key of one send.
func (m *machine) sendKey(w *world, of process) uint8 {
	if m.Sabotage == RandomProviderKey {
		return w.another()
	}
	return of.key
}

// adrift leaves a request in the network whose answer no process waits for.
func (w *world) adrift(key uint8, of process) {
	c := &w.book[key]
	c.onItsWay, c.sentID, c.sentIntent = true, of.id, of.intent
}

// execute is a request that reaches the provider under a key. A key that it remembers repeats its answer, or is refused
// when the request is another one; a new one is charged, declined, refused, or taken and left for later.
func (m *machine) execute(w world, key uint8, of process, then func(world, result)) {
	c := &w.book[key]
	switch {
	case c.keyed && (c.id != of.id || c.intent != of.intent): // idempotency_error
		then(w, unknown)
		return
	case c.keyed:
		then(w, c.result)
		return
	}
	if m.Refuses && c.charges == 0 {
		refused := w
		refused.book[key].refused = true
		then(refused, rejected)
	}
	c.keyed, c.id, c.intent, c.refused = true, of.id, of.intent, false
	if m.Slow && c.charges == 0 {
		taken := w
		taken.book[key].result = untried
		then(taken, untried)
	}
	m.decide(w, key, then)
}

// decide is the end of an intent: charged or declined.
func (m *machine) decide(w world, key uint8, then func(world, result)) {
	c := &w.book[key]
	if m.Declines && c.charges == 0 {
		no := w
		no.book[key].result = declined
		then(no, declined)
	}
	c.result = approved
	c.charges++
	then(w, approved)
}

// network moves a request whose answer no process waits for: it arrives, or it is lost.
func (m *machine) network(w *world, key uint8) {
	c := w.book[key]
	if !c.onItsWay {
		return
	}
	next := *w
	next.book[key].onItsWay, next.book[key].sentID, next.book[key].sentIntent = false, 0, 0
	m.emit(next, requestLost, int(key))
	m.execute(next, key, process{id: c.sentID, intent: c.sentIntent}, func(there world, res result) {
		m.emit(there, requestArrived.of(res), int(key))
	})
}

// forget is the end of the provider's memory of a key (F22). That is later than RESEND_MAX_AGE, and later than a request in
// the network arrives. A process that had not sent by then has slept for as long, and finds its time over.
func (m *machine) forget(w *world, key uint8) {
	c := w.book[key]
	if !c.keyed || c.onItsWay && m.Without != RequestsArriveInTime {
		return
	}
	for j := range m.intents {
		pay := &w.pg.payments[j]
		if pay.key == key && pay.status != noPayment && !pay.old && m.Without != KeysOutliveResends {
			return
		}
	}
	next := *w
	next.book[key].keyed = false
	for p := range m.all {
		me := &next.procs[p]
		switch {
		case me.key != key || m.Without == KeysOutliveResends:
		case me.pc == calling:
			me.pc = overslept
		case me.pc == resending:
			me.pc = oversleptResend
		}
	}
	m.emit(next, keyForgotten, int(key))
}

// wake is a process that slept before its send for longer than the provider remembers keys: the clock forbids to send.
func (m *machine) wake(w *world, p int) {
	late := w.procs[p].pc
	switch {
	case late == overslept && m.Sabotage == SentTooLate:
		m.call(w, p)
	case late == oversleptResend && m.Sabotage == SentTooLate:
		m.resend(w, p)
	case late == overslept:
		m.callTooLate(w, p, wokeTooLate)
	default:
		m.postpone(*w, p, wokeTooLate)
	}
}

// mayBeSent tells whether a request under a provider key can still leave, or is on its way.
func (m *machine) mayBeSent(w *world, key uint8) bool {
	for p := range m.all {
		if me := &w.procs[p]; me.key == key && (me.pc == calling || me.pc == resending) {
			return true
		}
	}
	return w.book[key].onItsWay
}
