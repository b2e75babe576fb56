package operations_test

import (
	"testing"

	"github.com/payonce/payonce/idempotency"
	"github.com/payonce/payonce/provider"
)

func TestNotFoundTwiceIsSentAgainUnderTheSameKeyAndBytes(t *testing.T) {
	s := unresolved(t)
	s.provider.says(intent("succeeded"))
	s.finds(notFound)
	s.checkDue(1)
	if n := len(s.provider.sent); n != 1 {
		t.Fatalf("sent %d times after one \"not found\"", n)
	}
	s.expect(pending)
	s.checkDue(1)
	if len(s.provider.sent) != 2 || s.provider.sent[0] != s.provider.sent[1] || !s.provider.deadline[1] {
		t.Fatalf("sent %+v", s.provider.sent)
	}
	want := paid
	want.Record, want.Attempt, want.Events = "completed 202 1", "succeeded 2 f", "1 capture.succeeded, 2 order.paid, 2 payment.processing req_1, 3 payment.succeeded"
	s.expect(want)
}

func TestTwoNotFoundTooCloseTogetherSendNothing(t *testing.T) {
	s := unresolved(t)
	s.finds(notFound)
	s.checkDue(1)
	s.exec(`UPDATE provider_attempts SET not_found_at = now() + interval '59 seconds'`)
	s.checkDue(1)
	if n := len(s.provider.sent); n != 1 {
		t.Errorf("sent %d times", n)
	}
}

func TestAReSendWithoutAnAnswerStartsThePairAnew(t *testing.T) {
	s := unresolved(t)
	s.finds(notFound)
	for range 3 {
		s.checkDue(1)
	}
	if n := len(s.provider.sent); n != 2 {
		t.Errorf("sent %d times after three \"not found\", want once and one re-send", n)
	}
}

// The first request may still travel, and be accepted after the refusal of its repetition.
func TestAReSendThatIsRefusedProvesNothing(t *testing.T) {
	t.Parallel()
	for name, says := range map[string]answer{
		"as a request":      {Outcome: provider.Refused, HTTPStatus: 400, Code: "payment_method_unknown"},
		"as not found":      {Outcome: provider.Refused, HTTPStatus: 404, Code: "resource_missing"},
		"as unprocessable":  {Outcome: provider.Refused, HTTPStatus: 422, Code: "x"},
		"for its key":       {Outcome: provider.Unauthorized, HTTPStatus: 401},
		"before it left":    {Outcome: provider.NotSent},
		"as a conflict":     {Outcome: provider.Unknown, HTTPStatus: 409},
		"as too many":       {Outcome: provider.Unknown, HTTPStatus: 429},
		"with an error 500": {Outcome: provider.Unknown, HTTPStatus: 500},
	} {
		t.Run(name, func(t *testing.T) {
			s := unresolved(t)
			s.provider.says(says)
			s.finds(notFound)
			want := pending
			for _, sends := range []string{"1", "2", "2", "3"} {
				s.checkDue(1)
				want.Attempt = "unknown " + sends + " t"
				s.expect(want)
			}
			s.finds(intent("succeeded")) // the first one arrived after all
			s.checkDue(1)
			if got := s.rows(); got.Payment != paid.Payment || got.Order != paid.Order {
				t.Errorf("got %+v, want it paid", got)
			}
		})
	}
}

// An open breaker is no answer: what two look-ups have shown stays so, and the next check sends as soon as the breaker closes.
func TestAReSendWaitsForAnOpenBreakerAndNoLonger(t *testing.T) {
	s := unresolved(t)
	s.provider.says(intent("succeeded"))
	s.finds(notFound)
	s.checkDue(1)
	s.provider.closed = idempotency.ErrUnavailable
	s.checkDue(1)
	want := pending
	want.Attempt = "unknown 1 t"
	s.expect(want)
	if soon := s.query(`SELECT next_check_at < clock_timestamp() + interval '4 seconds' FROM provider_attempts`); soon != "true" {
		t.Error("the next check is later than the breaker closes")
	}
	s.provider.closed = nil
	s.checkDue(1)
	if n := len(s.provider.sent); n != 2 {
		t.Errorf("sent %d times, want once more when the breaker is closed", n)
	}
}

func TestARefusedReSendEndsInAReviewWhenItIsTooOld(t *testing.T) {
	s := unresolved(t)
	s.provider.says(answer{Outcome: provider.Refused, HTTPStatus: 400, Code: "payment_method_unknown"})
	s.finds(notFound)
	s.checkDue(1)
	s.checkDue(1)
	s.exec(`UPDATE provider_attempts SET sent_at = sent_at - interval '1 hour'`)
	s.checkDue(1)
	if got := s.rows(); got.Payment != "processing needs_review 0 0" || got.Order != untaken || got.Discrepancies != "not_found_at_provider " {
		t.Errorf("got %+v, want a review", got)
	}
}

// A process that sleeps between the claim of a check and the re-send wakes up with its age gone.
func TestAReSendIsRefusedByTheStoreWhenTheAttemptHasGrownOld(t *testing.T) {
	s := unresolved(t)
	s.finds(notFound)
	s.checkDue(1)
	s.provider.lookUp = func() answer {
		s.exec(`UPDATE provider_attempts SET sent_at = sent_at - interval '1 hour'`)
		return notFound
	}
	s.checkDue(1)
	if n := len(s.provider.sent); n != 1 {
		t.Errorf("sent %d times, want once", n)
	}
}

func TestAReSendAfterATakeoverIsNotSent(t *testing.T) {
	s := unresolved(t)
	s.finds(notFound)
	s.checkDue(1)
	s.provider.lookUp = func() answer {
		s.exec(`UPDATE provider_attempts SET fence = fence + 1, claim_id = gen_random_uuid()`)
		return notFound
	}
	s.checkDue(1)
	if n := len(s.provider.sent); n != 1 {
		t.Errorf("sent %d times", n)
	}
}
