package operations_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/payonce/payonce/models"
	"github.com/payonce/payonce/provider"
)

const grownOld = `UPDATE provider_attempts SET sent_at = sent_at - interval '1 hour'`

// found is what an unresolved payment is after a look-up that showed it in a state that can still move.
var found = rows{
	Record: "completed 202 1", Payment: "processing outcome_unknown 0 0", Attempt: "unknown 1 t", Order: untaken,
	Events: "2 payment.processing req_1",
}

// onTheWay are the statuses that can still move.
func onTheWay() []string {
	return []string{"requires_payment_method", "requires_confirmation", "processing", "dancing"}
}

func TestAStateThatCanStillMoveEndsNothing(t *testing.T) {
	t.Parallel()
	for _, status := range onTheWay() {
		t.Run(status, func(t *testing.T) {
			s := unresolved(t)
			s.finds(intent(status))
			for range 3 {
				s.checkDue(1)
				s.expect(found)
			}
			if len(s.provider.found) != 1 || len(s.provider.asked) != 2 || s.provider.asked[0] != "pi_1" || len(s.provider.sent) != 1 {
				t.Errorf("looked in the list %d times, then for %q; sent %d times", len(s.provider.found), s.provider.asked, len(s.provider.sent))
			}
			if _, err := s.pay("another", models.CaptureAutomatic); err == nil {
				t.Error("the order was paid by another key meanwhile")
			}
			s.finds(intent("succeeded"))
			s.checkDue(1)
			if got := s.rows(); got.Payment != paid.Payment || got.Order != paid.Order || got.Discrepancies != "" {
				t.Errorf("in the end: got %+v, want it paid", got)
			}
		})
	}
}

func TestAFirstAnswerThatCanStillMoveIsAccepted(t *testing.T) {
	t.Parallel()
	for _, status := range onTheWay() {
		t.Run(status, func(t *testing.T) {
			s := openShop(t)
			s.provider.says(intent(status))
			s.payAndExpect(202)
			s.expect(found)
			s.finds(intent("card_error"))
			s.checkDue(1)
			if got := s.rows(); got.Payment != "failed generic_decline 0 0" || got.Order != "pending_payment 0 0" || len(s.provider.found) != 0 {
				t.Errorf("then declined: got %+v after %d look-ups in the list", got, len(s.provider.found))
			}
		})
	}
}

func TestATakeoverStoresWhatCanStillMoveAsAccepted(t *testing.T) {
	t.Parallel()
	for _, status := range onTheWay() {
		t.Run(status, func(t *testing.T) {
			s := openShop(t)
			s.abandon()
			s.provider.says(intent(status))
			if out, err := s.pay("k", models.CaptureAutomatic); err != nil || out.Response.Status != 202 {
				t.Fatalf("got %+v, %v, want 202", out, err)
			}
			want := found
			want.Record, want.Events = "completed 202 2", "2 payment.processing"
			s.expect(want)
		})
	}
}

// However a look-up fails to be clear, and for however long: past the age a person is asked, once, and it is looked on.
func TestALookUpThatIsNeverClearEndsInAReview(t *testing.T) {
	t.Parallel()
	unreachable := answer{Outcome: provider.NotSent, Err: errors.New("refused")}
	tooLong := timedOut
	tooLong.Position = "1-2/pi_9"
	for name, says := range map[string]answer{
		"timeouts": timedOut, "errors": {Outcome: provider.Unknown, HTTPStatus: 500}, "not reached": unreachable,
		"refusals": {Outcome: provider.Refused, HTTPStatus: 400}, "not our key": {Outcome: provider.Unauthorized, HTTPStatus: 401},
		"a list that is too long": tooLong, "nothing": {},
	} {
		t.Run(name, func(t *testing.T) {
			s := unresolved(t)
			s.finds(says)
			s.checkDue(1)
			s.expect(pending)
			s.exec(grownOld)
			want := pending
			want.Payment, want.Discrepancies = "processing needs_review 0 0", "no_answer_from_provider "
			want.Events = "2 payment.processing req_1, 3 payment.processing"
			for range 3 {
				s.checkDue(1)
				s.expect(want)
			}
			if soon := s.query(`SELECT (next_check_at < now() + interval '5 minutes')::text FROM provider_attempts`); soon != "true" {
				t.Error("the next look-up is far away, although the provider may answer soon")
			}
			if len(s.provider.sent) != 1 {
				t.Errorf("sent %d times", len(s.provider.sent))
			}
			s.finds(intent("succeeded"))
			s.checkDue(1)
			if got := s.rows(); got.Payment != paid.Payment || got.Order != paid.Order {
				t.Errorf("found in the end: got %+v, want it paid", got)
			}
			if open := s.query(`SELECT count(*)::text FROM discrepancies WHERE resolved_at IS NULL`); open != "0" {
				t.Errorf("%s discrepancies are open, although it settled itself", open)
			}
		})
	}
}

// While a payer may still act, time runs from the provider's last answer.
func TestAPaymentThatWaitsForItsCustomerIsReviewedOnlyWhenNoAnswerComes(t *testing.T) {
	s := openShop(t)
	s.provider.says(intent("requires_action"))
	s.payAndExpect(201)
	s.exec(grownOld)
	s.checkDue(1) // still waiting
	s.finds(timedOut)
	s.checkDue(1)
	if got := s.rows(); got.Payment != "requires_action 0 0" || got.Discrepancies != "" {
		t.Fatalf("after one look-up without an answer: %+v", got)
	}
	s.exec(`UPDATE provider_attempts SET resolved_at = resolved_at - interval '2 hours'`)
	s.checkDue(1)
	if got := s.rows(); got.Payment != "requires_action needs_review 0 0" || got.Discrepancies != "no_answer_from_provider pi_1" {
		t.Fatalf("after two hours without one: %+v", got)
	}
	s.finds(intent("requires_action"))
	s.checkDue(1)
	if got := s.rows(); got.Payment != "requires_action 0 0" || got.Attempt != "action_required 1 t" {
		t.Errorf("when it answers again: %+v", got)
	}
	openKinds := func() string { return s.query(`SELECT count(*)::text FROM discrepancies WHERE resolved_at IS NULL`) }
	if n := openKinds(); n != "0" {
		t.Errorf("when it answers again, %s discrepancies are open", n)
	}
	s.finds(timedOut)
	for range 2 { // the second is not new
		s.exec(`UPDATE provider_attempts SET resolved_at = resolved_at - interval '2 hours' WHERE resolved_at IS NOT NULL`)
		s.checkDue(1)
		if n := openKinds(); n != "1" {
			t.Errorf("when no answer comes once more, %s discrepancies are open, want one", n)
		}
	}
	s.exec(`UPDATE discrepancies SET resolved_at = now(), resolution = 'ticket 42'`)
	s.exec(grownOld)
	s.checkDue(1)
	if n := openKinds(); n != "0" {
		t.Error("what a person closed was opened again")
	}
}

// A list that one look-up can't read to its end is read on, soon, from where it stopped.
func TestALookUpGoesOnWhereTheLastOneStopped(t *testing.T) {
	s := unresolved(t)
	positions := []string{"1-2/pi_9", "1-2/pi_8", "1-2/pi_8"}
	s.provider.lookUp = func() answer {
		result := timedOut
		result.Position = positions[len(s.provider.found)-1]
		return result
	}
	s.exec(`UPDATE provider_attempts SET checks = 100`)
	for i, soon := range []bool{true, true, false} { // the third got no further
		s.checkDue(1)
		within := s.query(`SELECT (next_check_at < now() + interval '2 seconds')::text FROM provider_attempts`)
		if within != map[bool]string{true: "true", false: "false"}[soon] {
			t.Errorf("look-up %d: the next one follows within 2 s: %s, want %v", i+1, within, soon)
		}
	}
	if got := s.provider.found; got[0].Position != "" || got[1].Position != positions[0] || got[2].Position != positions[1] {
		t.Errorf("asked from %q, %q, %q", got[0].Position, got[1].Position, got[2].Position)
	}
	s.finds(notFound)
	s.checkDue(1)
	s.checkDue(1)
	if last := s.provider.found[4].Position; last != "" {
		t.Errorf("after \"not found\" the list is read from %q, want from the beginning", last)
	}
}

func TestSeveralIntentsOfOnePaymentAreForAPerson(t *testing.T) {
	t.Parallel()
	with := func(result answer) answer {
		result.Others = []*provider.Intent{{Reference: "pi_2", Status: "succeeded"}}
		return result
	}
	for name, test := range map[string]struct {
		finds         answer
		payment, want string
	}{
		"one is paid":  {with(intent("succeeded")), paid.Payment, paid.Order},
		"all declined": {with(intent("card_error")), "processing needs_review 0 0", untaken},
		"all canceled": {with(intent("canceled")), "processing needs_review 0 0", untaken},
		"none tried":   {with(intent("requires_payment_method")), "processing needs_review 0 0", untaken},
	} {
		t.Run(name, func(t *testing.T) {
			s := unresolved(t)
			s.exec(grownOld) // even then none of them is canceled
			s.finds(test.finds)
			s.checkDue(1)
			got := s.rows()
			if got.Payment != test.payment || got.Order != test.want || !strings.HasPrefix(got.Discrepancies, "several_intents_at_provider") {
				t.Errorf("got %+v, want %s, %s and a discrepancy", got, test.payment, test.want)
			}
			if others := s.query(`SELECT details->>'others' FROM discrepancies`); !strings.Contains(others, "pi_2") {
				t.Errorf("the discrepancy names %s", others)
			}
		})
	}
	t.Run("at a takeover", func(t *testing.T) {
		s := openShop(t)
		s.abandon()
		s.provider.says(with(intent("succeeded")))
		s.payAndExpect(201)
		if got := s.rows(); got.Payment != paid.Payment || got.Discrepancies != "several_intents_at_provider pi_1" {
			t.Errorf("got %+v", got)
		}
	})
}

// What the store refuses is an alert and a person's, with growing pauses, and is stored as soon as it can be.
func TestAnAnswerThatTheStoreRefusesIsForAPerson(t *testing.T) {
	const add = `ALTER TABLE ledger_postings ADD CONSTRAINT closed CHECK (false)`
	const drop = `ALTER TABLE ledger_postings DROP CONSTRAINT closed`
	s := unresolved(t)
	s.exec(add)
	s.finds(intent("succeeded"))
	want := pending
	want.Payment, want.Discrepancies = "processing needs_review 0 0", "answer_not_storable pi_1"
	want.Events = "2 payment.processing req_1, 3 payment.processing"
	var last time.Duration
	s.exec(`UPDATE provider_attempts SET checks = 4`)
	for range 3 {
		s.checkDue(1)
		s.expect(want)
		if name := s.query(`SELECT details->>'constraint' FROM discrepancies`); name != "closed" {
			t.Errorf("the discrepancy names the constraint %q", name)
		}
		next, err := time.ParseDuration(s.query(`SELECT extract(epoch FROM next_check_at - now())::text || 's' FROM provider_attempts`))
		if err != nil || next <= last {
			t.Errorf("the next check follows after %s (%v), want later than %s", next, err, last)
		}
		last = next
	}
	s.exec(drop)
	s.checkDue(1)
	if got := s.rows(); got.Payment != paid.Payment || got.Ledger != posting {
		t.Errorf("once it can be stored: got %+v", got)
	}
	if open := s.query(`SELECT count(*)::text FROM discrepancies WHERE resolved_at IS NULL`); open != "0" {
		t.Errorf("%s discrepancies are open", open)
	}
}

// Even when nothing of it can be written but the finding itself.
func TestARefusalThatCannotBeNotedEitherStillHasItsFinding(t *testing.T) {
	s := unresolved(t)
	s.exec(`ALTER TABLE events ADD CONSTRAINT closed CHECK (resource_type <> 'payment') NOT VALID`)
	s.finds(intent("succeeded"))
	for range 2 {
		s.checkDue(1)
	}
	want := pending
	want.Discrepancies = "answer_not_storable pi_1"
	s.expect(want)
	s.exec(`ALTER TABLE events DROP CONSTRAINT closed`)
	s.checkDue(1)
	if got := s.rows(); got.Payment != paid.Payment {
		t.Errorf("once it can be stored: got %+v", got)
	}
}
