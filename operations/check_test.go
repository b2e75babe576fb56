package operations_test

import (
	"testing"
	"time"

	"github.com/payonce/payonce/models"
	"github.com/payonce/payonce/provider"
	"github.com/payonce/payonce/repository"
)

// unresolved leaves a payment whose call was not answered.
func unresolved(t *testing.T) *shop {
	t.Helper()
	s := openShop(t)
	s.payer.says(timedOut)
	s.payAndExpect(202)
	s.expect(pending)
	return s
}

func (s *shop) finds(result provider.Result) {
	s.payer.lookUp = func() provider.Result { return result }
}

func TestAnUnresolvedPaymentIsFoundAndApplied(t *testing.T) {
	s := unresolved(t)
	s.finds(intent("succeeded"))
	s.checkDue(1)
	want := paid
	want.Record = "completed 202 1" // the first answer stays what it is
	want.Events = "2 payment.processing req_1, 3 payment.succeeded"
	s.expect(want)
	s.checkDue(0)
	if out, err := s.pay("k", models.CaptureAutomatic); err != nil || out.Response.Status != 202 || !out.Replayed() {
		t.Errorf("replay: %+v, %v", out, err)
	}
}

func TestAnUnresolvedPaymentThatWasDeclinedFreesItsOrder(t *testing.T) {
	s := unresolved(t)
	s.finds(intent("requires_payment_method"))
	s.checkDue(1)
	s.expect(rows{
		Record: "completed 202 1", Payment: "failed card_declined 0 0", Attempt: "declined 1 f", Order: "pending_payment 0 0",
		Events: "2 payment.processing req_1, 3 payment.failed",
	})
	next := intent("succeeded")
	next.Intent.Reference = "pi_2"
	s.payer.says(next)
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
	if n := len(s.payer.sent); n != 1 {
		t.Errorf("sent %d times", n)
	}
}

func TestNotFoundTwiceIsSentAgainUnderTheSameKeyAndBytes(t *testing.T) {
	s := unresolved(t)
	s.payer.says(intent("succeeded"))
	s.finds(notFound)
	s.checkDue(1)
	if n := len(s.payer.sent); n != 1 {
		t.Fatalf("sent %d times after one \"not found\"", n)
	}
	s.expect(pending)
	s.checkDue(1)
	if len(s.payer.sent) != 2 || s.payer.sent[0] != s.payer.sent[1] || !s.payer.deadline[1] {
		t.Fatalf("sent %+v", s.payer.sent)
	}
	want := paid
	want.Record, want.Attempt, want.Events = "completed 202 1", "succeeded 2 f", "2 payment.processing req_1, 3 payment.succeeded"
	s.expect(want)
}

func TestTwoNotFoundTooCloseTogetherSendNothing(t *testing.T) {
	s := unresolved(t)
	s.finds(notFound)
	s.checkDue(1)
	s.exec(`UPDATE provider_attempts SET not_found_at = now() + interval '59 seconds'`)
	s.checkDue(1)
	if n := len(s.payer.sent); n != 1 {
		t.Errorf("sent %d times", n)
	}
}

func TestAReSendWithoutAnAnswerStartsThePairAnew(t *testing.T) {
	s := unresolved(t)
	s.finds(notFound)
	for range 3 {
		s.checkDue(1)
	}
	if n := len(s.payer.sent); n != 2 {
		t.Errorf("sent %d times after three \"not found\", want once and one re-send", n)
	}
}

func TestAReSendThatIsRefusedFailsThePayment(t *testing.T) {
	s := unresolved(t)
	s.payer.says(provider.Result{Outcome: provider.Refused, HTTPStatus: 400, Code: "payment_method_unknown"})
	s.finds(notFound)
	s.checkDue(1)
	s.checkDue(1)
	s.expect(rows{
		Record: "completed 202 1", Payment: "failed payment_method_unknown 0 0", Attempt: "failed 2 f", Order: "pending_payment 0 0",
		Events: "2 payment.processing req_1, 3 payment.failed",
	})
}

func TestAReSendThatDidNotGetThroughProvesNothing(t *testing.T) {
	s := unresolved(t)
	s.payer.says(provider.Result{Outcome: provider.NotSent})
	s.finds(notFound)
	s.checkDue(1)
	s.checkDue(1)
	want := pending
	want.Attempt = "unknown 2 t"
	s.expect(want)
}

func TestAnOldPaymentThatNobodyKnowsIsForAPersonOnce(t *testing.T) {
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
	if n := len(s.payer.sent); n != 1 {
		t.Errorf("sent %d times", n)
	}
	s.finds(intent("succeeded")) // and it is looked for all the same
	s.checkDue(1)
	want.Payment, want.Attempt, want.Order = paid.Payment, paid.Attempt, paid.Order
	want.Capture, want.Ledger, want.Events = paid.Capture, paid.Ledger, want.Events+", 4 payment.succeeded"
	s.expect(want)
}

// All that the provider was asked since would be more to read than one look-up can, on a busy day.
func TestALookUpReadsNoMoreThanItsTimeOfTheProvidersList(t *testing.T) {
	s := unresolved(t)
	s.finds(notFound)
	s.checkDue(1)
	asked := s.payer.found[0]
	if lasts := asked.Until.Sub(asked.Since); len(s.payer.found) != 1 || lasts != s.attempts.Lease() {
		t.Errorf("asked for %s: %+v", lasts, s.payer.found)
	}
	s.exec(`UPDATE provider_attempts SET sent_at = sent_at - interval '1 hour'`)
	s.payer.lookUp = func() provider.Result { // it is not where it should be, and too much has come since
		if s.payer.found[len(s.payer.found)-1].Until.IsZero() {
			return timedOut
		}
		return notFound
	}
	s.checkDue(1)
	if n := len(s.payer.found); n != 3 || s.rows().Payment != "processing needs_review 0 0" {
		t.Errorf("asked %d times, %+v", n, s.rows())
	}
	s.payer.lookUp = func() provider.Result { // what came late is found all the same
		if s.payer.found[len(s.payer.found)-1].Until.IsZero() {
			return intent("succeeded")
		}
		return notFound
	}
	s.checkDue(1)
	if got := s.rows().Payment; got != paid.Payment {
		t.Errorf("found late: %s", got)
	}
}

func TestAKnownReferenceThatTheProviderForgetsIsNeverSentAgain(t *testing.T) {
	s := openShop(t)
	s.payer.says(intent("requires_action"))
	s.payAndExpect(201)
	s.finds(notFound)
	s.checkDue(1)
	s.checkDue(1)
	if len(s.payer.sent) != 1 || len(s.payer.asked) != 2 || s.payer.asked[0] != "pi_1" {
		t.Errorf("sent %d times, asked for %v", len(s.payer.sent), s.payer.asked)
	}
	if got := s.rows(); got.Discrepancies != "not_found_at_provider " || got.Payment != "requires_action needs_review 0 0" {
		t.Errorf("%+v", got)
	}
}

func TestAnotherAmountFoundLaterIsForAPersonOnce(t *testing.T) {
	s := unresolved(t)
	wrong := intent("succeeded")
	wrong.Intent.Amount = 1
	s.finds(wrong)
	want := reviewed
	want.Events = "2 payment.processing req_1, 3 payment.processing"
	for range 3 {
		s.checkDue(1)
		s.expect(want)
	}
}

func TestAPaymentThatWaitsForItsPayerCompletes(t *testing.T) {
	s := openShop(t)
	s.payer.says(intent("requires_action"))
	s.payAndExpect(201)
	s.checkDue(1) // still waiting
	if got := s.query(`SELECT next_action_url FROM payments`); got != "https://bank.example/go" {
		t.Errorf("the payer is sent to %q", got)
	}
	s.finds(intent("succeeded"))
	s.checkDue(1)
	want := paid
	want.Events = "2 payment.requires_action req_1, 3 payment.succeeded"
	s.expect(want)
}

func TestACheckThatWasTakenOverWritesNothing(t *testing.T) {
	s := unresolved(t)
	s.payer.lookUp = func() provider.Result { // while it is asked, another replica takes the attempt
		s.exec(`UPDATE provider_attempts SET fence = fence + 1, claim_id = gen_random_uuid()`)
		return intent("succeeded")
	}
	s.checkDue(1)
	want := pending
	s.expect(want)
}

func TestAReSendAfterATakeoverIsNotSent(t *testing.T) {
	s := unresolved(t)
	s.finds(notFound)
	s.checkDue(1)
	s.payer.lookUp = func() provider.Result {
		s.exec(`UPDATE provider_attempts SET fence = fence + 1, claim_id = gen_random_uuid()`)
		return notFound
	}
	s.checkDue(1)
	if n := len(s.payer.sent); n != 1 {
		t.Errorf("sent %d times", n)
	}
}

func TestAPanicInACheckIsThatChecksOnly(t *testing.T) {
	s := unresolved(t)
	s.payer.lookUp = func() provider.Result { panic("bug") }
	s.checkDue(1)
	s.expect(pending)
}

func TestANudgeMakesACheckDueAtMostOnceASecond(t *testing.T) {
	s := unresolved(t)
	s.exec(`UPDATE provider_attempts SET next_check_at = now() + interval '1 hour', sent_at = sent_at - interval '2 seconds'`)
	payment, err := repository.NewPayments(s.db).List(t.Context(), s.merchant, repository.PaymentFilter{}, repository.Page{Limit: 1})
	if err != nil || len(payment) != 1 {
		t.Fatal(err)
	}
	nudge := func() int {
		if err := s.ops.Nudge(t.Context(), &payment[0]); err != nil {
			t.Fatal(err)
		}
		n, err := s.ops.CheckDue(t.Context(), 1)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	if first, second := nudge(), nudge(); first != 1 || second != 0 {
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
