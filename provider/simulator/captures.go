package simulator

import "slices"

// capture is what one capture took; Amount 0 is one that only released what was left.
type capture struct {
	ID        string `json:"id"`
	Key       string `json:"key,omitempty"` // the idempotency key that made it
	Operation string `json:"operation,omitempty"`
	Amount    int64  `json:"amount"`
}

// captureIntent moves money that is held: all of it, or amount_to_capture, and releases the rest unless final_capture=false. Of
// an intent that was captured in part, a final capture of 0 releases the rest.
func (s *Simulator) captureIntent(c *call) effect {
	found := s.intentOf(c.account, c.id)
	if found == nil {
		return refused(notFound("payment_intent", c.id))
	}
	p := newParams(c.form)
	amount, given := p.minorUnits("amount_to_capture", 0)
	metadata, final := p.metadata(), p.oneOf("final_capture", "true", "false") != "false"
	if refusal := p.refusal(); refusal != nil {
		return refused(refusal)
	}
	if refusal := indivisible("amount_to_capture", amount, found.Intent.Currency); refusal != nil {
		return refused(refusal)
	}
	if e, broken := c.breaks(); broken {
		return e
	}
	r := found.changed()
	in := &r.Intent
	switch {
	case in.Status != statusRequiresCapture:
		return unexpectedState(in, "captured")
	case c.fault.declineCode != "":
		return c.fault.declined(in)
	case !given:
		amount = in.AmountCapturable
	case amount == 0 && (!final || in.AmountReceived == 0):
		return effect{stored: true, answer: invalid(codeParameterInvalid, "amount_to_capture",
			"This value must be greater than or equal to 1, unless it releases what is left of a partly captured payment.")}
	case amount > in.AmountCapturable:
		return effect{stored: true, answer: invalid(codeAmountTooLarge, "amount_to_capture",
			"The amount is larger than what can be captured.")}
	}
	amount = c.fault.wrong(amount, in.AmountCapturable)
	in.AmountReceived += amount
	in.AmountCapturable -= amount
	if final || in.AmountCapturable == 0 {
		in.AmountCapturable, in.Status = 0, statusSucceeded
	}
	r.merge(metadata)
	r.Captures = append(slices.Clip(r.Captures), capture{newID("cap_"), c.key, metadata["operation_id"], amount})
	return c.done(entry{Intent: r}, success(*in))
}
