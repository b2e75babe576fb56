package faults

import (
	"net/http"
	"testing"

	"github.com/payonce/payonce/test/proxy"
	"github.com/payonce/payonce/test/service"
)

// An intent that is still being confirmed can be seen meanwhile. Nothing ends by what is seen then, and no order is freed.
func TestF37TheProviderShowsAStateOnTheWay(t *testing.T) {
	t.Parallel()
	w := open(t, options{harmed: impatient()})
	in(t, "F37", s5, func(c *cell) { // the replica dies while its call is on its way
		order, key := w.newOrder(), newKey()
		intents, lost := w.provider.Intents(), make(chan service.Response, 1)
		go func() { lost <- w.client.Pay(order, "pm_sim_slow_visible_8000", key) }()
		service.Until(c.T, "the intent can be seen", func() bool { return w.provider.Intents() == intents+1 })
		w.harmed.Kill()
		<-lost
		first := service.Insist(c.T, "its lease ends", func() service.Response { return w.pay(order, "pm_sim_slow_visible_8000", key) })
		service.Wants(c.T, "the takeover's answer", first, http.StatusAccepted, "")
		w.resolves(c, unresolved{"a visible intent", order, "pm_sim_slow_visible_8000", key, unknownOutcome, first})
		c.hit()
		w.harmed.Restart()
	})
	w.client = w.other.At(w.harmed)
	in(t, "F37", s6, func(c *cell) {
		for what, method := range map[string]string{
			"untried, to be confirmed, processing": "pm_sim_slow_visible_4000", "processing": "pm_sim_processing_2500",
			"a word that is not in the table": "pm_sim_strange_2500",
		} {
			u := w.isUnknown(c, what, method, unknownOutcome)
			service.Wants(c.T, "another key meanwhile", w.other.Pay(u.order, "pm_card_visa", newKey()), http.StatusConflict, "order-not-payable")
			w.resolves(c, u)
			c.hit()
		}
	})
}

// However long the provider's list is, what became of a call is found; however long it fails, a person is told in the end.
func TestF38TheProvidersListIsLongOrFails(t *testing.T) {
	t.Parallel()
	long := open(t, options{env: impatient("PROVIDER_TIMEOUT", "5s", "IDEMPOTENCY_LEASE", "8s")})
	failing := open(t, options{env: impatient("RESEND_MAX_AGE", "2s")})
	in(t, "F38", s5, func(c *cell) {
		lost := long.toProvider.Arm(proxy.Fault{Kind: proxy.CutRequest, Match: toPay})
		u := long.isUnknown(c, "the call is lost", "pm_card_visa", unknownOutcome)
		long.provider.AddDeclined(15_000)
		long.resolves(c, u)
		if lost.Hits() == 1 {
			c.hit()
		}
		failing.isTold(c, "the call is lost", proxy.CutRequest)
	})
	in(t, "F38", s6, func(c *cell) {
		lost := long.toProvider.Arm(proxy.Fault{Kind: proxy.CutReply, Match: toPay})
		long.provider.FailLookUps(true)
		u := long.isUnknown(c, "the answer is lost", "pm_card_visa", unknownOutcome)
		long.provider.AddDeclined(15_000)
		long.provider.FailLookUps(false)
		long.resolves(c, u)
		if lost.Hits() == 1 {
			c.hit()
		}
		told := failing.isTold(c, "the answer is lost", proxy.CutReply)
		service.Until(c.T, "it settles by itself", func() bool {
			return failing.other.Get("/v1/payments/"+told.first.Field("id")).Field("status") == "succeeded"
		})
		failing.resolves(c, told)
		if n := failing.number(openDiscrepancies, hashOf(told.key)); n != 0 {
			c.Errorf("%d discrepancies are still open", n)
		}
	})
}

const openDiscrepancies = `SELECT count(*) FROM discrepancies d JOIN payments p ON p.merchant_id = d.merchant_id AND p.id = d.payment_id
	WHERE p.idempotency_key_hash = $1 AND d.resolved_at IS NULL`

// isTold pays while nothing can be looked up, until a person is asked. Then look-ups work again.
func (w *world) isTold(c *cell, what string, kind proxy.Kind) unresolved {
	c.Helper()
	lost, sent := w.toProvider.Arm(proxy.Fault{Kind: kind, Match: toPay}), w.provider.Sent()
	w.provider.FailLookUps(true)
	u := w.isUnknown(c, what, "pm_card_visa", unknownOutcome)
	service.Until(c.T, "a person is asked", func() bool {
		now := w.other.Get("/v1/payments/" + u.first.Field("id"))
		if now.Field("status") != "processing" {
			c.Fatalf("%s: it became %s", what, now)
		}
		return now.Field("status_reason") == needsReview
	})
	if n := w.number(openDiscrepancies+" AND d.kind = 'no_answer_from_provider'", hashOf(u.key)); n != 1 {
		c.Errorf("%s: %d open discrepancies, want one", what, n)
	}
	if lost.Hits() != 1 || w.provider.Sent() > sent+1 {
		c.Errorf("%s: %d calls were lost, %d sent", what, lost.Hits(), w.provider.Sent()-sent)
	}
	w.provider.FailLookUps(false)
	if _, err := w.db.ExecContext(c.Context(), "UPDATE provider_attempts SET next_check_at = now() WHERE next_check_at IS NOT NULL"); err != nil {
		c.Fatal(err)
	}
	c.hit()
	return u
}
