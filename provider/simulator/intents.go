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
	if c.started != "" {
		return s.answerStarted(c)
	}
	r, refusal := parseCreate(c.form)
	if refusal != nil {
		return refused(refusal)
	}
	name := c.form.Get("payment_method")
	m, ok := methodOf(name)
	if !ok {
		return effect{stored: true, answer: invalid(codeResourceMissing, "payment_method", "No such PaymentMethod: '"+name+"'")}
	}
	if e, broken := c.breaks(); broken {
		return e
	}
	r.Account, r.Key = c.account, c.key
	r.Intent.ID, r.Intent.Created = newID("pi_"), s.created()
	r.Intent.Amount = c.fault.wrong(r.Intent.Amount, maxAmount)
	switch {
	case c.fault.declineCode != "":
		r.decline("card_declined", c.fault.declineCode, "Your card was declined.")
		e := c.fault.declined(&r.Intent)
		e.entry = entry{Intent: r}
		return e
	case m.authenticate:
		r.ask(c.origin)
	case len(m.course) > 0:
		r.begin(m.course)
		if m.hang {
			c.started = r.Intent.ID
			return effect{entry: entry{Intent: r}, then: s.answerStarted, delay: r.left()}
		}
	case m.leave:
		r.Intent.Status = statusRequiresMethod
	default:
		r.charge()
	}
	return c.done(entry{Intent: r}, success(r.Intent))
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
	back := p.get("return_url")
	if back != "" && originOf(back) == "" {
		p.refuse("url_invalid", "return_url", "Not a valid URL")
	}
	p.ignore("payment_method_types[]", "payment_method_types[0]", "automatic_payment_methods[enabled]",
		"automatic_payment_methods[allow_redirects]", "off_session", "error_on_requires_action")
	if in.CaptureMethod == "" {
		in.CaptureMethod = "automatic"
	}
	if p.first == nil {
		p.first = indivisible("amount", in.Amount, in.Currency)
	}
	return &record{Intent: in, ReturnURL: back}, p.refusal()
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
	if e, broken := c.breaks(); broken {
		return e
	}
	r := found.changed()
	in := &r.Intent
	if c.fault.declineCode != "" {
		return c.fault.declined(in)
	}
	switch in.Status {
	case statusRequiresCapture, statusRequiresAction, statusRequiresMethod, statusRequiresConfirm:
	default:
		return unexpectedState(in, "canceled")
	}
	now := s.created()
	in.AmountCapturable, in.NextAction, in.CanceledAt = 0, nil, &now
	if reason != "" {
		in.CancellationReason = &reason
	}
	in.Status, r.Course = statusCanceled, nil
	if in.AmountReceived > 0 {
		in.Status = statusSucceeded
	}
	return c.done(entry{Intent: r}, success(*in))
}

func unexpectedState(in *intent, verb string) effect {
	return effect{stored: true, answer: problem(http.StatusBadRequest, wireError{
		Code: codeUnexpectedState, PaymentIntent: in,
		Message: "This PaymentIntent could not be " + verb + " because it has a status of " + in.Status + ".",
	})}
}

// ask sends the customer to the page that stands in for a bank's.
func (r *record) ask(origin string) {
	r.Intent.Status = statusRequiresAction
	page := redirectToURL{URL: origin + "/simulator/authenticate/" + url.PathEscape(r.Intent.ID)}
	if r.ReturnURL != "" {
		page.ReturnURL = &r.ReturnURL
	}
	r.Intent.NextAction = &nextAction{Type: "redirect_to_url", RedirectToURL: page}
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
