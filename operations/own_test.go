package operations_test

import (
	"errors"
	"sync"
	"testing"

	"github.com/payonce/payonce/idempotency/postgres"
	"github.com/payonce/payonce/models"
	"github.com/payonce/payonce/operations"
)

// expiredAuthorization is what the end of an authorization by payonce itself leaves.
func expiredAuthorization() moved {
	want := voids().done
	want.Record, want.Row = "", "succeeded authorization_expired"
	want.Payment, want.Events = "expired authorization_expired 1999 0 0 1999 0 0", "payment.expired 3"
	return want
}

// end ends the payment at a new replica. died tells whether that was killed meanwhile.
func (s *simulated) end() (died any, err error) {
	defer func() { died = recover() }()
	driver, _ := s.replica(nil)
	_, err = driver.End(s.Context(), s.merchant, s.payment, models.ReasonAuthorizationExpired)
	return nil, err
}

// An operation that no client asked for has no client that asks again: a check takes it up.
func TestAnOperationOfOnesOwnIsMadeOnceWhereverItsReplicaIsKilled(t *testing.T) {
	t.Parallel()
	for name, plan := range map[string]func(*line){
		"not at all":       func(*line) {},
		"before the call":  func(l *line) { l.before = func() { panic("killed") } },
		"after the call":   func(l *line) { l.after = func() { panic("killed") } },
		"and its checkers": func(l *line) { l.before, l.onLookUp = func() { panic("killed") }, func() { panic("killed") } },
	} {
		t.Run(name, func(t *testing.T) {
			s := openSimulated(t, voids(), "pm_card_visa")
			plan(s.line)
			if died, err := s.end(); err != nil || (died == nil) != (name == "not at all") {
				t.Fatalf("got %v, %v", died, err)
			}
			if name != "not at all" {
				if got := s.moved(); got.Row != "pending authorization_expired" || got.Attempt != "sent t" {
					t.Errorf("killed: got %+v, want a pending void whose check is planned", got)
				}
			}
			s.checkAll()
			s.expectMoved("in the end", expiredAuthorization())
			if died, err := s.end(); died != nil || !errors.Is(err, models.ErrPaymentNotCancelable) {
				t.Errorf("once more: got %v, %v; want not cancelable", died, err)
			}
		})
	}
}

func TestTwoReplicasEndAPaymentOnce(t *testing.T) {
	s := openSimulated(t, voids(), "pm_card_visa")
	errs := make([]error, 4)
	var group sync.WaitGroup
	for i := range errs {
		group.Go(func() {
			errs[i] = patiently(func() error { _, err := s.end(); return err })
		})
	}
	group.Wait()
	won := 0
	for _, err := range errs {
		_, notPossible := errors.AsType[*operations.NotPossibleError](err)
		_, refused := errors.AsType[*postgres.ConstraintError](err)
		switch {
		case err == nil:
			won++
		case !notPossible && !refused:
			t.Errorf("got %v, want a lost race", err)
		}
	}
	if won != 1 || s.line.sends != 1 {
		t.Errorf("%d won, %d cancellations sent; want one", won, s.line.sends)
	}
	s.expectMoved("in the end", expiredAuthorization())
}

func TestWhatIsOverIsEndedOnce(t *testing.T) {
	t.Parallel()
	left := voids()
	left.method = models.CaptureAutomatic
	leftChallenge := expiredAuthorization()
	leftChallenge.Row, leftChallenge.Payment = "succeeded action_timeout", "expired action_timeout 0 0 0 0 0 0"
	for name, test := range map[string]struct {
		effect        effect
		paymentMethod string
		makeOld       string
		end           func(*operations.Driver, *simulated) (int, error)
		want          moved
	}{
		"an authorization": {
			voids(), "pm_card_visa", `UPDATE payments SET authorization_expires_at = now()`,
			func(d *operations.Driver, s *simulated) (int, error) { return d.EndExpired(s.Context(), 10) }, expiredAuthorization(),
		},
		"a challenge": {
			left, "pm_card_authenticationRequired", `UPDATE payments SET next_action_expires_at = now()`,
			func(d *operations.Driver, s *simulated) (int, error) { return d.EndLeft(s.Context(), 10) }, leftChallenge,
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := openSimulated(t, test.effect, test.paymentMethod)
			driver, _ := s.replica(nil)
			if n, err := test.end(driver, s); n != 0 || err != nil {
				t.Errorf("young: ended %d (%v), want 0", n, err)
			}
			s.exec(`ALTER TABLE payments DISABLE TRIGGER USER`)
			s.exec(test.makeOld)
			s.exec(`ALTER TABLE payments ENABLE TRIGGER USER`)
			for i, want := range []int{1, 0} {
				if n, err := test.end(driver, s); n != want || err != nil {
					t.Errorf("round %d: ended %d (%v), want %d", i, n, err, want)
				}
			}
			s.expectMoved("in the end", test.want)
		})
	}
}
