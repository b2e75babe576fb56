package operations

import (
	"fmt"
	"testing"

	"github.com/payonce/payonce/models"
	"github.com/payonce/payonce/provider"
)

// The words of the provider, those that payonce doesn't know included. Each can come with and without an error, and for
// both capture methods.
func statuses() []string {
	return []string{
		"requires_payment_method", "requires_confirmation", "requires_action", "processing", "requires_capture", "canceled",
		"succeeded", "dancing", "failed", "declined", "expired", "requires_source",
	}
}

func asked(method models.CaptureMethod) *models.Payment {
	return &models.Payment{ID: models.NewID(), Amount: 1999, Currency: "EUR", CaptureMethod: method}
}

// shown is an intent over the right amount, with the money where its status says that it is.
func shown(status string, failed bool) *provider.Intent {
	in := &provider.Intent{Reference: "pi_1", Status: status, Failed: failed, Amount: 1999, Currency: "EUR"}
	switch status {
	case "succeeded":
		in.AmountReceived = 1999
	case "requires_capture":
		in.AmountCapturable = 1999
	}
	return in
}

// expected is the kind of outcome of each status, error and capture method. What isn't listed is Unknown.
func expected(status string, failed bool, method models.CaptureMethod) Kind {
	manual := method == models.CaptureManual
	switch {
	case status == "succeeded" && !manual, status == "requires_capture" && manual:
		return Succeeded
	case status == "succeeded", status == "requires_capture":
		return Review
	case status == "requires_action":
		return ActionRequired
	case status == "requires_payment_method" && failed:
		return Declined
	case status == "canceled":
		return Canceled
	}
	return Unknown
}

func TestInterpretKnowsEveryStatusWithAndWithoutAnError(t *testing.T) {
	t.Parallel()
	for _, method := range []models.CaptureMethod{models.CaptureAutomatic, models.CaptureManual} {
		for _, failed := range []bool{false, true} {
			for _, status := range statuses() {
				name := fmt.Sprintf("%s, %s, error %v", status, method, failed)
				got := interpret(asked(method), provider.Result[provider.Intent]{Outcome: provider.Answered, Object: shown(status, failed)})
				if want := expected(status, failed, method); got.Kind != want || got.Reference != "pi_1" {
					t.Errorf("%s: got kind %d of %q, want %d of pi_1", name, got.Kind, got.Reference, want)
				}
				mayCancel := status == "requires_confirmation" || (status == "requires_payment_method" && !failed)
				if got.Untried != mayCancel {
					t.Errorf("%s: got untried %v, want %v", name, got.Untried, mayCancel)
				}
			}
		}
	}
}

// Money that moved, or another amount than asked, outweighs every status.
func TestInterpretNeverFreesAnOrderWhoseMoneyMoved(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*provider.Intent){
		"received":         func(in *provider.Intent) { in.AmountReceived = 1 },
		"held":             func(in *provider.Intent) { in.AmountCapturable = 1 },
		"another amount":   func(in *provider.Intent) { in.Amount = 1998 },
		"another currency": func(in *provider.Intent) { in.Currency = "USD" },
	} {
		for _, failed := range []bool{false, true} {
			for _, status := range statuses() {
				in := shown(status, failed)
				change(in)
				got := interpret(asked(models.CaptureAutomatic), provider.Result[provider.Intent]{Outcome: provider.Answered, Object: in})
				same := status == "succeeded" && name == "held" // released by the provider itself, later
				if got.Kind != Review && !same {
					t.Errorf("%s, %s, error %v: got kind %d, want a review", name, status, failed, got.Kind)
				}
				if got = interpret(asked(models.CaptureAutomatic), provider.Result[provider.Intent]{Outcome: provider.Declined, Object: in}); name != "another amount" &&
					name != "another currency" && got.Kind != Unknown {
					t.Errorf("declined, but %s, %s: got kind %d, want unknown", name, status, got.Kind)
				}
			}
		}
	}
}

// Of all outcomes, only a definite decline ends a payment without an intent that says so.
func TestInterpretEndsNothingByAnOutcomeAlone(t *testing.T) {
	t.Parallel()
	for outcome := provider.Unknown; outcome <= provider.NotFound; outcome++ {
		got := interpret(asked(models.CaptureAutomatic), provider.Result[provider.Intent]{Outcome: outcome, Code: "x"})
		want := Unknown
		if outcome == provider.Declined {
			want = Declined
		}
		if got.Kind != want || got.Absent != (outcome == provider.NotFound) || got.Untried {
			t.Errorf("%s: got %+v, want kind %d", outcome, got, want)
		}
	}
	for _, status := range statuses() {
		ended := status == "requires_payment_method" || status == "canceled"
		got := interpret(asked(models.CaptureAutomatic), provider.Result[provider.Intent]{Outcome: provider.Declined, Object: shown(status, true)})
		if (got.Kind == Declined) != ended || (got.Kind != Declined && got.Kind != Unknown) {
			t.Errorf("a decline that comes with %s: got kind %d", status, got.Kind)
		}
	}
}

// An answer about another payment says nothing, and leaves nothing behind.
func TestInterpretKeepsNothingOfAnotherPaymentsIntent(t *testing.T) {
	t.Parallel()
	for _, outcome := range []provider.Outcome{provider.Answered, provider.Declined} {
		for _, status := range statuses() {
			in := shown(status, true)
			in.Metadata = map[string]string{"payment_id": models.FormatID(models.PrefixPayment, models.NewID())}
			got := interpret(asked(models.CaptureAutomatic), provider.Result[provider.Intent]{Outcome: outcome, Object: in})
			if got.Kind != Unknown || got.Reference != "" || got.Untried {
				t.Errorf("%s, %s: got %+v, want nothing", outcome, status, got)
			}
		}
	}
}

// One of several may be the payment's when it took or holds the money. What ends one says nothing about the others.
func TestInterpretLeavesSeveralIntentsToAPersonUnlessOneIsPaid(t *testing.T) {
	t.Parallel()
	for _, failed := range []bool{false, true} {
		for _, status := range statuses() {
			got := interpret(asked(models.CaptureAutomatic), provider.Result[provider.Intent]{
				Outcome: provider.Answered, Object: shown(status, failed), Others: []*provider.Intent{{Reference: "pi_2"}},
			})
			want, reference, others := Review, "", 2
			if status == "succeeded" {
				want, reference, others = Succeeded, "pi_1", 1
			}
			if got.Kind != want || got.Reference != reference || len(got.Others) != others || got.Untried {
				t.Errorf("%s, error %v: got %+v, want kind %d of %q", status, failed, got, want, reference)
			}
		}
	}
}
