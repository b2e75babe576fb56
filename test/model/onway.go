package model

// means is what a state at the provider says of a payment (interpretIntent in operations): one that can still move says nothing.
func (m *machine) means(res result) result {
	switch {
	case res == untried && m.Sabotage == UntriedIsDeclined:
		return declined
	case res == untried, res == confirming, res == unclear:
		return unknown
	}
	return res
}

// atWork is a provider that goes on with an intent that it shows already. It may leave an untried one as it is for ever; one
// that is being confirmed comes to its end.
func (m *machine) atWork(w *world, key uint8) {
	switch w.book[key].result {
	case untried:
		next := *w
		next.book[key].result = confirming
		m.emit(next, confirmationBegun, int(key))
	case confirming:
		m.decide(*w, key, func(next world, res result) { m.emit(next, confirmationEnded.of(res), int(key)) })
	}
}

// cancel is operation.cancelUntried for an intent that was untried when it was looked up. The provider confirms it, or is already
// confirming the payment and refuses; then the next look-up decides.
func (m *machine) cancel(w *world, p int) {
	next := *w
	me := &next.procs[p]
	c := &next.book[me.key]
	if c.result == untried || c.result == canceled {
		c.result = canceled
		lost := next
		m.postpone(lost, p, answerLost.of(canceled))
		me.pc, me.res = applying, canceled
		m.emit(next, providerCanceled, p)
		return
	}
	if m.Sabotage == CancelUnconfirmed {
		me.pc, me.res = applying, canceled
		m.emit(next, cancelRefused, p)
		return
	}
	m.postpone(next, p, cancelRefused)
}

// find is Client.Find: the provider's list, by the payment's id.
func (m *machine) find(w *world, id uint8) result {
	if w.unread {
		return unclear
	}
	for k := range w.book {
		if c := &w.book[k]; c.result != unknown && c.id == id {
			return c.result
		}
	}
	return unknown
}

// unstorable is an answer that the store would refuse at each check: it is left to a person (operation.notStorable).
func (m *machine) unstorable(w world, p int) {
	if m.Sabotage == RefusalRepeated {
		m.postpone(w, p, storeRefused)
		return
	}
	w.procs[p].pc = leaving
	m.emit(w, storeRefused, p)
}

// chargedTwice tells whether the provider's list shows two charges of a payment.
func (w *world) chargedTwice(id uint8) bool {
	for k := range w.book {
		if c := &w.book[k]; c.again && c.id == id {
			return !w.unread
		}
	}
	return false
}

// lists are the faults of the provider's book: it can't be read any more, or holds a charge that it made by mistake.
func (m *machine) lists(w *world) {
	if !w.unread {
		next := *w
		next.unread = true
		m.emit(next, listLost, 0)
	}
	for key := range w.book {
		if c := &w.book[key]; c.charges > 0 && !c.again {
			next := *w
			next.book[key].again = true
			m.emit(next, chargedAgain, key)
		}
	}
}
