package simulator

// createRefund gives back captured money, at most what was received and is not refunded yet.
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
	r := found.changed()
	left := r.Intent.AmountReceived - r.Refunded
	if left <= 0 {
		return effect{stored: true, answer: invalid("charge_already_refunded", "payment_intent", "Nothing is left to refund.")}
	}
	if amount == 0 {
		amount = left
	}
	if amount > left {
		return effect{stored: true, answer: invalid("", "amount", "Refund amount is greater than what is left unrefunded.")}
	}
	r.Refunded += amount
	made := &refundRecord{Account: c.account, Refund: refund{
		ID: newID("re_"), Object: "refund", Amount: amount, Created: s.created(), Currency: r.Intent.Currency,
		Metadata: metadata, PaymentIntent: id, Reason: reason, Status: statusSucceeded,
	}}
	return effect{entry: entry{Intent: r, Refund: made}, stored: true, answer: success(made.Refund)}
}
