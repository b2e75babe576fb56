package e2e

import (
	"net/http"
	"testing"

	"github.com/payonce/payonce/idempotency"
	"github.com/payonce/payonce/test/service"
)

// The replica of a request that gives a payment's key up dies at each of its steps. Sent again to the next process, it undoes the
// payment, once.
func TestGivingUpAPaymentOutlivesItsReplicaAtAnyStep(t *testing.T) {
	t.Parallel()
	s := open(t, service.Options{Build: service.Failpoints(), Env: service.ShortLeases()})
	for _, step := range []idempotency.Step{
		idempotency.StepEntered, idempotency.StepBegun, idempotency.StepClaimed, idempotency.StepCalling, idempotency.StepAnswered,
		idempotency.StepCompleting, idempotency.StepCommitted, idempotency.StepPublished,
	} {
		key := "given-up-" + string(step)
		paid := service.Insist(t, "the payment", func() service.Response { return s.pay(s.CreateOrder(), "pm_card_visa", key) })
		service.Wants(t, "the payment", paid, http.StatusCreated, "")
		giveUp := func() service.Response { return s.Post("/v1/idempotency-keys/"+key+"/cancel", "gives-up-"+key, "") }
		s.service.Hold(step)
		first := make(chan service.Response, 1)
		go func() { first <- giveUp() }()
		service.Until(t, "it is held", func() bool { return s.service.HeldAt(step) == 1 })
		s.service.Kill()
		<-first
		s.service.Restart()
		again := service.Insist(t, "it is answered", giveUp)
		if effect := again.Field("effect"); again.Status != http.StatusOK && again.Status != http.StatusAccepted || effect != "refunded" && effect != "pending" {
			t.Errorf("%s: got %s, want it undone, or to be", step, again)
		}
		service.Until(t, "the payment is undone", func() bool { return s.Get("/v1/idempotency-keys/"+key).Field("canceled_at") != "" })
	}
	if n := s.number("SELECT count(*) FROM payments WHERE amount_refunded <> amount_captured OR amount_captured = 0"); n != 0 {
		t.Errorf("got %d payments of which something is left, want none", n)
	}
	if n := s.number("SELECT count(*) FROM refunds") - s.number("SELECT count(*) FROM payments"); n != 0 {
		t.Errorf("got %d refunds more than payments, want one of each", n)
	}
	s.check()
}

// The promise to undo a payment whose outcome is not known is kept by whichever process finds the outcome.
func TestThePromiseToUndoAPaymentOutlivesItsReplica(t *testing.T) {
	t.Parallel()
	s := open(t, service.Options{Env: service.ShortLeases()})
	open := s.pay(s.CreateOrder(), "pm_sim_timeout_charged", "given-up")
	service.Wants(t, "the payment", open, http.StatusAccepted, "")
	given := service.Insist(t, "it is given up", func() service.Response { return s.Post("/v1/idempotency-keys/given-up/cancel", "gives-up", "") })
	if status := given.Status; status != http.StatusAccepted && status != http.StatusOK {
		t.Errorf("got %s, want 202, or 200 where the outcome was found in time", given)
	}
	s.service.Kill()
	s.service.Restart()
	service.Until(t, "the payment is undone", func() bool { return s.Get("/v1/idempotency-keys/given-up").Field("canceled_at") != "" })
	if n := s.number("SELECT count(*) FROM refunds WHERE status = 'succeeded'"); n != 1 {
		t.Errorf("got %d refunds, want one", n)
	}
	s.check()
}
