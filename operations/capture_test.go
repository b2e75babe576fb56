package operations_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/google/uuid"

	"github.com/payonce/payonce/idempotency"
	"github.com/payonce/payonce/idempotency/postgres"
	"github.com/payonce/payonce/models"
	"github.com/payonce/payonce/operations"
	"github.com/payonce/payonce/provider"
)

// outcome is what an effect leaves when the provider does something: with the answer, and after the checks.
type outcome struct {
	before       func(s *simulated) // nil: the fault of that name
	status       int
	first, final moved
}

func (s *simulated) expectOutcome(fault string, test outcome) {
	s.Helper()
	if test.before == nil {
		s.fails(fault)
	} else {
		test.before(s)
	}
	first := s.askAndExpect(test.status)
	s.expectMoved("with the answer", test.first)
	s.checkAll()
	s.expectMoved("after the checks", test.final)
	if again := s.askAndExpect(test.status); !bytes.Equal(again.Body, first.Body) {
		s.Errorf("asked again: got %s, want %s", again.Body, first.Body)
	}
}

// elsewhere is a request of another system to the same provider account.
func elsewhere(call func(s *simulated) provider.Outcome) func(*simulated) {
	return func(s *simulated) {
		s.Helper()
		if got := call(s); got != provider.Answered {
			s.Fatalf("the request from elsewhere: got %s, want answered", got)
		}
	}
}

func canceledElsewhere() func(*simulated) {
	return elsewhere(func(s *simulated) provider.Outcome {
		return s.line.Client.Cancel(s.Context(), provider.CancelRequest{Key: "elsewhere", Reference: s.intent()}).Outcome
	})
}

func capturedElsewhere() func(*simulated) {
	return elsewhere(func(s *simulated) provider.Outcome {
		return s.line.Client.Capture(s.Context(), provider.CaptureRequest{
			Currency: "EUR",
			Key:      "elsewhere", Reference: s.intent(), Amount: price, Final: true, OperationID: "cap_elsewhere",
			PaymentID: models.FormatID(models.PrefixPayment, s.payment), MerchantID: models.FormatID(models.PrefixMerchant, s.merchant),
		}).Outcome
	})
}

func TestEachOutcomeOfACaptureLeavesItsRows(t *testing.T) {
	t.Parallel()
	e := captures()
	declined := e.idle
	declined.Record, declined.Row, declined.Attempt, declined.Events = "completed 402", "failed generic_decline 1200 t", "declined f", "capture.failed 2"
	open := moved{
		Record: "completed 202", Row: "pending outcome_unknown 1200 t", Attempt: "unknown t", Payment: "requires_capture 1999 1200 0 0 0 0",
		Order: "pending_payment 1999 0 0", Events: "capture.pending 2", Provider: "requires_capture 0 0",
	}
	differs := open
	differs.Row, differs.Discrepancies = "pending needs_review 1200 t", "provider_differs"
	differs.Events = "capture.pending 2, discrepancy.opened 1"
	more := differs
	more.Provider = "succeeded 1201 0, capture 1201 succeeded"
	for name, test := range map[string]outcome{
		"slow_1":       {status: 200, first: e.done, final: e.done},
		"declined":     {status: 402, first: declined, final: declined},
		"wrong_amount": {status: 202, first: more, final: more},
		"error_stored": {status: 202, first: open, final: open},
	} {
		t.Run(name, func(t *testing.T) {
			openSimulated(t, e, "pm_card_visa").expectOutcome(name, test)
		})
	}
}

// What was done to the authorization elsewhere makes the provider refuse the capture: the first request is released, and one that
// may have arrived before ends with what the look-up shows.
func TestACaptureOfWhatWasEndedElsewhereTakesNothing(t *testing.T) {
	t.Parallel()
	e := captures()
	freed := moved{
		Record: "completed 402", Row: "failed canceled_by_provider 1200 t", Attempt: "failed f", Payment: "canceled canceled_by_provider 1999 0 0 1999 0 0",
		Order: "pending_payment 0 0 0", Events: "capture.failed 2, payment.canceled 3", Provider: "canceled 0 0",
	}
	reviewed := moved{
		Record: "completed 202", Row: "pending needs_review 1200 t", Attempt: "unknown t", Payment: "requires_capture 1999 1200 0 0 0 0",
		Order: "pending_payment 1999 0 0", Events: "capture.pending 2, discrepancy.opened 1", Discrepancies: "provider_differs", Provider: "succeeded 1999 0, capture 1999 succeeded",
	}
	for name, test := range map[string]struct {
		elsewhere func(*simulated)
		status    int
		want      moved
	}{
		"canceled": {canceledElsewhere(), 402, freed},
		"captured": {capturedElsewhere(), 202, reviewed},
	} {
		t.Run(name+"/the first request", func(t *testing.T) {
			s := openSimulated(t, e, "pm_card_visa")
			test.elsewhere(s)
			_, _, err := s.ask(nil)
			if rejected, ok := errors.AsType[*operations.RejectedError](err); !ok || rejected.Code != "payment_intent_unexpected_state" {
				t.Errorf("got %v, want rejected for the intent's state", err)
			}
			want := e.idle
			want.Provider = test.want.Provider
			s.expectMoved("refused", want)
		})
		t.Run(name+"/after a takeover", func(t *testing.T) {
			s := openSimulated(t, e, "pm_card_visa")
			if _, died, _ := s.ask(&killer{at: idempotency.StepCalling}); died == nil {
				t.Fatal("not killed")
			}
			test.elsewhere(s)
			s.leasesEnd()
			s.askAndExpect(test.status)
			s.checkAll()
			s.expectMoved("in the end", test.want)
		})
	}
}

// What surely was not sent, or was refused as a request, leaves nothing, and the key is free.
func TestAnEffectThatWasNotSentIsReleased(t *testing.T) {
	t.Parallel()
	for _, e := range effects() {
		t.Run(string(e.name), func(t *testing.T) {
			s := openSimulated(t, e, "pm_card_visa")
			reached := s.line.Client
			s.line.Client = client(t, "http://127.0.0.1:1")
			if _, _, err := s.ask(nil); !errors.Is(err, idempotency.ErrUnavailable) {
				t.Fatalf("got %v, want unavailable", err)
			}
			s.expectMoved("not sent", e.idle)
			s.line.Client = reached
			s.settle()
			s.expectMoved("in the end", e.done)
		})
	}
}

func TestAKeyWhoseRecordIsForgottenHasNoSecondEffect(t *testing.T) {
	t.Parallel()
	for _, e := range effects() {
		t.Run(string(e.name), func(t *testing.T) {
			s := openSimulated(t, e, "pm_card_visa")
			s.askAndExpect(e.status)
			s.exec(`ALTER TABLE idempotency_keys DISABLE TRIGGER USER`)
			s.exec(`DELETE FROM idempotency_keys`)
			_, _, err := s.ask(nil)
			if expired, ok := errors.AsType[*idempotency.ExpiredError](err); !ok || expired.Resource.ID == uuid.Nil {
				t.Errorf("got %v, want expired, with a resource", err)
			}
			want := e.done
			want.Record = ""
			s.expectMoved("after the second request", want)
		})
	}
}

// Parts are captured one after the other, and the last releases what is left; more than that is refused.
func TestCapturesTakeAnAuthorizationInParts(t *testing.T) {
	e := captures()
	var amount int64
	var final bool
	e.begin = func(d *operations.Driver, req idempotency.Request, payment uuid.UUID) idempotency.Operation[*postgres.Tx] {
		return d.Capture(req, operations.CaptureInput{PaymentID: payment, Amount: amount, Final: final, RequestID: "req_effect"})
	}
	s := openSimulated(t, e, "pm_card_visa")
	for i, step := range []struct {
		amount         int64
		final          bool
		payment, order string
	}{
		{300, false, "partially_captured 1999 0 300 0 0 0", "partially_paid 1699 300 0"},
		{700, false, "partially_captured 1999 0 1000 0 0 0", "partially_paid 999 1000 0"},
		{400, true, "succeeded 1999 0 1400 599 0 0", "partially_paid 0 1400 0"},
	} {
		amount, final = price+1, false
		if _, _, err := s.askUnder("too much", nil); !isTooLarge(err) {
			t.Errorf("before capture %d: got %v, want too large", i, err)
		}
		amount, final = step.amount, step.final
		if out, _, err := s.askUnder(idempotency.Key(rune('a'+i)), nil); err != nil || out.Response.Status != 200 {
			t.Fatalf("capture %d: got %+v, %v", i, out, err)
		}
		if got := s.moved(); got.Payment != step.payment || got.Order != step.order {
			t.Errorf("after capture %d: got %s; %s, want %s; %s", i, got.Payment, got.Order, step.payment, step.order)
		}
	}
	if _, _, err := s.askUnder("late", nil); !errors.Is(err, models.ErrPaymentNotCapturable) {
		t.Errorf("after the last: got %v, want not capturable", err)
	}
	want := "succeeded 1400 0, capture 300 succeeded, capture 700 succeeded, capture 400 succeeded"
	if got := s.moved(); got.Provider != want || got.Events != "capture.succeeded 2, capture.succeeded 2, capture.succeeded 2, order.partially_paid 2, "+
		"order.partially_paid 3, order.partially_paid 4, payment.partially_captured 3, payment.partially_captured 4, payment.succeeded 5" {
		t.Errorf("got %+v, want %s", got, want)
	}
}

func isTooLarge(err error) bool {
	_, ok := errors.AsType[*models.AmountTooLargeError](err)
	return ok
}
