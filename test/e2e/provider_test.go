package e2e

import (
	"net/http"
	"testing"

	"github.com/payonce/payonce/test/service"
)

// status reads how a payment stands.
func (s *shop) status(payment string) (status, reason string) {
	s.t.Helper()
	resp := s.Get("/v1/payments/" + payment)
	return resp.Field("status"), resp.Field("status_reason")
}

// A provider that answers 500 under a key for ever never charged; a person has to decide, and the service doesn't guess "failed".
func TestAProviderThatKeepsFailingEndsInAReview(t *testing.T) {
	t.Parallel()
	s := open(t, service.Options{Env: service.ShortLeases("RESEND_MAX_AGE", "2s")})
	order := s.CreateOrder()
	first := s.pay(order, "pm_sim_error_stored", "stored-error")
	service.Wants(t, "the first answer", first, http.StatusAccepted, "")
	service.Until(t, "the payment is marked for review", func() bool {
		status, reason := s.status(first.Field("id"))
		if status != "processing" {
			t.Fatalf("got the status %s, want processing", status)
		}
		return reason == "needs_review"
	})
	if n := s.number("SELECT count(*) FROM discrepancies"); n != 1 {
		t.Errorf("got %d discrepancies, want one", n)
	}
	s.check()
	s.counts(1, 0)
}

func TestAProviderThatRefusesConnectionsLeavesNoTrace(t *testing.T) {
	t.Parallel()
	s := open(t, service.Options{Env: service.ShortLeases()})
	order := s.CreateOrder()
	s.provider().RefuseConnections()
	for range 15 { // more than the breaker takes to open
		resp := s.pay(order, "pm_card_visa", "refused")
		if resp.Status == http.StatusConflict {
			continue // a left-over marker, which ends by itself within a second
		}
		service.Wants(t, "while it is away", resp, http.StatusServiceUnavailable, "unavailable")
		if resp.Header.Get("Retry-After") == "" {
			t.Errorf("got %s without Retry-After, want one", resp)
		}
	}
	if n := s.number("SELECT count(*) FROM payments"); n != 0 {
		t.Errorf("got %d payments, want none", n)
	}
	if n := s.number("SELECT count(*) FROM idempotency_keys WHERE operation IS NOT NULL"); n != 0 {
		t.Errorf("got %d records, want none", n)
	}
	if n := s.number("SELECT amount_reserved FROM orders"); n != 0 {
		t.Errorf("got %d reserved on the order, want 0", n)
	}
	s.provider().AcceptConnections()
	resp := service.Insist(s.t, "the provider is asked again", func() service.Response { return s.pay(order, "pm_card_visa", "refused") })
	service.Wants(t, "once it is back", resp, http.StatusCreated, "")
	s.check()
	s.counts(1, 1)
}

func TestARequestThatTheProviderRefusesSpendsNoKey(t *testing.T) {
	t.Parallel()
	s := open(t, service.Options{Env: service.ShortLeases()})
	order := s.CreateOrder()
	service.Wants(t, "an unknown payment method", s.pay(order, "pm_nobody_knows", "refused"), http.StatusUnprocessableEntity, "provider-rejected")
	resp := service.Insist(s.t, "the key is free", func() service.Response { return s.pay(order, "pm_card_visa", "refused") })
	service.Wants(t, "with a payment method that exists", resp, http.StatusCreated, "")
	s.check()
	s.counts(1, 1)
}

// What the provider never tries is canceled there when it is too old to be sent again, and only then is the order free.
func TestAnIntentThatIsNeverTriedIsCanceledAndFreesItsOrder(t *testing.T) {
	t.Parallel()
	s := open(t, service.Options{Env: service.ShortLeases("RESEND_MAX_AGE", "10s")})
	order := s.CreateOrder()
	first := s.pay(order, "pm_sim_untried", "untried")
	service.Wants(t, "the first key", first, http.StatusAccepted, "")
	service.Wants(t, "a second key meanwhile", s.pay(order, "pm_card_visa", "second"), http.StatusConflict, "order-not-payable")
	service.Until(t, "the payment is canceled", func() bool {
		status, _ := s.status(first.Field("id"))
		if status != "processing" && status != "canceled" {
			t.Fatalf("got the status %s, want processing or canceled", status)
		}
		return status == "canceled"
	})
	service.Wants(t, "another key afterwards", s.pay(order, "pm_card_visa", "third"), http.StatusCreated, "")
	if n := s.number("SELECT count(*) FROM discrepancies"); n != 0 {
		t.Errorf("got %d discrepancies, want none", n)
	}
	s.check()
	s.counts(2, 1)
}
