package operations_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/uuid"

	"github.com/payonce/payonce/idempotency"
	"github.com/payonce/payonce/idempotency/postgres"
	"github.com/payonce/payonce/models"
	"github.com/payonce/payonce/operations"
	"github.com/payonce/payonce/provider"
)

const free = "pending_payment 0 0"

// challenged is a shop whose payment under the key "k" waits for its customer.
func challenged(t *testing.T, method models.CaptureMethod) *shop {
	t.Helper()
	s := openShop(t)
	s.provider.says(intent("requires_action"))
	s.provider.cancel = func() answer { return intent("canceled") }
	out, err := s.pay("k", method)
	if err != nil || out.Response.Status != 201 {
		t.Fatalf("got %+v, %v, want a payment that waits for its customer", out, err)
	}
	return s
}

// second answers the next authorization with another intent, and the one before as it was.
func (s *shop) second(status string) {
	s.provider.charge = func(provider.AuthorizeRequest) answer {
		next := intent(status)
		next.Object.Reference = "pi_2"
		return next
	}
}

func (s *shop) paymentID() uuid.UUID {
	s.Helper()
	return uuid.MustParse(s.query(`SELECT id::text FROM payments ORDER BY created_at LIMIT 1`))
}

func (s *shop) payments() string {
	s.Helper()
	return s.query(`SELECT string_agg(concat_ws(' ', status, status_reason), ', ' ORDER BY created_at) FROM payments`)
}

func TestAReturnURLIsStoredAndSentAgainAsItWas(t *testing.T) {
	s := openShop(t)
	s.provider.says(timedOut)
	req, back := s.request("k"), "https://shop.example/back?order=1"
	op := s.ops.Authorize(req, operations.AuthorizeInput{
		OrderID: s.order, PaymentMethod: "pm_card_visa", CaptureMethod: models.CaptureAutomatic, ReturnURL: &back,
	})
	if out, err := s.engine.Do(t.Context(), req, idempotency.Work[*postgres.Tx]{External: op}); err != nil || out.Response.Status != 202 {
		t.Fatalf("got %+v, %v, want 202", out, err)
	}
	s.provider.lookUp = func() answer { return notFound }
	s.checkDue(1)
	s.checkDue(1)
	if sent := s.provider.sent; len(sent) != 2 || sent[0].ReturnURL != back || sent[1] != sent[0] {
		t.Errorf("sent %+v, want the same request twice, with %s", sent, back)
	}
}

func TestAChallengeIsWaitedForUntilWhenWasPromised(t *testing.T) {
	s := challenged(t, models.CaptureAutomatic)
	if got := s.query(`SELECT (next_action_expires_at - created_at)::text FROM payments`); got != "01:00:00" {
		t.Errorf("waited for %s, want 01:00:00", got)
	}
	if n, err := s.ops.EndLeft(t.Context(), 10); n != 0 || err != nil {
		t.Errorf("ended %d (%v) before the time, want 0", n, err)
	}
	s.exec(`UPDATE payments SET next_action_expires_at = now()`)
	if n, err := s.ops.EndLeft(t.Context(), 10); n != 1 || err != nil {
		t.Errorf("ended %d (%v), want 1", n, err)
	}
	s.expect(rows{
		Record: "completed 201 1", Payment: "expired action_timeout 0 0", Attempt: "failed 1 f, succeeded 1 f", Order: free,
		Events: "2 payment.requires_action req_1, 4 payment.expired", // the time that was set back counts as a version
	})
	if c := s.provider.canceled; len(c) != 1 || c[0].Reference != "pi_1" {
		t.Errorf("canceled %+v, want pi_1 once", c)
	}
}

// Releases before the promise was stored left it open.
func TestAChallengeWithoutAPromiseIsWaitedForAsLongAsIsSetNow(t *testing.T) {
	s := challenged(t, models.CaptureAutomatic)
	s.exec(`UPDATE payments SET next_action_expires_at = NULL, created_at = now() - interval '59 minutes'`)
	if n, err := s.ops.EndLeft(t.Context(), 10); n != 0 || err != nil {
		t.Errorf("ended %d (%v) before the time, want 0", n, err)
	}
	s.exec(`UPDATE payments SET created_at = now() - interval '61 minutes'`)
	if n, err := s.ops.EndLeft(t.Context(), 10); n != 1 || err != nil || s.payments() != "expired action_timeout" {
		t.Errorf("ended %d (%v): %s, want 1, expired", n, err, s.payments())
	}
}

func TestAskFindsWhatTheCustomerDidAtOnce(t *testing.T) {
	t.Parallel()
	for status, want := range map[string]string{
		"succeeded": "succeeded", "card_error": "failed generic_decline", "requires_action": "requires_action", "canceled": "canceled canceled_by_provider",
	} {
		t.Run(status, func(t *testing.T) {
			s := challenged(t, models.CaptureAutomatic)
			s.provider.lookUp = func() answer { return intent(status) }
			id := s.paymentID()
			if err := s.ops.Ask(t.Context(), s.merchant, id); err != nil || s.payments() != want {
				t.Errorf("got %s (%v), want %s", s.payments(), err, want)
			}
			asked := len(s.provider.asked)
			if err := s.ops.Ask(t.Context(), s.merchant, id); err != nil || (len(s.provider.asked) > asked) != (want == "requires_action") {
				t.Errorf("%s: the provider was asked %d times, then %d (%v)", want, asked, len(s.provider.asked), err)
			}
		})
	}
}

// Two replicas ask at once: one looks it up, and the other has what that one found.
func TestAskWaitsForACheckThatIsUnderWay(t *testing.T) {
	s := challenged(t, models.CaptureAutomatic)
	id, asking, answered := s.paymentID(), make(chan struct{}), make(chan struct{})
	s.provider.lookUp = func() answer {
		close(asking)
		<-answered
		return intent("succeeded")
	}
	var group sync.WaitGroup
	group.Go(func() {
		if err := s.ops.Ask(t.Context(), s.merchant, id); err != nil {
			t.Error(err)
		}
	})
	<-asking
	group.Go(func() {
		if err := s.ops.Ask(t.Context(), s.merchant, id); err != nil || s.payments() != "succeeded" {
			t.Errorf("the second: got %s (%v), want succeeded", s.payments(), err)
		}
	})
	close(answered)
	group.Wait()
	if n := len(s.provider.asked); n != 1 {
		t.Errorf("the provider was asked %d times, want once", n)
	}
}

func TestANewPaymentReplacesOneThatWaitsForItsCustomer(t *testing.T) {
	t.Parallel()
	refused := answer{Outcome: provider.Unknown, HTTPStatus: 400, Code: "payment_intent_unexpected_state", Object: intent("succeeded").Object}
	waits := intent("requires_action")
	for name, test := range map[string]struct {
		method           models.CaptureMethod
		found            []answer // by look-ups; the last stays
		cancel           answer
		open             bool // the refusal may pass
		payments, orders string
	}{
		"left":                        {models.CaptureAutomatic, []answer{waits}, intent("canceled"), false, "canceled replaced_by_another_payment, succeeded", "paid 0 1999"},
		"left, manual":                {models.CaptureManual, []answer{waits}, intent("canceled"), false, "canceled replaced_by_another_payment, requires_capture", untaken},
		"not confirmed":               {models.CaptureAutomatic, []answer{intent("card_error")}, timedOut, false, "failed generic_decline, succeeded", "paid 0 1999"},
		"no answer":                   {models.CaptureAutomatic, []answer{waits}, timedOut, true, "requires_action", untaken},
		"the customer was faster":     {models.CaptureAutomatic, []answer{intent("succeeded")}, timedOut, false, "succeeded", "paid 0 1999"},
		"faster, manual":              {models.CaptureManual, []answer{intent("requires_capture")}, intent("canceled"), false, "requires_capture", untaken},
		"faster than the cancelation": {models.CaptureAutomatic, []answer{waits, intent("succeeded")}, refused, false, "succeeded", "paid 0 1999"},
	} {
		t.Run(name, func(t *testing.T) {
			s := challenged(t, test.method)
			first := s.paymentID()
			s.provider.lookUp = func() answer {
				found := test.found[0]
				if len(test.found) > 1 {
					test.found = test.found[1:]
				}
				return found
			}
			s.provider.cancel = func() answer { return test.cancel }
			s.second(map[models.CaptureMethod]string{models.CaptureAutomatic: "succeeded", models.CaptureManual: "requires_capture"}[test.method])
			out, err := s.pay("new", test.method)
			blocked, refusedNow := errors.AsType[*operations.NotPayableError](err)
			if made := strings.Contains(test.payments, ", "); made != (err == nil) || made && out.Response.Status != 201 || made == refusedNow {
				t.Fatalf("got %+v, %v, want a new payment: %t", out.Response, err, made)
			}
			if refusedNow && (blocked.Open != test.open || blocked.Payment != first) {
				t.Errorf("refused with %+v, want open %t, payment %s", blocked, test.open, first)
			}
			if got := s.rows(); s.payments() != test.payments || got.Order != test.orders {
				t.Errorf("got %s, order %s, want %s, order %s", s.payments(), got.Order, test.payments, test.orders)
			}
		})
	}
}

// What is not known yet blocks the order only until it is.
func TestAReplacementWithoutAnAnswerIsDrivenOnAndThenTheOrderIsFree(t *testing.T) {
	s := challenged(t, models.CaptureAutomatic)
	s.provider.cancel = func() answer { return timedOut }
	s.second("succeeded")
	for range 2 {
		if _, err := s.pay("new", models.CaptureAutomatic); !errors.Is(err, models.ErrOrderNotPayable) {
			t.Fatalf("got %v, want %v", err, models.ErrOrderNotPayable)
		}
	}
	if c := s.provider.canceled; len(c) != 1 {
		t.Errorf("canceled %+v, want one request while its outcome is unknown", c)
	}
	s.provider.lookUp = func() answer { return intent("canceled") }
	s.exec(`UPDATE provider_attempts SET next_check_at = now() WHERE operation = 'void'`)
	if _, err := s.ops.CheckDue(t.Context(), 10); err != nil {
		t.Fatal(err)
	}
	out, err := s.pay("new", models.CaptureAutomatic)
	if err != nil || out.Response.Status != 201 {
		t.Fatalf("got %+v, %v, want 201 under the same key", out, err)
	}
	if ended := s.payments(); !strings.HasPrefix(ended, "canceled ") || !strings.HasSuffix(ended, ", succeeded") {
		t.Errorf("got %s, want the first canceled", ended)
	}
}

func TestOfTwoNewPaymentsAgainstAChallengeOneIsMade(t *testing.T) {
	s := challenged(t, models.CaptureAutomatic)
	s.second("succeeded")
	var group sync.WaitGroup
	failures := make([]error, 6)
	for i := range failures {
		group.Go(func() {
			key := idempotency.Key(fmt.Sprint("new ", i/2)) // two copies of each
			req := s.request(key)
			op := s.ops.Authorize(req, operations.AuthorizeInput{OrderID: s.order, PaymentMethod: "pm_card_visa", CaptureMethod: models.CaptureAutomatic})
			failures[i] = patiently(func() error {
				_, err := idempotency.New(s.store, s.ops, idempotency.Options{}).Do(t.Context(), req, idempotency.Work[*postgres.Tx]{External: op})
				return err
			})
		})
	}
	group.Wait()
	for _, err := range failures {
		_, inFlight := errors.AsType[*idempotency.InFlightError](err)
		if err != nil && !inFlight && !errors.Is(err, models.ErrOrderNotPayable) {
			t.Errorf("a loser got %v, want 409", err)
		}
	}
	if !slices.Contains(failures, nil) && s.payments() == "canceled replaced_by_another_payment" { // all lost to each other: one comes again
		if _, err := s.pay("new 0", models.CaptureAutomatic); err != nil {
			t.Errorf("alone: %v", err)
		}
	}
	if got := s.payments(); got != "canceled replaced_by_another_payment, succeeded" || len(s.provider.sent) != 2 || len(s.provider.canceled) != 1 {
		t.Errorf("got %s after %d authorizations and %d cancellations, want one new payment, 2 and 1", got, len(s.provider.sent), len(s.provider.canceled))
	}
}

// A replica that is killed after the old payment was ended leaves a free order.
func TestAReplicaKilledBetweenTheOldPaymentAndTheNewLeavesAFreeOrder(t *testing.T) {
	s := challenged(t, models.CaptureAutomatic)
	if _, err := s.ops.End(t.Context(), s.merchant, s.paymentID(), models.ReasonReplaced); err != nil {
		t.Fatal(err)
	}
	if got := s.rows(); s.payments() != "canceled replaced_by_another_payment" || got.Order != free {
		t.Errorf("got %s, order %s, want a canceled payment and a free order", s.payments(), got.Order)
	}
	s.second("succeeded")
	if out, err := s.pay("new", models.CaptureAutomatic); err != nil || out.Response.Status != 201 {
		t.Errorf("got %+v, %v, want 201", out, err)
	}
}

// One that is killed in the cancellation leaves an attempt, which the checks end.
func TestAReplicaKilledInTheCancellationLeavesItToTheChecks(t *testing.T) {
	s := challenged(t, models.CaptureAutomatic)
	s.provider.cancel = func() answer { panic("killed") }
	func() {
		defer func() { _ = recover() }()
		_, _ = s.pay("new", models.CaptureAutomatic)
		t.Error("the replica lives")
	}()
	s.provider.cancel = func() answer { return intent("canceled") }
	s.exec(`UPDATE provider_attempts SET lease_until = now() - interval '1 second' WHERE lease_until IS NOT NULL`)
	for range 3 {
		s.exec(`UPDATE provider_attempts SET next_check_at = now(), not_found_at = not_found_at - interval '1 minute' WHERE operation = 'void'
			AND next_check_at IS NOT NULL`)
		if _, err := s.ops.CheckDue(t.Context(), 10); err != nil {
			t.Fatal(err)
		}
	}
	s.second("succeeded")
	if out, err := s.pay("new", models.CaptureAutomatic); err != nil || out.Response.Status != 201 || s.payments() != "canceled replaced_by_another_payment, succeeded" {
		t.Errorf("got %+v, %v: %s, want the first replaced", out, err, s.payments())
	}
}

// An order that ended can't be paid again: what waits for its customer is left alone.
func TestAnExpiredOrderKeepsThePaymentThatWaits(t *testing.T) {
	s := challenged(t, models.CaptureAutomatic)
	s.exec(`UPDATE orders SET expires_at = now()`)
	if _, err := s.pay("new", models.CaptureAutomatic); !errors.Is(err, models.ErrOrderNotPayable) {
		t.Errorf("got %v, want %v", err, models.ErrOrderNotPayable)
	}
	if s.payments() != "requires_action" || len(s.provider.canceled) != 0 {
		t.Errorf("got %s, canceled %+v, want it to wait", s.payments(), s.provider.canceled)
	}
}

// What payonce ends by itself is taken back while the provider can't be reached, like a client's request, and tried again later.
func TestAnEndThatNeverReachedTheProviderIsTakenBack(t *testing.T) {
	s := challenged(t, models.CaptureAutomatic)
	s.exec(`UPDATE payments SET next_action_expires_at = now()`)
	s.provider.cancel = func() answer { return answer{Outcome: provider.NotSent, Err: errors.New("connection refused")} }
	for range 2 {
		if _, err := s.ops.EndLeft(t.Context(), 10); !errors.Is(err, idempotency.ErrUnavailable) {
			t.Fatalf("got %v, want %v, so that the job pauses", err, idempotency.ErrUnavailable)
		}
		if got := s.query(`SELECT count(*) || ' ' || (SELECT count(*) FROM provider_attempts WHERE operation = 'void') FROM voids`); got != "0 0" {
			t.Fatalf("got %s voids and attempts, want none left", got)
		}
	}
	s.provider.cancel = func() answer { return intent("canceled") }
	if n, err := s.ops.EndLeft(t.Context(), 10); n != 1 || err != nil || s.payments() != "expired action_timeout" {
		t.Errorf("the provider is back: got %d, %v, %s; want the payment ended", n, err, s.payments())
	}
}
