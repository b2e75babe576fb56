package operations

import (
	"cmp"
	"fmt"
	"time"

	"github.com/payonce/payonce/idempotency"
	"github.com/payonce/payonce/provider"
)

// Outcome is what the provider's answer means for an effect. The zero value claims nothing.
type Outcome struct {
	Kind      Kind
	Reference string   // the provider's id of what was found or made
	Status    string   // the provider's word, when it showed the object
	Untried   bool     // with Unknown: nothing was tried yet, so the object can be canceled
	Others    []string // references of further objects of the same effect: there should be none
	Code      string   // the provider's, for the row and for support; never a reason to act
	Reason    string   // with Declined: for the client
	ActionURL string   // with ActionRequired: where the customer goes
	Absent    bool     // a look-up was answered, and the provider knows nothing of the effect
	Position  string   // where the next look-up in the provider's list goes on
	Refused   error    // a call surely had no effect: why the key is free again

	// How the call ended, for the log.
	Answer     provider.Outcome
	HTTPStatus int
	Err        error

	next time.Duration // with Review: the pause to the next check; zero: the usual one
}

// Kind is what an outcome comes to.
type Kind int

// The kinds. The zero value claims nothing. Only Declined and Canceled free what was reserved, and both are the provider's own
// words about this effect's own object.
const (
	Unknown        Kind = iota // stays processing until a look-up decides
	Succeeded                  // what was asked was done: the money was taken, or is held, or was given back
	ActionRequired             // the customer has to act
	Accepted                   // the provider works on it, and ends it by itself
	Declined                   // final, nothing was done
	Canceled                   // at the provider, nothing was done
	Review                     // the provider did something else than it was asked: a person decides
)

// outcomeOf is an outcome without a meaning yet: what a result says of its call, whatever the effect is.
func outcomeOf[T any](result provider.Result[T]) Outcome {
	return Outcome{
		Code: result.Code, Position: result.Position, Refused: refusal(result),
		Answer: result.Outcome, HTTPStatus: result.HTTPStatus, Err: result.Err,
	}
}

// RejectedError says that the provider does not accept the request, with its code; nothing happened.
type RejectedError struct{ Code string }

func (e *RejectedError) Error() string {
	return fmt.Sprintf("the payment provider does not accept the request (%s)", e.Code)
}

// refusal is the reason for releasing a claim: the call surely had no effect. Nil when it may have had one.
func refusal[T any](result provider.Result[T]) error {
	switch result.Outcome {
	case provider.NotSent:
		return fmt.Errorf("%w: the payment provider was not reached: %w", idempotency.ErrUnavailable, result.Err)
	case provider.Unauthorized:
		return fmt.Errorf("%w: the payment provider does not accept our key", idempotency.ErrUnavailable)
	case provider.Refused:
		return &RejectedError{Code: cmp.Or(result.Code, "invalid_request")}
	case provider.Unknown, provider.Answered, provider.Declined, provider.NotFound:
	}
	return nil
}
