package operations_test

import (
	"errors"
	"sync"
	"testing"

	"github.com/payonce/payonce/idempotency"
	"github.com/payonce/payonce/models"
	"github.com/payonce/payonce/operations"
	"github.com/payonce/payonce/provider"
)

func TestTheOrderIsReservedWhileTheProviderIsAsked(t *testing.T) {
	s := openShop(t)
	s.provider.charge = func(provider.AuthorizeRequest) answer {
		s.expect(rows{Record: "in_progress 1", Payment: "processing 0 0", Attempt: "sent 1 f", Order: untaken})
		_, err := s.pay("other", models.CaptureAutomatic)
		if blocked, ok := errors.AsType[*operations.NotPayableError](err); !ok || !blocked.Open {
			t.Errorf("a second key meanwhile: %v", err)
		}
		return intent("succeeded")
	}
	s.payAndExpect(201)
	s.expect(paid)
}

func TestTwoKeysForOneOrderChargeItOnce(t *testing.T) {
	s := openShop(t)
	s.provider.says(intent("succeeded"))
	var group sync.WaitGroup
	failures := make([]error, 4)
	for i := range failures {
		group.Go(func() {
			failures[i] = patiently(func() error {
				_, err := s.pay(idempotency.Key(rune('a'+i)), models.CaptureAutomatic)
				return err
			})
		})
	}
	group.Wait()
	won := 0
	for _, err := range failures {
		blocked, ok := errors.AsType[*operations.NotPayableError](err)
		switch {
		case err == nil:
			won++
		case !ok || !errors.Is(err, models.ErrOrderNotPayable):
			t.Errorf("loser got %v", err)
		case blocked.Payment.String() != s.query(`SELECT id::text FROM payments`):
			t.Errorf("the obstacle is named %s", blocked.Payment)
		}
	}
	if won != 1 || len(s.provider.sent) != 1 {
		t.Errorf("%d winners, %d charges", won, len(s.provider.sent))
	}
	s.expect(paid)
}

func TestAnUnknownOrderIsNotFound(t *testing.T) {
	s := openShop(t)
	s.order[0]++
	if _, err := s.pay("k", models.CaptureAutomatic); !errors.Is(err, operations.ErrOrderNotFound) {
		t.Fatal(err)
	}
	if got := s.query(`SELECT count(*)::text FROM idempotency_keys`); got != "0" {
		t.Errorf("%s keys are spent", got)
	}
}

func TestAReplayDoesNotWaitForItsOrder(t *testing.T) {
	s := openShop(t)
	s.provider.says(intent("succeeded"))
	s.payAndExpect(201)
	tx, err := s.db.SQL().BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback() }()
	if _, err := tx.ExecContext(t.Context(), `SELECT FROM orders FOR UPDATE`); err != nil {
		t.Fatal(err)
	}
	s.payAndExpect(201) // to wait would end as 503
}

// A payment may be changed by another operation between the claim and the completion. Nothing of it is overwritten, and the
// event's number is the row's.
func TestAPaymentThatWasChangedMeanwhileIsCompletedAndItsEventNumbered(t *testing.T) {
	s := openShop(t)
	s.provider.charge = func(provider.AuthorizeRequest) answer {
		s.exec(`UPDATE payments SET description = 'changed'`) // the trigger counts the version up
		return intent("succeeded")
	}
	s.payAndExpect(201)
	want := paid
	want.Events = "1 capture.succeeded req_1, 2 order.paid req_1, 3 payment.succeeded req_1"
	s.expect(want)
	if got := s.query(`SELECT concat_ws(' ', description, version) FROM payments`); got != "changed 3" {
		t.Errorf("got %q, want what was changed meanwhile, in version 3", got)
	}
}

// An entry that the ledger refuses takes the whole settlement with it: no money moves that no entry tells of.
func TestMoneyThatTheLedgerRefusesIsNotTaken(t *testing.T) {
	s := openShop(t)
	s.provider.says(intent("succeeded"))
	s.exec(`ALTER TABLE ledger_postings ADD CONSTRAINT closed CHECK (false)`)
	out, err := s.pay("k", models.CaptureAutomatic)
	if err != nil {
		t.Fatal(err)
	}
	if out.Response.Status != 202 {
		t.Errorf("the ledger refuses, and the answer is %d", out.Response.Status)
	}
	s.expect(pending)
	s.exec(`ALTER TABLE ledger_postings DROP CONSTRAINT closed`)
	s.checkDue(1)
	want := paid
	want.Record, want.Events = "completed 202 1", "1 capture.succeeded, 2 order.paid, 2 payment.processing req_1, 3 payment.succeeded"
	s.expect(want)
}
