package operations_test

import (
	"testing"
	"time"

	"github.com/payonce/payonce/models"
	"github.com/payonce/payonce/repository"
)

// unresolved leaves a payment whose call was not answered.
func unresolved(t *testing.T) *shop {
	t.Helper()
	s := openShop(t)
	s.provider.says(timedOut)
	s.payAndExpect(202)
	s.expect(pending)
	return s
}

func (s *shop) finds(result answer) {
	s.provider.lookUp = func() answer { return result }
}

func TestAnUnresolvedPaymentIsFoundAndApplied(t *testing.T) {
	s := unresolved(t)
	s.finds(intent("succeeded"))
	s.checkDue(1)
	want := paid
	want.Record = "completed 202 1" // the first answer stays what it is
	want.Events = "1 capture.succeeded, 2 order.paid, 2 payment.processing req_1, 3 payment.succeeded"
	s.expect(want)
	s.checkDue(0)
	if out, err := s.pay("k", models.CaptureAutomatic); err != nil || out.Response.Status != 202 || !out.Replayed() {
		t.Errorf("replay: %+v, %v", out, err)
	}
}

func TestAnUnresolvedPaymentThatWasDeclinedFreesItsOrder(t *testing.T) {
	s := unresolved(t)
	s.finds(intent("card_error"))
	s.checkDue(1)
	s.expect(rows{
		Record: "completed 202 1", Payment: "failed generic_decline 0 0", Attempt: "declined 1 f", Order: "pending_payment 0 0",
		Events: "2 payment.processing req_1, 3 payment.failed",
	})
	next := intent("succeeded")
	next.Object.Reference = "pi_2"
	s.provider.says(next)
	if out, err := s.pay("another", models.CaptureAutomatic); err != nil || out.Response.Status != 201 {
		t.Errorf("the next payment: %+v, %v", out, err)
	}
}

func TestALookUpWithoutAnAnswerChangesNothing(t *testing.T) {
	s := unresolved(t)
	for range 3 {
		s.checkDue(1)
	}
	s.expect(pending)
	if n := len(s.provider.sent); n != 1 {
		t.Errorf("sent %d times", n)
	}
}

func TestAnOldPaymentThatTheProviderDoesNotKnowIsForAPersonOnce(t *testing.T) {
	s := unresolved(t)
	s.exec(`UPDATE provider_attempts SET sent_at = sent_at - interval '1 hour'`)
	s.finds(notFound)
	want := pending
	want.Payment, want.Discrepancies = "processing needs_review 0 0", "not_found_at_provider "
	want.Events = "2 payment.processing req_1, 3 payment.processing"
	for range 3 {
		s.checkDue(1)
		s.expect(want)
	}
	if n := len(s.provider.sent); n != 1 {
		t.Errorf("sent %d times", n)
	}
	s.finds(intent("succeeded")) // and it is looked for all the same
	s.checkDue(1)
	want.Payment, want.Attempt, want.Order = paid.Payment, paid.Attempt, paid.Order
	want.Capture, want.Ledger, want.Events = paid.Capture, paid.Ledger, "1 capture.succeeded, 2 order.paid, "+want.Events+", 4 payment.succeeded"
	s.expect(want)
}

func TestALookUpNamesTheTimeInWhichTheRequestWasSent(t *testing.T) {
	s := unresolved(t)
	s.finds(notFound)
	s.checkDue(1)
	asked := s.provider.found[0]
	if lasts := asked.Until.Sub(asked.Since); len(s.provider.found) != 1 || lasts != s.attempts.Lease() || !asked.Later.IsZero() || asked.Now.IsZero() {
		t.Errorf("asked for %s: %+v", lasts, s.provider.found)
	}
	s.exec(`UPDATE provider_attempts SET sent_at = sent_at - interval '1 hour'`)
	s.finds(intent("succeeded")) // by the last re-send
	s.checkDue(1)
	if asked = s.provider.found[1]; asked.Later.Sub(asked.Until) != 15*time.Minute {
		t.Errorf("an old one was looked for until %s later, want all the time in which it may have been sent again", asked.Later.Sub(asked.Until))
	}
	if got := s.rows().Payment; got != paid.Payment {
		t.Errorf("found late: %s", got)
	}
}

func TestAKnownReferenceThatTheProviderForgetsIsNeverSentAgain(t *testing.T) {
	s := openShop(t)
	s.provider.says(intent("requires_action"))
	s.payAndExpect(201)
	s.finds(notFound)
	s.checkDue(1)
	s.checkDue(1)
	if len(s.provider.sent) != 1 || len(s.provider.asked) != 2 || s.provider.asked[0] != "pi_1" {
		t.Errorf("sent %d times, asked for %v", len(s.provider.sent), s.provider.asked)
	}
	if got := s.rows(); got.Discrepancies != "not_found_at_provider pi_1" || got.Payment != "requires_action needs_review 0 0" {
		t.Errorf("%+v", got)
	}
}

func TestAnotherAmountFoundLaterIsForAPersonOnce(t *testing.T) {
	s := unresolved(t)
	wrong := intent("succeeded")
	wrong.Object.Amount = 1
	s.finds(wrong)
	want := reviewed
	want.Events = "2 payment.processing req_1, 3 payment.processing"
	for range 3 {
		s.checkDue(1)
		s.expect(want)
	}
}

func TestAPaymentThatWaitsForItsCustomerCompletes(t *testing.T) {
	s := openShop(t)
	s.provider.says(intent("requires_action"))
	s.payAndExpect(201)
	s.checkDue(1) // still waiting
	if got := s.query(`SELECT next_action_url FROM payments`); got != "https://bank.example/go" {
		t.Errorf("the payer is sent to %q", got)
	}
	s.finds(intent("succeeded"))
	s.checkDue(1)
	want := paid
	want.Events = "1 capture.succeeded, 2 order.paid, 2 payment.requires_action req_1, 3 payment.succeeded"
	s.expect(want)
}

func TestACheckThatWasTakenOverWritesNothing(t *testing.T) {
	s := unresolved(t)
	s.provider.lookUp = func() answer { // while it is asked, another replica takes the attempt
		s.exec(`UPDATE provider_attempts SET fence = fence + 1, claim_id = gen_random_uuid()`)
		return intent("succeeded")
	}
	s.checkDue(1)
	want := pending
	s.expect(want)
}

func TestAPanicInACheckIsThatChecksOnly(t *testing.T) {
	s := unresolved(t)
	s.provider.lookUp = func() answer { panic("bug") }
	s.checkDue(1)
	s.expect(pending)
}

func TestARequestedCheckIsMadeAtMostOncePerSecond(t *testing.T) {
	s := unresolved(t)
	s.exec(`UPDATE provider_attempts SET next_check_at = now() + interval '1 hour', sent_at = sent_at - interval '2 seconds'`)
	payment, err := repository.NewPayments(s.db).List(t.Context(), s.merchant, repository.PaymentFilter{}, repository.Page{Limit: 1})
	if err != nil || len(payment) != 1 {
		t.Fatal(err)
	}
	check := func() int {
		if err := s.ops.RequestCheck(t.Context(), payment[0].MerchantID, payment[0].ID); err != nil {
			t.Fatal(err)
		}
		n, err := s.ops.CheckDue(t.Context(), 1)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	began := time.Now()
	if first, second := check(), check(); first != 1 || second > 1 || second == 1 && time.Since(began) < time.Second {
		t.Errorf("checked %d and then %d times", first, second)
	}
}

func TestTheOldestUnresolvedAttemptIsTold(t *testing.T) {
	s := unresolved(t)
	s.exec(`UPDATE provider_attempts SET sent_at = now() - interval '1 hour'`)
	if age, err := s.attempts.Oldest(t.Context()); err != nil || age < time.Hour || age > time.Hour+time.Minute {
		t.Errorf("%s, %v", age, err)
	}
	s.finds(intent("succeeded"))
	s.checkDue(1)
	if age, err := s.attempts.Oldest(t.Context()); err != nil || age != 0 {
		t.Errorf("%s, %v", age, err)
	}
}
