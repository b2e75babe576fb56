package operations_test

import (
	"errors"
	"testing"

	"github.com/google/uuid"

	"github.com/payonce/payonce/idempotency"
	"github.com/payonce/payonce/idempotency/postgres"
	"github.com/payonce/payonce/models"
	"github.com/payonce/payonce/operations"
)

func TestEachOutcomeOfAVoidLeavesItsRows(t *testing.T) {
	t.Parallel()
	e := voids()
	open := e.idle
	open.Record, open.Row, open.Attempt = "completed 202", "pending outcome_unknown canceled_by_merchant", "unknown t"
	gone := open
	gone.Provider = "canceled 0 0"
	others := open
	others.Provider = "succeeded 1999 0, capture 1999 succeeded"
	reviewed := others
	reviewed.Events = "discrepancy.opened 1"
	reviewed.Row, reviewed.Discrepancies = "pending needs_review canceled_by_merchant", "provider_differs"
	for name, test := range map[string]outcome{
		"slow_1":                   {status: 200, first: e.done, final: e.done},
		"declined":                 {status: 202, first: open, final: open}, // a cancellation can't be: not a clear answer
		"error_stored":             {status: 202, first: open, final: open},
		"canceled at the provider": {before: canceledElsewhere(), status: 202, first: gone, final: e.late()},
		"captured elsewhere":       {before: capturedElsewhere(), status: 202, first: others, final: reviewed},
	} {
		t.Run(name, func(t *testing.T) {
			openSimulated(t, e, "pm_card_visa").expectOutcome(name, test)
		})
	}
}

// What is left of a partly captured authorization is released, and what was captured stays.
func TestAVoidReleasesWhatIsLeftOfAPartlyCapturedPayment(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]string{"at once": "", "without an answer": "reset_done", "not done at first": "error_then_ok"} {
		t.Run(name, func(t *testing.T) {
			e := captures()
			e.begin = func(d *operations.Driver, req idempotency.Request, payment uuid.UUID) idempotency.Operation[*postgres.Tx] {
				return d.Capture(req, operations.CaptureInput{PaymentID: payment, Amount: 1200, RequestID: "req_pay"})
			}
			s := openSimulated(t, e, "pm_card_visa")
			s.askAndExpect(200)
			s.effect = voids()
			if fault != "" {
				s.effect.at = "capture" // at the provider it is a last capture of nothing
				s.fails(fault)
			}
			if out, _, err := s.askUnder("release", nil); err != nil || (out.Response.Status == 200) != (fault == "") {
				t.Fatalf("got %+v, %v", out, err)
			}
			s.checkAll()
			want := moved{
				Record: "completed 200", Row: "succeeded canceled_by_merchant", Attempt: "succeeded f",
				Payment: "succeeded canceled_by_merchant 1999 0 1200 799 0 0", Order: "partially_paid 0 1200 0",
				Ledger: "provider_clearing merchant_payable 1200", Events: "payment.succeeded 4",
				Provider: "succeeded 1200 0, capture 1200 succeeded, capture 0 released",
			}
			if fault != "" {
				want.Record = "completed 202"
			}
			s.expectMoved("in the end", want)
		})
	}
}

// A payment that waits for its customer is canceled, and the wait is over: what the customer does later changes nothing.
func TestAVoidEndsTheWaitForTheCustomer(t *testing.T) {
	e := voids()
	e.method = models.CaptureAutomatic
	s := openSimulated(t, e, "pm_card_authenticationRequired")
	s.askAndExpect(200)
	s.checkAll()
	want := e.done
	want.Payment = "canceled canceled_by_merchant 0 0 0 0 0 0"
	s.expectMoved("canceled", want)
	if got := s.query(`SELECT concat_ws(' ', status, next_check_at) FROM provider_attempts WHERE operation = 'authorize'`); got != "failed" {
		t.Errorf("the authorization's attempt: got %s, want failed, and no check", got)
	}
}

// The customer was faster: the payment is paid, and the void has failed.
func TestAVoidOfWhatTheCustomerHasPaidFails(t *testing.T) {
	e := voids()
	e.method = models.CaptureAutomatic
	s := openSimulated(t, e, "pm_card_authenticationRequired")
	s.line.before = func() { s.decides("succeed") }
	s.askAndExpect(202)
	s.checkAll()
	s.expectMoved("in the end", moved{
		Record: "completed 202", Row: "failed already_captured canceled_by_merchant", Attempt: "declined f", Payment: whole,
		Order: "paid 0 1999 0", Ledger: captureEntry, Events: "capture.succeeded 1, order.paid 2, payment.succeeded 3", Provider: "succeeded 1999 0",
	})
}

// At most one of authorize, capture and void is under way; a refund is not in their way.
func TestAVoidIsRefusedWhileACaptureIsUnderWay(t *testing.T) {
	s := openSimulated(t, captures(), "pm_card_visa")
	s.line.before = func() {
		driver, engine := s.replica(nil)
		req := s.request("void meanwhile")
		_, err := engine.Do(s.Context(), req, idempotency.Work[*postgres.Tx]{External: driver.Void(req, operations.VoidInput{PaymentID: s.payment})})
		if refused, ok := errors.AsType[*operations.NotPossibleError](err); !ok || !refused.Open || !errors.Is(err, models.ErrPaymentNotCancelable) {
			t.Errorf("a void meanwhile: got %v, want not cancelable for now", err)
		}
	}
	s.askAndExpect(200)
	s.expectMoved("in the end", captures().done)
}
