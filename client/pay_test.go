package payonce_test

import (
	"errors"
	"testing"
	"testing/synctest"

	payonce "github.com/payonce/payonce/client"
)

var (
	card  = payonce.CreatePayment{OrderID: "ord_1", PaymentMethod: "pm_card_visa"}
	card2 = payonce.CreatePayment{OrderID: "ord_1", PaymentMethod: "pm_card_mastercard"}
)

// is a payment in a state.
func is(status int, state, reason string) answer {
	return says(status, `{"id":"pay_1","status":"`+state+`","status_reason":`+reason+`}`)
}

func TestPayingWaitsForTheProvidersWord(t *testing.T) {
	t.Parallel()
	const unknown = `"outcome_unknown"`
	for name, test := range map[string]struct {
		answers []answer
		state   string
		err     error
	}{
		"known at once":       {[]answer{is(201, "succeeded", "null"), is(200, "succeeded", "null")}, payonce.PaymentSucceeded, nil},
		"known later":         {[]answer{is(202, "processing", unknown), is(200, "processing", unknown), lost, is(200, "succeeded", "null")}, payonce.PaymentSucceeded, nil},
		"replayed, and older": {[]answer{is(202, "processing", unknown), is(200, "succeeded", "null")}, payonce.PaymentSucceeded, nil},
		"needs a person":      {[]answer{is(202, "processing", unknown), is(200, "processing", `"needs_review"`)}, payonce.PaymentProcessing, nil},
		"not known in time":   {[]answer{is(202, "processing", unknown)}, payonce.PaymentProcessing, payonce.ErrProcessing},
		"asks the customer":   {[]answer{is(201, "requires_action", "null")}, payonce.PaymentRequiresAction, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := script(test.answers...)
				c := client(t, s, payonce.Options{})
				got, err := c.Pay(t.Context(), "basket-1", card)
				if got == nil || got.Status != test.state || !errors.Is(err, test.err) {
					t.Errorf("got %+v, %v; want %s, %v", got, err, test.state, test.err)
				}
				if _, err := c.Pay(t.Context(), "basket-1", card2); !errors.Is(err, payonce.ErrOtherRequest) {
					t.Errorf("another card meanwhile: got %v, want ErrOtherRequest", err)
				}
			})
		})
	}
}

func TestPayingMayBeginAnewOnceAPaymentEndedWithoutMoney(t *testing.T) {
	t.Parallel()
	for name, answers := range map[string][]answer{
		"declined at once": {declined},
		"declined later":   {is(202, "processing", `"outcome_unknown"`), is(200, "failed", `"card_declined"`)},
		"expired":          {is(201, "requires_action", "null"), is(200, "expired", "null")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := script(answers...)
				c := client(t, s, payonce.Options{})
				payment, err := c.Pay(t.Context(), "basket-1", card)
				problem, refused := errors.AsType[*payonce.Problem](err)
				if refused == (payment != nil) || (refused && problem.DeclineCode != "insufficient_funds") || (payment != nil && !payment.Ended()) {
					t.Fatalf("got %+v, %v; want the decline", payment, err)
				}
				first := s.requests()[0].key
				s.then(is(201, "succeeded", "null"))
				if got, err := c.Pay(t.Context(), "basket-1", card2); err != nil || got.Status != payonce.PaymentSucceeded || s.requests()[0].key == first {
					t.Errorf("another card: got %+v, %v", got, err)
				}
			})
		})
	}
}

func TestARefundIsFollowedUntilTheProvidersWordIsKnown(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := script(is(200, "pending", `"outcome_unknown"`), is(200, "pending", "null"))
		if got, err := client(t, s, payonce.Options{}).WaitForRefund(t.Context(), "re_1"); err != nil || got.Status != "pending" || len(s.requests()) != 2 {
			t.Errorf("got %+v, %v after %d requests; want a refund that waits for the bank", got, err, len(s.requests()))
		}
	})
}
