package model

// violation is a broken promise.
type violation uint8

const (
	fine violation = iota
	twoCharges
	twoChargesForRequest
	twoChargesForKey
	twoChargesForOrder
	twoPayments
	secondLivePayment
	ledgerDiffers
	chargeWithoutPayment
	paymentWithoutCharge
	failedWhileCharged
	rowsDisagree
	effectWithoutRecord
	toldUncommitted
	cachedUncommitted
	twoAnswers
	anothersReply
	readUnderAnothersName
	staleTimeline
	notAnOutcome
	forbiddenArrow
	lateWrite
	releasedAfterTakeover
	takenOverTooEarly
	takenForMine
	falseRefusal
	falseRollback
	keptByPrimaryKey
	abandonedWithoutFault
	markerReleasedOpen
	answeredWithoutResponse
	secondChargeUnseen
	outcomeRefused
	falseAdvice
	refusedByItself
	givenUpExecuted
	neverCompletes
)

// violations says what each of them means.
var violations = [...]string{
	fine:                    "",
	twoCharges:              "two charges under one provider key",
	twoChargesForRequest:    "two charges for one request under two provider keys",
	twoChargesForKey:        "two charges for one key",
	twoChargesForOrder:      "two charges for one order",
	twoPayments:             "two payments under one key",
	secondLivePayment:       "a second live payment for one order was about to be made; only the unique index was left to refuse it",
	ledgerDiffers:           "succeeded payments and ledger entries differ",
	chargeWithoutPayment:    "a charge belongs to no payment",
	paymentWithoutCharge:    "a succeeded payment has no charge of its own",
	failedWhileCharged:      "a payment is failed although the provider has charged it",
	rowsDisagree:            "a record and its payment disagree",
	effectWithoutRecord:     "an effect stands without its record, or twice",
	toldUncommitted:         "a client was told an outcome that is not committed",
	cachedUncommitted:       "a cache holds an outcome that is not committed",
	twoAnswers:              "two different outcomes were told under one key",
	anothersReply:           "a request was answered with another request's outcome",
	readUnderAnothersName:   "Redis shows one merchant's value under another's name",
	staleTimeline:           "a replica that knows of the promotion served an outcome that may be lost",
	notAnOutcome:            "something that is no outcome was stored",
	forbiddenArrow:          "a record moved along no permitted arrow; only the trigger was left to refuse it",
	lateWrite:               "a process whose claim was taken over changed something",
	releasedAfterTakeover:   "a claim was released after a takeover, when an earlier owner may have been heard",
	takenOverTooEarly:       "a record was taken over while its lease ran",
	takenForMine:            "a record under another claim was taken for the own one",
	falseRefusal:            "a request was told that nothing is left, and its claim stands",
	falseRollback:           "a COMMIT was taken for rolled back although it had happened, or still could",
	keptByPrimaryKey:        "a second record for one key was about to be made; only the primary key was left to refuse it",
	abandonedWithoutFault:   "a claim was left to recovery although nothing was wrong with the stores",
	markerReleasedOpen:      "a marker was removed although its key is taken, or may be",
	answeredWithoutResponse: "an owner answers from its own record, whose response has expired",
	secondChargeUnseen:      "the provider shows two charges of one payment, and only one of them is seen",
	outcomeRefused:          "a copy of a request was refused although its outcome is stored",
	falseAdvice:             "safe_new_key was promised although the key has a record, or may get one",
	refusedByItself:         "a request was refused as in flight because of the record that it had committed itself",
	givenUpExecuted:         "something was made under a key that was given up before",
	neverCompletes:          "a key or a payment stays open for ever although no fault comes any more",
}

// check finds what is broken in a world. After a promotion that lost commits (F13) the promise is weaker: one charge a
// request, rows that agree, and one answer from then on; what the database lost is listed by reconciliation.
func (m *machine) check(w *world) violation {
	if m.counts(w.bad) {
		return w.bad
	}
	for i := range m.idents {
		if bad := m.checkRecord(w, uint8(i)); m.counts(bad) {
			return bad
		}
	}
	for j := range m.intents {
		if bad := m.checkPayment(w, uint8(j)); m.counts(bad) {
			return bad
		}
	}
	if bad := m.checkBook(w); m.counts(bad) {
		return bad
	}
	if bad := m.checkReplies(w); m.counts(bad) {
		return bad
	}
	return fine
}

// counts tells whether a violation ends the search.
func (m *machine) counts(bad violation) bool { return bad != fine && (m.seek == fine || m.seek == bad) }

// checkRecord: at most one payment a key, and it agrees with the record.
func (m *machine) checkRecord(w *world, i uint8) violation {
	rec := &w.pg.records[i]
	rows := 0
	for j := range uint8(len(m.intents)) {
		if m.intents[j].ident != i || w.pg.payments[j].status == noPayment {
			continue
		}
		rows++
		if rec.state == spent {
			return givenUpExecuted
		}
		if rec.state == absent || rec.state.known() && rec.intent != j {
			return rowsDisagree
		}
	}
	pay := &w.pg.payments[rec.intent]
	agree := true
	switch {
	case rec.state == inProgress:
		agree = pay.status == processing && pay.attempt == sent
	case rec.state == completed && rec.out == created:
		agree = pay.status == succeeded
	case rec.state == completed && rec.out == refusedCard:
		agree = pay.status == failed
	case rec.state == completed:
		agree = pay.status != noPayment
	}
	switch {
	case rows > 1:
		return twoPayments
	case !agree:
		return rowsDisagree
	}
	return fine
}

// checkPayment: one ledger entry if it succeeded, and one charge; none if it failed; one live payment an order.
func (m *machine) checkPayment(w *world, j uint8) violation {
	pay := &w.pg.payments[j]
	entries := uint8(0)
	if pay.status == succeeded {
		entries = 1
	}
	c := &w.book[pay.key]
	switch local := m.intents[j].Local; {
	case pay.ledger != entries && local:
		return effectWithoutRecord
	case pay.ledger != entries:
		return ledgerDiffers
	case local:
		return fine
	case pay.status.live() && !m.payable(w, j):
		return secondLivePayment
	case pay.status == succeeded && (c.charges == 0 || c.id != pay.id):
		return paymentWithoutCharge
	case pay.status == failed && c.charges > 0 && c.intent == j:
		return failedWhileCharged
	}
	return fine
}

// checkBook: one charge a provider key, a request, a key, and an order, and each belongs to a payment.
func (m *machine) checkBook(w *world) violation {
	for k := range w.book {
		c := &w.book[k]
		if c.charges == 0 {
			continue
		}
		if c.charges > 1 {
			return twoCharges
		}
		pay := &w.pg.payments[c.intent]
		if (w.timeline == 0 || pay.status != noPayment) && pay.id != c.id {
			return chargeWithoutPayment
		}
		for other := range k {
			if o := &w.book[other]; o.charges > 0 {
				if bad := m.checkPair(w, o.intent, c.intent); bad != fine {
					return bad
				}
			}
		}
	}
	return fine
}

// checkPair looks at two charges under different provider keys. A key that the database lost (F13) is new to it, also for
// another body, and so is an order that it doesn't know to be paid.
func (m *machine) checkPair(w *world, a, b uint8) violation {
	switch {
	case a == b:
		return twoChargesForRequest
	case w.timeline > 0:
		return fine
	case m.intents[a].ident == m.intents[b].ident:
		return twoChargesForKey
	case m.rivals(a, b):
		return twoChargesForOrder
	}
	return fine
}

// checkReplies: what clients were told and what caches hold is committed.
func (m *machine) checkReplies(w *world) violation {
	for i := range m.idents {
		if told := w.told[i]; told.intent != 0 && !m.backed(w, told) {
			return toldUncommitted
		}
		if slot := &w.redis[i]; slot.kind == published && !m.backed(w, slot.reply) {
			return cachedUncommitted
		}
		for on := range w.memory {
			if kept := w.memory[on][i]; kept.intent != 0 && !m.backed(w, kept) {
				return cachedUncommitted
			}
		}
	}
	return fine
}

// backed tells whether a reply stands in Postgres, or its time is over.
func (m *machine) backed(w *world, r reply) bool {
	rec := &w.pg.records[m.intents[r.intent-1].ident]
	if r.timeline != w.timeline || rec.state >= expired {
		return true
	}
	return rec.state == completed && rec.out == r.out && rec.intent == r.intent-1
}
