package simulator

import "time"

// refundCourse is what a refund goes through by itself; nil for a name that is none. A bank may send the money back long after
// the refund succeeded.
func refundCourse(name string) []stage {
	for prefix, words := range map[string][2]string{
		"pending_then_succeeded_": {statusPending, statusSucceeded},
		"pending_then_failed_":    {statusPending, statusFailed},
		"succeeded_then_failed_":  {statusSucceeded, statusFailed},
	} {
		if took := milliseconds(name, prefix); took >= 0 {
			return []stage{{0, words[0]}, {took.Milliseconds(), words[1]}}
		}
	}
	return nil
}

// createRefund gives back captured money, at most what was received and is not refunded yet. What a pending refund asks for
// counts as refunded until it fails.
func (s *Simulator) createRefund(c *call) effect {
	p := newParams(c.form)
	id := p.required("payment_intent")
	amount, metadata := p.amount("amount", false), p.metadata()
	reason := p.optional("reason")
	p.oneOf("reason", "duplicate", "fraudulent", "requested_by_customer")
	if refusal := p.refusal(); refusal != nil {
		return refused(refusal)
	}
	found := s.intentOf(c.account, id)
	if found == nil {
		return refused(notFound("payment_intent", id))
	}
	if refusal := indivisible("amount", amount, found.Intent.Currency); refusal != nil {
		return refused(refusal)
	}
	if e, broken := c.breaks(); broken {
		return e
	}
	r := found.changed()
	left := r.Intent.AmountReceived - r.Refunded
	switch {
	case r.Intent.AmountReceived == 0:
		return effect{stored: true, answer: invalid("", "payment_intent",
			"This PaymentIntent ("+id+") does not have a successful charge to refund.")}
	case left <= 0:
		return effect{stored: true, answer: invalid(codeAlreadyRefunded, "payment_intent", "Nothing is left to refund.")}
	case c.fault.declineCode != "":
		return c.fault.declined(nil)
	case amount == 0:
		amount = left
	case amount > left:
		return effect{stored: true, answer: invalid(codeAmountTooLarge, "amount", "Refund amount is greater than what is left unrefunded.")}
	}
	amount = c.fault.wrong(amount, left)
	made := &refundRecord{Account: c.account, Key: c.key, Refund: refund{
		ID: newID("re_"), Object: "refund", Amount: amount, Created: s.created(), Currency: r.Intent.Currency,
		Metadata: metadata, PaymentIntent: id, Reason: reason, Status: statusSucceeded,
	}}
	r.Refunded += amount
	now := time.Now().UnixMilli()
	made.Course = from(now, c.fault.course)
	made.advance(now, r)
	return c.done(entry{Intent: r, Refund: made}, success(made.Refund))
}

// advance makes happen what is due. A refund that fails gives its amount back to the intent, which is r's own copy.
func (made *refundRecord) advance(now int64, r *record) {
	for len(made.Course) > 0 && made.Course[0].At <= now {
		made.Refund.Status, made.Course = made.Course[0].Status, made.Course[1:]
		if made.Refund.Status == statusFailed {
			reason := "expired_or_canceled_card"
			made.Refund.FailureReason = &reason
			r.Refunded -= made.Refund.Amount
		}
	}
}
