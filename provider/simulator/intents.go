package simulator

import (
	"net/http"
	"net/url"
)

// maxAmount is Stripe's widest limit: twelve digits.
const maxAmount = 999_999_999_999

// createIntent creates and confirms. What Stripe would refuse while reading the parameters is not stored; what it would
// find out while executing (no such payment method, a decline) is.
func (s *Simulator) createIntent(c *call) effect {
	r, refusal := parseCreate(c.form)
	if refusal != nil {
		return refused(refusal)
	}
	name := c.form.Get("payment_method")
	m, ok := methodOf(name)
	if !ok {
		return effect{stored: true, answer: invalid(codeResourceMissing, "payment_method", "No such PaymentMethod: '"+name+"'")}
	}
	failure := problem(http.StatusInternalServerError, wireError{Type: typeAPIError, Message: "An unknown error occurred."})
	switch {
	case m.failForever:
		return effect{stored: true, answer: failure}
	case m.failFirst && !c.tripped:
		return effect{tripped: true, answer: failure, fault: m.lost}
	}
	r.Account, r.Key = c.account, c.key
	r.Intent.ID, r.Intent.Created = newID("pi_"), s.created()
	r.Intent.Amount += m.surplus
	e := effect{entry: entry{Intent: r}, stored: true}
	switch {
	case m.declineCode != "":
		r.decline("card_declined", m.declineCode, "Your card was declined.")
		declined := *r.Intent.LastPaymentError
		declined.PaymentIntent = &r.Intent
		e.answer = problem(http.StatusPaymentRequired, declined)
		return e
	case m.authenticate:
		r.Intent.Status = statusRequiresAction
		r.Intent.NextAction = &nextAction{
			Type:          "redirect_to_url",
			RedirectToURL: redirectToURL{URL: c.origin + "/simulator/authenticate/" + url.PathEscape(r.Intent.ID)},
		}
	default:
		r.charge()
	}
	e.answer = success(r.Intent)
	if !m.failFirst {
		e.fault = m.lost
	}
	return e
}

// parseCreate checks the form as Stripe does and makes the intent it describes, without an id.
func parseCreate(form url.Values) (*record, *answer) {
	p := newParams(form)
	in := intent{
		Object: "payment_intent", ConfirmationMethod: "automatic", PaymentMethodTypes: []string{"card"},
		Amount: p.amount("amount", true), Currency: p.required("currency"),
		CaptureMethod: p.oneOf("capture_method", "automatic", "automatic_async", "manual"),
		Metadata:      p.metadata(), Description: p.optional("description"), PaymentMethod: p.optional("payment_method"),
	}
	if p.required("confirm") != "true" {
		p.refuse(codeParameterMissing, "confirm", "This simulator makes confirmed payment intents only: send confirm=true.")
	}
	if !isCurrency(in.Currency) {
		p.refuse("", "currency", "Invalid currency: "+in.Currency)
	}
	if in.PaymentMethod == nil {
		p.refuse(codeParameterMissing, "payment_method", "You cannot confirm this PaymentIntent because it's missing a payment method.")
	}
	p.ignore("payment_method_types[]", "payment_method_types[0]", "automatic_payment_methods[enabled]",
		"automatic_payment_methods[allow_redirects]", "return_url", "off_session", "error_on_requires_action")
	if in.CaptureMethod == "" {
		in.CaptureMethod = "automatic"
	}
	return &record{Intent: in}, p.refusal()
}

// captureIntent moves money that is held: all of it, or amount_to_capture, and releases the rest unless final_capture=false.
func (s *Simulator) captureIntent(c *call) effect {
	found := s.intentOf(c.account, c.id)
	if found == nil {
		return refused(notFound("payment_intent", c.id))
	}
	p := newParams(c.form)
	amount, metadata := p.amount("amount_to_capture", false), p.metadata()
	final := p.oneOf("final_capture", "true", "false") != "false"
	if refusal := p.refusal(); refusal != nil {
		return refused(refusal)
	}
	r := found.changed()
	in := &r.Intent
	if in.Status != statusRequiresCapture {
		return unexpectedState(in, "captured")
	}
	if amount == 0 {
		amount = in.AmountCapturable
	}
	if amount > in.AmountCapturable {
		return effect{stored: true, answer: invalid("amount_too_large", "amount_to_capture",
			"The amount is larger than what can be captured.")}
	}
	in.AmountReceived += amount
	in.AmountCapturable -= amount
	if final || in.AmountCapturable == 0 {
		in.AmountCapturable, in.Status = 0, statusSucceeded
	}
	r.merge(metadata)
	return effect{entry: entry{Intent: r}, stored: true, answer: success(*in)}
}

// cancelIntent releases what is held. An intent of which a part was captured ends as succeeded, for its money has moved.
func (s *Simulator) cancelIntent(c *call) effect {
	found := s.intentOf(c.account, c.id)
	if found == nil {
		return refused(notFound("payment_intent", c.id))
	}
	p := newParams(c.form)
	reason := p.oneOf("cancellation_reason", "duplicate", "fraudulent", "requested_by_customer", "abandoned")
	if refusal := p.refusal(); refusal != nil {
		return refused(refusal)
	}
	r := found.changed()
	in := &r.Intent
	switch in.Status {
	case statusRequiresCapture, statusRequiresAction, statusRequiresMethod:
	default:
		return unexpectedState(in, "canceled")
	}
	now := s.created()
	in.AmountCapturable, in.NextAction, in.CanceledAt = 0, nil, &now
	if reason != "" {
		in.CancellationReason = &reason
	}
	in.Status = statusCanceled
	if in.AmountReceived > 0 {
		in.Status = statusSucceeded
	}
	return effect{entry: entry{Intent: r}, stored: true, answer: success(*in)}
}

func unexpectedState(in *intent, verb string) effect {
	return effect{stored: true, answer: problem(http.StatusBadRequest, wireError{
		Code: codeUnexpectedState, PaymentIntent: in,
		Message: "This PaymentIntent could not be " + verb + " because it has a status of " + in.Status + ".",
	})}
}

// charge moves or holds the whole amount.
func (r *record) charge() {
	in := &r.Intent
	in.NextAction, in.LastPaymentError = nil, nil
	if in.CaptureMethod == "manual" {
		in.Status, in.AmountCapturable = statusRequiresCapture, in.Amount
		return
	}
	in.Status, in.AmountReceived = statusSucceeded, in.Amount
}

// decline leaves the intent waiting for another payment method, as Stripe does.
func (r *record) decline(code, declineCode, message string) {
	r.Intent.Status, r.Intent.NextAction, r.Intent.PaymentMethod = statusRequiresMethod, nil, nil
	r.Intent.LastPaymentError = &wireError{Type: typeCardError, Code: code, DeclineCode: declineCode, Message: message}
}

// merge adds metadata to the copy's own; an empty value removes, as in Stripe's protocol.
func (r *record) merge(metadata map[string]string) {
	for name, value := range metadata {
		if value == "" {
			delete(r.Intent.Metadata, name)
			continue
		}
		r.Intent.Metadata[name] = value
	}
}
