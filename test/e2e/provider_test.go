package e2e

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/payonce/payonce/test/service"
)

// status reads how a payment stands.
func (s *shop) status(payment string) (status, reason string) {
	s.t.Helper()
	resp := s.Get("/v1/payments/" + payment)
	return resp.Field("status"), resp.Field("status_reason")
}

func TestAnOutcomeThatIsNotKnownIsAcceptedAndResolvedLater(t *testing.T) {
	t.Parallel()
	s := open(t, service.Options{Env: hasty("PROVIDER_TIMEOUT", "300ms")})
	t.Run("by what the provider does", func(t *testing.T) {
		for method, test := range map[string]struct{ reason, later string }{
			"pm_sim_timeout_charged":     {"outcome_unknown", "succeeded"},
			"pm_sim_timeout_not_charged": {"outcome_unknown", "succeeded"},
			"pm_sim_reset_charged":       {"outcome_unknown", "succeeded"},
			"pm_sim_error_then_ok":       {"outcome_unknown", "succeeded"},
			"pm_sim_wrong_amount":        {"needs_review", "processing"},
		} {
			t.Run(method, func(t *testing.T) {
				t.Parallel()
				s.resolvesLater(t, method, test.reason, test.later)
			})
		}
	})
	s.check()
	s.counts(5, 5)
}

// resolvesLater pays with a method whose outcome stays unknown at first.
func (s *shop) resolvesLater(t *testing.T, method, reason, later string) {
	order := s.CreateOrder()
	first := s.pay(order, method, method)
	wants(t, "the first answer", first, http.StatusAccepted, "")
	if first.Field("status") != "processing" || first.Field("status_reason") != reason {
		t.Errorf("the first answer: %s", first)
	}
	if first.Took > 5*time.Second {
		t.Errorf("it took %s", first.Took)
	}
	service.Until(t, "the payment is resolved", func() bool { status, _ := s.status(first.Field("id")); return status == later })
	again := s.pay(order, method, method)
	if !again.Replayed() || !again.Same(first) {
		t.Errorf("replay: %s", again)
	}
	wants(t, "another key for the order", s.pay(order, "pm_card_visa", method+"-second"), http.StatusConflict, "order-not-payable")
	charges := 0
	for _, charge := range s.provider().Charges() {
		if charge.Metadata["payment_id"] == first.Field("id") {
			charges++
		}
	}
	if charges != 1 {
		t.Errorf("%d charges", charges)
	}
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

func TestADeclineIsAnOutcomeAndFreesTheOrder(t *testing.T) {
	t.Parallel()
	s := open(t, service.Options{})
	order := s.CreateOrder()
	first := s.pay(order, "pm_card_chargeDeclinedInsufficientFunds", "declined")
	wants(t, "the first answer", first, http.StatusPaymentRequired, "payment-declined")
	sent := s.provider().Sent()
	if again := s.pay(order, "pm_card_chargeDeclinedInsufficientFunds", "declined"); !again.Replayed() || !again.Same(first) {
		t.Errorf("replay: %s", again)
	}
	if s.provider().Sent() != sent {
		t.Error("the replay asked the provider")
	}
	wants(t, "another card", s.pay(order, "pm_card_visa", "second-card"), http.StatusCreated, "")
	s.check()
	s.counts(2, 1)
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

func TestAClientThatHangsUpChangesNothing(t *testing.T) {
	t.Parallel()
	for name, hold := range map[string]func(*service.Simulator){
		"before the charge": (*service.Simulator).HoldRequests, "after the charge": (*service.Simulator).HoldAnswers,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := open(t, service.Options{})
			order := s.CreateOrder()
			hold(s.provider())
			ctx, hangUp := context.WithCancel(t.Context())
			gone := make(chan service.Response, 1)
			go func() {
				gone <- s.Send(ctx, http.MethodPost, "/v1/payments", "hung-up", service.PaymentBody(order, "pm_card_visa"))
			}()
			service.Until(t, "the call is held", func() bool { return s.provider().Held() == 1 })
			hangUp()
			if resp := <-gone; resp.Err == nil {
				t.Fatalf("the client has an answer: %s", resp)
			}
			wants(t, "a retry meanwhile", s.pay(order, "pm_card_visa", "hung-up"), http.StatusConflict, "idempotency-request-in-flight")
			s.provider().Release()
			again := s.insist("the work is done", func() service.Response { return s.pay(order, "pm_card_visa", "hung-up") })
			if again.Status != http.StatusCreated || !again.Replayed() {
				t.Errorf("retry: %s", again)
			}
			s.check()
			s.counts(1, 1)
			if n := s.number("SELECT fence FROM idempotency_keys WHERE operation IS NOT NULL"); n != 1 {
				t.Errorf("fence %d: somebody else finished it", n)
			}
		})
	}
}
