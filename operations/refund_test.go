package operations_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/payonce/payonce/idempotency"
	"github.com/payonce/payonce/models"
	"github.com/payonce/payonce/operations"
	"github.com/payonce/payonce/provider"
	"github.com/payonce/payonce/test/wait"
)

func TestEachOutcomeOfARefundLeavesItsRows(t *testing.T) {
	t.Parallel()
	e := refunds()
	declined := e.idle
	declined.Record, declined.Row, declined.Attempt, declined.Events = "completed 402", "failed generic_decline 500", "declined f", "refund.failed 2"
	open := e.idle
	open.Record, open.Row, open.Attempt = "completed 202", "pending outcome_unknown 500", "unknown t"
	open.Payment, open.Events = "succeeded 1999 0 1999 0 500 0", "refund.pending 2"
	differs := open
	differs.Events = "discrepancy.opened 1, refund.pending 2"
	differs.Row, differs.Discrepancies, differs.Provider = "pending needs_review 500", "provider_differs", "succeeded 1999 501, refund 501 succeeded"
	pending := open
	pending.Record, pending.Row, pending.Attempt, pending.Provider = "completed 201", "pending 500", "accepted t", "succeeded 1999 500, refund 500 pending"
	done := e.late()
	done.Record = "completed 201"
	failed := e.idle
	failed.Record, failed.Row, failed.Attempt = "completed 201", "failed expired_or_canceled_card 500", "declined f"
	failed.Events, failed.Provider = "refund.failed 3, refund.pending 2", "succeeded 1999 0, refund 500 failed"
	for name, test := range map[string]outcome{
		"slow_1":                       {status: 201, first: e.done, final: e.done},
		"declined":                     {status: 402, first: declined, final: declined},
		"wrong_amount":                 {status: 202, first: differs, final: differs},
		"error_stored":                 {status: 202, first: open, final: open},
		"pending_then_succeeded_60000": {status: 201, first: pending, final: pending},
		"pending_then_succeeded_1":     {status: 201, first: pending, final: done},
		"pending_then_failed_1":        {status: 201, first: pending, final: failed},
	} {
		t.Run(name, func(t *testing.T) {
			s := openSimulated(t, e, "pm_card_visa")
			if test.first == pending && test.final != pending { // the bank is faster than the look at its book
				test.first.Provider = test.final.Provider
			}
			s.expectOutcome(name, test)
		})
	}
}

// A refund that the provider refuses as a request leaves nothing, and the key is free.
func TestARefundOfWhatWasRefundedElsewhereIsReleased(t *testing.T) {
	e := refunds()
	s := openSimulated(t, e, "pm_card_visa")
	elsewhere(func(s *simulated) provider.Outcome {
		return s.line.Client.Refund(s.Context(), provider.RefundRequest{
			Currency: "EUR",
			Key:      "elsewhere", Reference: s.intent(), Amount: price, OperationID: "re_elsewhere",
			PaymentID: models.FormatID(models.PrefixPayment, s.payment), MerchantID: models.FormatID(models.PrefixMerchant, s.merchant),
		}).Outcome
	})(s)
	_, _, err := s.ask(nil)
	if rejected, ok := errors.AsType[*operations.RejectedError](err); !ok || rejected.Code != "charge_already_refunded" {
		t.Fatalf("got %v, want rejected as already refunded", err)
	}
	want := e.idle
	want.Provider = "succeeded 1999 1999, refund 1999 succeeded"
	s.expectMoved("refused", want)
}

// Another refund of 3.00 ends while this one is about to: its documents count both. The locks of order and payment see to it.
func TestACompletionShowsWhatAnotherOneLeftMeanwhile(t *testing.T) {
	s := openSimulated(t, refunds(), "pm_card_visa")
	s.fails("reset_done")
	s.askAndExpect(202)
	other, err := s.db.SQL().BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = other.Rollback() }()
	for _, table := range []string{"orders", "payments"} {
		if _, err := other.ExecContext(t.Context(), `UPDATE `+table+` SET amount_refunded = amount_refunded + 300`); err != nil {
			t.Fatal(err)
		}
	}
	s.leasesEnd()
	driver, _ := s.replica(nil)
	checked := make(chan error, 1)
	go func() { _, err := driver.CheckDue(t.Context(), 10); checked <- err }()
	wait.Within(t, 10*time.Second, "the completion waits for the other one", func() bool {
		return len(checked) > 0 || s.query(`SELECT count(*)::text FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`) != "0"
	})
	if err := errors.Join(other.Commit(), <-checked); err != nil {
		t.Fatal(err)
	}
	s.checkAll() // on a machine so slow that the lock was not waited for
	if got := s.query(`SELECT concat_ws(' ', (SELECT data->>'amount_refunded' FROM events WHERE type = 'order.partially_refunded'),
		(SELECT data->>'amount_refunded' FROM events WHERE type = 'payment.refunded'))`); got != "800 800" {
		t.Errorf("refunded by the documents of order and payment: got %s, want 800 800", got)
	}
}

// Four refunds of 5.00 at once: three fit into 19.99, and the fourth is refused, however they meet.
func TestRefundsAtOnceNeverExceedWhatWasCaptured(t *testing.T) {
	s := openSimulated(t, refunds(), "pm_card_visa")
	errs := make([]error, 4)
	var group sync.WaitGroup
	for i := range errs {
		group.Go(func() {
			errs[i] = patiently(func() error {
				_, _, err := s.askUnder(idempotency.Key(fmt.Sprint("refund ", i)), nil)
				return err
			})
		})
	}
	group.Wait()
	refused := 0
	for _, err := range errs {
		if isTooLarge(err) {
			refused++
		} else if err != nil {
			t.Errorf("got %v, want a refund or too large", err)
		}
	}
	got := s.moved()
	if refused != 1 || got.Payment != "succeeded 1999 0 1999 0 0 1500" || got.Order != "partially_refunded 0 1999 1500" {
		t.Errorf("got %d refused, %s; %s; want 1 and 15.00 refunded", refused, got.Payment, got.Order)
	}
	want := "order.partially_refunded 3, order.partially_refunded 4, order.partially_refunded 5, payment.refunded 3, payment.refunded 4, " +
		"payment.refunded 5, refund.succeeded 2, refund.succeeded 2, refund.succeeded 2"
	if got.Events != want {
		t.Errorf("events: got %s, want %s", got.Events, want)
	}
}
