package operations_test

import (
	"testing"

	"github.com/payonce/payonce/provider"
)

// An intent that nothing was tried with for so long is canceled, and only the provider's confirmation frees the order.
func TestAnUntriedIntentIsCanceledWhenItIsOld(t *testing.T) {
	t.Parallel()
	const freed, reserved = "pending_payment 0 0", untaken
	refused := answer{Outcome: provider.Unknown, HTTPStatus: 400, Code: "payment_intent_unexpected_state"}
	otherAmount := intent("canceled")
	otherAmount.Object.Amount = 1
	for name, test := range map[string]struct {
		cancel, then                  answer
		payment, order, discrepancies string
	}{
		"confirmed":                  {intent("canceled"), timedOut, "canceled canceled_by_provider 0 0", freed, ""},
		"not answered, but canceled": {timedOut, intent("canceled"), "canceled canceled_by_provider 0 0", freed, ""},
		"too late: charged":          {refused, intent("succeeded"), paid.Payment, paid.Order, ""},
		"too late: declined":         {refused, intent("card_error"), "failed generic_decline 0 0", freed, ""},
		"refused, still untried":     {refused, intent("requires_payment_method"), "processing needs_review 0 0", reserved, "unsettled_at_provider pi_1"},
		"refused, on its way":        {refused, intent("processing"), "processing needs_review 0 0", reserved, "unsettled_at_provider pi_1"},
		"answered with another word": {intent("dancing"), intent("dancing"), "processing needs_review 0 0", reserved, "unsettled_at_provider pi_1"},
		"no answer at all":           {timedOut, timedOut, "processing needs_review 0 0", reserved, "no_answer_from_provider pi_1"},
		"forgotten":                  {refused, notFound, "processing needs_review 0 0", reserved, "not_found_at_provider pi_1"},
		"another amount":             {otherAmount, timedOut, "processing needs_review 0 0", reserved, "provider_differs pi_1"},
	} {
		for _, status := range []string{"requires_payment_method", "requires_confirmation"} {
			t.Run(name+"/"+status, func(t *testing.T) {
				s := unresolved(t)
				s.finds(intent(status))
				s.checkDue(1)
				if len(s.provider.canceled) != 0 {
					t.Fatal("canceled although it is young")
				}
				s.exec(grownOld)
				s.provider.cancel = func() answer {
					s.finds(test.then)
					return test.cancel
				}
				s.checkDue(1)
				got := s.rows()
				if got.Payment != test.payment || got.Order != test.order || got.Discrepancies != test.discrepancies {
					t.Errorf("got %+v, want %s, %s, %q", got, test.payment, test.order, test.discrepancies)
				}
				if len(s.provider.canceled) != 1 || s.provider.canceled[0].Reference != "pi_1" || s.provider.canceled[0].Key == s.provider.sent[0].Key {
					t.Errorf("canceled %+v", s.provider.canceled)
				}
			})
		}
	}
}

// What is not known to be untried could be money that is held: it is never canceled.
func TestOnlyAnUntriedIntentIsCanceled(t *testing.T) {
	t.Parallel()
	for _, status := range []string{"processing", "dancing", "requires_source"} {
		t.Run(status, func(t *testing.T) {
			s := unresolved(t)
			s.finds(intent(status))
			s.provider.cancel = func() answer { return intent("canceled") }
			s.exec(grownOld)
			s.checkDue(1)
			if got := s.rows(); len(s.provider.canceled) != 0 || got.Discrepancies != "unsettled_at_provider pi_1" || got.Order != untaken {
				t.Errorf("canceled %+v, got %+v", s.provider.canceled, got)
			}
		})
	}
}

func TestACancellationHasOneKeyForEachPayment(t *testing.T) {
	s := unresolved(t)
	s.finds(intent("requires_payment_method"))
	s.provider.cancel = func() answer { return timedOut }
	s.exec(grownOld)
	for range 3 {
		s.checkDue(1)
	}
	if c := s.provider.canceled; len(c) != 3 || c[0] != c[1] || c[1] != c[2] {
		t.Errorf("canceled %+v, want the same request three times", c)
	}
}

func TestACancellationAfterATakeoverIsNotSent(t *testing.T) {
	s := unresolved(t)
	s.exec(grownOld)
	s.provider.lookUp = func() answer {
		s.exec(`UPDATE provider_attempts SET fence = fence + 1, claim_id = gen_random_uuid()`)
		return intent("requires_payment_method")
	}
	s.checkDue(1)
	if len(s.provider.canceled) != 0 {
		t.Errorf("canceled %+v", s.provider.canceled)
	}
}
