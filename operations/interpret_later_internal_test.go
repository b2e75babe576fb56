package operations

import (
	"testing"

	"github.com/payonce/payonce/models"
	"github.com/payonce/payonce/provider"
)

// authorized is a payment of 19.99 EUR of which 5.00 are captured.
func authorized() models.Payment {
	reference := "pi_1"
	return models.Payment{
		ID: models.NewID(), ProviderReference: &reference, Amount: 1999, AmountAuthorized: 1999, AmountCaptured: 500, Currency: "EUR",
		CaptureMethod: models.CaptureManual, Status: models.PaymentPartiallyCaptured,
	}
}

// intentOf is how the provider shows the payment: so much received, by an operation.
func intentOf(status string, received int64, operation string) *provider.Intent {
	return &provider.Intent{
		Reference: "pi_1", Status: status, Amount: 1999, AmountReceived: received, Currency: "EUR",
		Metadata: map[string]string{"operation_id": operation},
	}
}

// A capture has succeeded when the intent names it and has received exactly its amount more. Before that, only an intent that is
// as it was may end it, or be sent to again.
func TestInterpretKnowsWhatACaptureMakesOfAnIntent(t *testing.T) {
	t.Parallel()
	for _, final := range []bool{true, false} {
		c := &capture{payment: authorized(), row: models.Capture{ID: models.NewID(), Amount: 700, Currency: "EUR", IsFinal: final}}
		mine := c.row.PublicID()
		status := map[bool]string{true: "succeeded", false: "requires_capture"}[final]
		for _, received := range []int64{0, 500, 700, 1199, 1200, 1201, 1999} {
			for _, operation := range []string{mine, "cap_other", ""} {
				for _, word := range statuses() {
					want, absent := Unknown, false
					switch {
					case operation == mine && word == status && received == 1200:
						want = Succeeded
					case operation == mine && received == 500 && word != "succeeded" && word != "canceled" && word != "requires_capture":
						// on its way: it can still become what was asked
					case operation == mine, received != 500:
						want = Review
					case word == "canceled":
						want = Canceled
					case word == "requires_capture":
						absent = true
					}
					got := c.interpret(provider.Result[provider.Intent]{Outcome: provider.Answered, Object: intentOf(word, received, operation)})
					if got.Kind != want || got.Absent != absent {
						t.Errorf("final %v, %s, %d by %q: got kind %d, absent %v; want %d, %v", final, word, received, operation, got.Kind, got.Absent, want, absent)
					}
				}
			}
		}
	}
}

// A void has succeeded when the intent is over with what was captured before; money that moved otherwise is for a person.
func TestInterpretKnowsWhatAVoidMakesOfAnIntent(t *testing.T) {
	t.Parallel()
	for _, captured := range []int64{0, 500} {
		v := &void{payment: authorized(), row: models.Void{ID: models.NewID(), Releases: captured > 0}}
		v.payment.AmountCaptured = captured
		for _, received := range []int64{0, 500, 1999} {
			for _, word := range statuses() {
				want, absent := Unknown, false
				switch {
				case received != captured:
					want = Review
				case word == "canceled", word == "succeeded" && captured > 0:
					want = Succeeded
				case word == "succeeded":
					want = Declined
				case word == "requires_capture", word == "requires_action", word == "requires_payment_method":
					absent = true
				}
				got := v.interpret(provider.Result[provider.Intent]{Outcome: provider.Answered, Object: intentOf(word, received, "")})
				if got.Kind != want || got.Absent != absent {
					t.Errorf("captured %d, %s, received %d: got kind %d, absent %v; want %d, %v", captured, word, received, got.Kind, got.Absent, want, absent)
				}
			}
		}
	}
}

// A refund is as the provider's word, when it is over the right money; pending is the bank's time, not an outcome.
func TestInterpretKnowsEveryStatusOfARefund(t *testing.T) {
	t.Parallel()
	r := &refund{payment: authorized(), row: models.Refund{ID: models.NewID(), Amount: 300, Currency: "EUR"}}
	kinds := map[string]Kind{"succeeded": Succeeded, "pending": Accepted, "requires_action": Accepted, "failed": Declined, "canceled": Canceled}
	for _, word := range append(statuses(), "pending", "reversed") {
		for _, amount := range []int64{299, 300, 301} {
			for _, currency := range []string{"EUR", "USD"} {
				want := kinds[word]
				if amount != 300 || currency != "EUR" {
					want = Review
				}
				got := r.interpret(provider.Result[provider.Refund]{Outcome: provider.Answered, Object: &provider.Refund{
					Reference: "re_1", Status: word, Amount: amount, Currency: currency, Intent: "pi_1",
					Metadata: map[string]string{"operation_id": r.row.PublicID()},
				}})
				if got.Kind != want || got.Reference != "re_1" {
					t.Errorf("%s, %d %s: got kind %d of %q, want %d of re_1", word, amount, currency, got.Kind, got.Reference, want)
				}
			}
		}
	}
}

// Of all outcomes without an object, only a definite decline ends an effect; and what shows another object says nothing.
func TestInterpretEndsNoLaterEffectByAnOutcomeAlone(t *testing.T) {
	t.Parallel()
	c := &capture{payment: authorized(), row: models.Capture{ID: models.NewID(), Amount: 700, Currency: "EUR"}}
	v := &void{payment: authorized()}
	r := &refund{payment: authorized(), row: models.Refund{ID: models.NewID(), Amount: 300, Currency: "EUR"}}
	other := intentOf("succeeded", 1200, c.row.PublicID())
	other.Reference = "pi_2"
	for outcome := provider.Unknown; outcome <= provider.NotFound; outcome++ {
		declined := Unknown
		if outcome == provider.Declined {
			declined = Declined
		}
		bare := provider.Result[provider.Intent]{Outcome: outcome, Code: "x"}
		mixed := provider.Result[provider.Intent]{Outcome: outcome, Object: other}
		for name, got := range map[string]struct {
			out  Outcome
			want Kind
		}{
			"a capture, nothing shown":        {c.interpret(bare), declined},
			"a void, nothing shown":           {v.interpret(bare), Unknown},
			"a refund, nothing shown":         {r.interpret(provider.Result[provider.Refund]{Outcome: outcome, Code: "x"}), declined},
			"a capture, another intent shown": {c.interpret(mixed), Unknown},
			"a void, another intent shown":    {v.interpret(mixed), Unknown},
			"a refund, another refund shown": {r.interpret(provider.Result[provider.Refund]{Outcome: outcome, Object: &provider.Refund{
				Reference: "re_2", Status: "succeeded", Amount: 300, Currency: "EUR", Intent: "pi_1", Metadata: map[string]string{"operation_id": "re_other"},
			}}), Unknown},
		} {
			if got.out.Kind != got.want || got.out.Reference != "" {
				t.Errorf("%s, %s: got kind %d of %q, want %d", outcome, name, got.out.Kind, got.out.Reference, got.want)
			}
		}
	}
}
