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

// A provider that answers 500 under a key for ever never charged; a person has to decide, and nobody guesses "failed".
func TestAProviderThatKeepsFailingEndsInAReview(t *testing.T) {
	t.Parallel()
	s := open(t, service.Options{Env: hasty("RESEND_MAX_AGE", "2s")})
	order := s.CreateOrder()
	first := s.pay(order, "pm_sim_error_stored", "stored-error")
	wants(t, "the first answer", first, http.StatusAccepted, "")
	service.Until(t, "the payment is marked for review", func() bool {
		status, reason := s.status(first.Field("id"))
		if status != "processing" {
			t.Fatalf("it became %s", status)
		}
		return reason == "needs_review"
	})
	if n := s.number("SELECT count(*) FROM discrepancies"); n != 1 {
		t.Errorf("%d discrepancies", n)
	}
	s.check()
	s.counts(1, 0)
}

func TestAProviderThatRefusesConnectionsLeavesNoTrace(t *testing.T) {
	t.Parallel()
	s := open(t, service.Options{Env: hasty()})
	order := s.CreateOrder()
	s.provider().RefuseConnections()
	for range 15 { // more than the breaker takes to open
		resp := s.pay(order, "pm_card_visa", "refused")
		if resp.Status == http.StatusConflict {
			continue // a left-over hint: the second that DESIGN allows it
		}
		wants(t, "while it is away", resp, http.StatusServiceUnavailable, "unavailable")
		if resp.Header.Get("Retry-After") == "" {
			t.Error("no Retry-After")
		}
	}
	if n := s.number("SELECT count(*) FROM payments"); n != 0 {
		t.Errorf("%d payments", n)
	}
	if n := s.number("SELECT count(*) FROM idempotency_keys WHERE operation IS NOT NULL"); n != 0 {
		t.Errorf("%d records", n)
	}
	if n := s.number("SELECT amount_reserved FROM orders"); n != 0 {
		t.Errorf("%d is still reserved on the order", n)
	}
	s.provider().AcceptConnections()
	resp := s.insist("the provider is asked again", func() service.Response { return s.pay(order, "pm_card_visa", "refused") })
	wants(t, "once it is back", resp, http.StatusCreated, "")
	s.check()
	s.counts(1, 1)
}

func TestARequestThatTheProviderRefusesSpendsNoKey(t *testing.T) {
	t.Parallel()
	s := open(t, service.Options{Env: hasty()})
	order := s.CreateOrder()
	wants(t, "an unknown payment method", s.pay(order, "pm_nobody_knows", "refused"), http.StatusUnprocessableEntity, "provider-rejected")
	resp := s.insist("the key is free", func() service.Response { return s.pay(order, "pm_card_visa", "refused") })
	wants(t, "with a payment method that exists", resp, http.StatusCreated, "")
	s.check()
	s.counts(1, 1)
}
