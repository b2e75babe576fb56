package provider

import (
	"errors"
	"time"
)

// ErrUnavailable is what Ready returns, and what a NotSent result wraps, while the circuit breaker is open.
var ErrUnavailable = errors.New("payment provider is unavailable: circuit breaker is open")

// Outcome is what one call proved. The zero value is Unknown, so a result that was never filled in claims nothing.
type Outcome int

// The outcomes; see the package comment for what each one proves.
const (
	Unknown      Outcome = iota // no clear answer: the effect may or may not have happened
	Answered                    // 2xx with a well-formed object: Object is what it was at that moment
	Declined                    // 402 card_error: final
	NotSent                     // surely no request reached the provider
	Refused                     // 400, 404 or 422 with invalid_request_error
	Unauthorized                // 401 or 403: the provider does not accept our secret key
	NotFound                    // look-ups only: answered, and nothing there
)

// String names the outcome as metrics labels and logs show it.
func (o Outcome) String() string {
	switch o {
	case Answered:
		return "answered"
	case Declined:
		return "declined"
	case NotSent:
		return "not_sent"
	case Refused:
		return "refused"
	case Unauthorized:
		return "unauthorized"
	case NotFound:
		return "not_found"
	default:
		return "unknown"
	}
}

// Operations are the names of the calls, as Config.Observe gets them.
func Operations() []string {
	return []string{"authorize", "capture", "cancel", "refund", "retrieve", "retrieve_refund", "find", "find_refund"}
}

// Result is what came of one call about an object: an intent or a refund.
type Result[T any] struct {
	Outcome Outcome
	// Object is set when Answered, when Declined if the provider sent what it declined along, and when Refused if the
	// provider showed the object that the request was about.
	Object *T
	// Others are the further objects that a search saw under the same ids, at most maxOthers of them. There should be none.
	Others []*T
	// Position is where the next Find of the same request goes on when this one ended too early; "" is the beginning.
	Position string
	// HTTPStatus is 0 when no answer was received.
	HTTPStatus int
	// Code and DeclineCode are the provider's error codes, lower case with underscores, "" when there was none.
	Code, DeclineCode string
	// Err says what was wrong; nil when Answered, Declined or NotFound. It is for logs and never shown to clients.
	Err error
}

// Intent is the provider's payment intent, reduced to what payonce decides by. Amounts are in minor units, or [Inexact].
type Intent struct {
	// Reference is the provider's own id (pi_…).
	Reference string
	// Status is the provider's word (succeeded, requires_capture, …), also one that payonce does not know.
	Status string
	// AmountCapturable is what is still held on the card; AmountReceived what was captured.
	Amount, AmountCapturable, AmountReceived int64
	// Currency is an ISO 4217 code in upper case; the provider writes it in lower case.
	Currency string
	// CaptureMethod is automatic, automatic_async or manual.
	CaptureMethod string
	// NextActionURL is where the customer must go while Status is requires_action; http or https, else "".
	NextActionURL string
	// Code and DeclineCode come from last_payment_error: why an earlier attempt to pay failed.
	Code, DeclineCode string
	// Failed says that an attempt to pay was made and refused: last_payment_error is there, and it is an error of the card
	// or of the customer. Without it, requires_payment_method means that nothing has been tried yet.
	Failed             bool
	CancellationReason string
	Metadata           map[string]string
	// Created is the provider's clock, in whole seconds, UTC.
	Created time.Time
}
