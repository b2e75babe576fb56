package faults

import (
	"net/http"
	"strings"
	"testing"

	"github.com/payonce/payonce/test/proxy"
	"github.com/payonce/payonce/test/service"
)

// The reasons that a payment may have while it is processing.
const (
	unknownOutcome = "outcome_unknown"
	needsReview    = "needs_review"
)

// impatient are settings under which a provider that says nothing is given up soon.
func impatient(more ...string) map[string]string {
	return settings(append([]string{"PROVIDER_TIMEOUT", "300ms", "COMPLETION_BUDGET", "2s", "IDEMPOTENCY_LEASE", "3s"}, more...)...)
}

// No answer, and no charge: the payment is accepted, looked for, sent again under the same key, and made once.
func TestF18TheProviderIsSilentAndDidNotCharge(t *testing.T) {
	t.Parallel()
	w := open(t, options{harmed: impatient()})
	in(t, "F18", s5, func(c *cell) {
		slow := w.isUnknown(c, "the provider loses it", "pm_sim_timeout_not_charged", unknownOutcome)
		held := w.toProvider.Arm(proxy.Fault{Kind: proxy.HoldRequest, Match: toPay})
		lost := w.isUnknown(c, "the network loses it", "pm_card_visa", unknownOutcome)
		if held.Hits() != 1 {
			c.Error("the call was not on its way for ever")
		}
		w.toProvider.ResetAll() // what was on its way never arrives
		held.Release()
		asked := w.areUnknown(c, "timeout_not_done", "", proxy.HoldRequest)
		for _, u := range []unresolved{slow, lost} {
			w.resolves(c, u)
			c.hit()
		}
		w.resolveLater(c, asked)
	})
}

// No answer, and a charge.
func TestF19TheProviderIsSilentAndCharged(t *testing.T) {
	t.Parallel()
	w := open(t, options{harmed: impatient()})
	in(t, "F19", s6, func(c *cell) {
		slow := w.isUnknown(c, "the provider is silent", "pm_sim_timeout_charged", unknownOutcome)
		broken := w.isUnknown(c, "the provider breaks the connection", "pm_sim_reset_charged", unknownOutcome)
		held := w.toProvider.Arm(proxy.Fault{Kind: proxy.HoldReply, Match: toPay})
		lost := w.isUnknown(c, "the network loses the answer", "pm_card_visa", unknownOutcome)
		if held.Hits() != 1 {
			c.Error("the answer was not on its way for ever")
		}
		held.Release()
		asked := w.areUnknown(c, "timeout_done", "reset_done", proxy.HoldReply)
		for _, u := range []unresolved{slow, broken, lost} {
			w.resolves(c, u)
			c.hit()
		}
		w.resolveLater(c, asked)
	})
}

// Whatever a provider says that is no clear answer: the outcome is unknown or for a person, and none of it is passed on.
func TestF20TheProviderTalksNonsense(t *testing.T) {
	t.Parallel()
	w := open(t, options{env: settings()})
	liar := startLiar(t, w.provider)
	if err := w.toProvider.Target(liar.server.URL); err != nil {
		t.Fatal(err)
	}
	in(t, "F20", s6, func(c *cell) {
		var all []unresolved
		var asked []*held
		for name, f := range liar.falsehoods() {
			before := liar.hits()
			liar.lies(f.lie)
			all = append(all, w.isUnknown(c, name, "pm_card_visa", f.reason))
			if liar.hits() != before+1 {
				c.Errorf("%s: it was not said", name)
			}
			if f.reason == unknownOutcome {
				asked = append(asked, w.toldNonsense(c, liar, name, f)...)
			}
			w.keepsBreakerClosed(c)
		}
		all = append(all, w.isUnknown(c, "500, and then an answer", "pm_sim_error_then_ok", unknownOutcome),
			w.isUnknown(c, "a larger charge", "pm_sim_wrong_amount", needsReview))
		for _, u := range all {
			w.resolves(c, u)
			c.hit()
		}
		w.resolveLater(c, asked)
		if n := liar.asked.Load(); n != 0 {
			c.Errorf("%d calls followed a redirect", n)
		}
	})
}

// areUnknown asks for each operation on payments where the provider, and then the network, keeps the answer back. A second fault
// of the provider's is optional.
func (w *world) areUnknown(c *cell, fault, second string, network proxy.Kind) (all []*held) {
	c.Helper()
	for _, k := range later() {
		for _, name := range []string{fault, second} {
			if name != "" {
				all = append(all, w.isUnknownLater(c, "the provider: "+name, w.newSubject(k, "pm_sim_"+k.spec().name+"_"+name)))
			}
		}
		s := w.newSubject(k, "pm_card_visa")
		kept := w.toProvider.Arm(proxy.Fault{Kind: network, Match: k.spec().call})
		all = append(all, w.isUnknownLater(c, "the network: "+string(network), s))
		if kept.Hits() != 1 {
			c.Errorf("%s: nothing was kept back", k)
		}
		if network == proxy.HoldRequest {
			w.toProvider.ResetAll() // what was on its way never arrives
		}
		kept.Release()
		w.keepsBreakerClosed(c)
	}
	return all
}

// keepsBreakerClosed gets a healthy answer from the provider. A busy machine may take longer for one than the service waits.
func (w *world) keepsBreakerClosed(c *cell) {
	c.Helper()
	paid := w.client.Pay(w.newOrder(), "pm_card_visa", newKey())
	for try := 0; try < 2 && paid.Status == http.StatusAccepted; try++ {
		paid = w.client.Pay(w.newOrder(), "pm_card_visa", newKey())
	}
	service.Wants(c.T, "a payment", paid, http.StatusCreated, "")
}

// toldNonsense asks for each operation on payments, and is told the same falsehood.
func (w *world) toldNonsense(c *cell, l *liar, name string, f falsehood) (all []*held) {
	c.Helper()
	for _, k := range later() {
		s, before := w.newSubject(k, "pm_card_visa"), l.hits()
		l.lies(f.lie)
		all = append(all, w.isUnknownLater(c, name, s))
		if l.hits() != before+1 {
			c.Errorf("%s: it was not said to a %s", name, k)
		}
	}
	return all
}

// isUnknownLater asks for something of a payment whose outcome is not known at first.
func (w *world) isUnknownLater(c *cell, what string, s subject) *held {
	c.Helper()
	h := &held{subject: s, place: place{name: what}, key: newKey()}
	h.first = h.send(c.Context(), w.client)
	service.Wants(c.T, h.String(), h.first, http.StatusAccepted, "")
	return h
}

// resolveLater: at last each was done once, and its key keeps the first answer.
func (w *world) resolveLater(c *cell, all []*held) {
	c.Helper()
	for _, h := range all {
		w.once(c.T, h, h.first)
		again := w.retry(h)
		if !again.Replayed() || !again.Same(h.first) {
			c.Errorf("%s: replay: %s", h, again)
		}
		c.passNothingOn(h.String(), h.first, again)
		c.hit()
	}
}

// unresolved is a payment whose outcome was not known at first.
type unresolved struct {
	what, order, method, key, reason string
	first                            service.Response
}

// isUnknown pays with a method whose outcome is not known at first.
func (w *world) isUnknown(c *cell, what, method, reason string) unresolved {
	c.Helper()
	u := unresolved{what: what, order: w.newOrder(), method: method, key: newKey(), reason: reason}
	u.first = w.client.Pay(u.order, method, u.key)
	service.Wants(c.T, what, u.first, http.StatusAccepted, "")
	if u.first.Field("status") != "processing" || u.first.Field("status_reason") != reason {
		c.Errorf("%s: the first answer: %s", what, u.first)
	}
	return u
}

// resolves: at last it is what is at the provider; in between never anything else.
func (w *world) resolves(c *cell, u unresolved) {
	c.Helper()
	var now service.Response
	service.Until(c.T, u.what+": the payment is resolved", func() bool {
		now = w.other.Get("/v1/payments/" + u.first.Field("id"))
		switch status := now.Field("status"); status {
		case "processing":
			return now.Field("status_reason") == needsReview
		case "succeeded":
			return true
		default:
			c.Fatalf("%s: it became %s", u.what, now)
		}
		return false
	})
	if want := map[string]string{unknownOutcome: "succeeded", needsReview: "processing"}[u.reason]; now.Field("status") != want {
		c.Errorf("%s: it became %s", u.what, now)
	}
	again := w.pay(u.order, u.method, u.key)
	if !again.Replayed() || !again.Same(u.first) {
		c.Errorf("%s: replay: %s", u.what, again)
	}
	service.Wants(c.T, "another key for the order", w.other.Pay(u.order, "pm_card_visa", newKey()), http.StatusConflict, "order-not-payable")
	if n := w.chargesOf(u.first); n != 1 {
		c.Errorf("%s: %d charges for %s", u.what, n, u.first)
	}
	c.passNothingOn(u.what, u.first, now, again)
}

// passNothingOn: no answer holds what the provider said.
func (c *cell) passNothingOn(what string, answers ...service.Response) {
	c.Helper()
	for _, resp := range answers {
		for name, values := range resp.Header {
			if strings.Contains(strings.Join(values, " "), secretWord) {
				c.Errorf("%s: the header %s passes on what the provider said", what, name)
			}
		}
		if strings.Contains(string(resp.Body), secretWord) {
			c.Errorf("%s: the body passes on what the provider said: %s", what, resp)
		}
	}
}

// A decline is an outcome: the same bytes for ever, the provider is not asked again, and the order is free for another card.
func TestF21TheProviderDeclines(t *testing.T) {
	t.Parallel()
	w := open(t, options{})
	in(t, "F21", s6, func(c *cell) {
		for _, method := range []string{"pm_card_chargeDeclined", "pm_card_chargeDeclinedInsufficientFunds"} {
			paid, key := w.newOrder(), newKey()
			first := w.client.Pay(paid, method, key)
			service.Wants(c.T, "the first answer", first, http.StatusPaymentRequired, "payment-declined")
			sent := w.provider.Sent()
			for _, at := range []*service.Client{w.client, w.other} {
				if again := at.Pay(paid, method, key); !again.Replayed() || !again.Same(first) {
					c.Errorf("replay: %s", again)
				}
			}
			if w.provider.Sent() != sent {
				c.Error("a replay asked the provider")
			}
			service.Wants(c.T, "another card", w.pay(paid, "pm_card_visa", newKey()), http.StatusCreated, "")
			c.hit()
		}
	})
}

// A provider that no longer knows keys would charge again: it is only asked what it did, and what it didn't is for a person.
func TestF22TheProviderHasForgottenItsKeys(t *testing.T) {
	t.Parallel()
	w := open(t, options{env: settings("RESEND_MAX_AGE", "0s")})
	in(t, "F22", s5, func(c *cell) {
		lost, sent := w.toProvider.Arm(proxy.Fault{Kind: proxy.CutRequest, Match: toPay}), w.provider.Sent()
		u := w.isUnknown(c, "the call is lost", "pm_card_visa", unknownOutcome)
		service.Until(c.T, "a person is asked", func() bool {
			now := w.other.Get("/v1/payments/" + u.first.Field("id"))
			return now.Field("status") == "processing" && now.Field("status_reason") == needsReview
		})
		if lost.Hits() != 1 || w.provider.Sent() != sent || w.chargesOf(u.first) != 0 {
			c.Errorf("%d calls were lost, %d sent", lost.Hits(), w.provider.Sent()-sent)
		}
		if n := w.number("SELECT count(*) FROM discrepancies WHERE kind = 'not_found_at_provider'"); n != 1 {
			c.Errorf("%d discrepancies", n)
		}
		c.hit()
	})
	in(t, "F22", s6, func(c *cell) {
		lost, sent := w.toProvider.Arm(proxy.Fault{Kind: proxy.CutReply, Match: toPay}), w.provider.Sent()
		w.resolves(c, w.isUnknown(c, "the answer is lost", "pm_card_visa", unknownOutcome))
		if lost.Hits() != 1 || w.provider.Sent() != sent+1 {
			c.Errorf("%d answers were lost, %d calls", lost.Hits(), w.provider.Sent()-sent)
		}
		c.hit()
	})
}
