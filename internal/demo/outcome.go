package demo

import (
	"cmp"
	"net/http"

	"github.com/payonce/payonce/internal/problem"
)

const (
	paymentsPath   = "/v1/payments"
	codeInFlight   = string(problem.CodeRequestInFlight)
	codeNotPayable = string(problem.CodeOrderNotPayable)
)

// chargedAgain is the harm that all of this is about.
const chargedAgain = "charged again"

// outcome is what became of one request.
type outcome string

const (
	executed outcome = "executed" // an answer that says it was done now
	replayed outcome = "replayed" // the first answer again
	refused  outcome = "refused"  // a problem
	lost     outcome = "lost"     // no answer
)

func (t *try) outcome() outcome {
	switch {
	case t.answer.err != nil:
		return lost
	case t.answer.status >= http.StatusMultipleChoices:
		return refused
	case t.answer.replayed():
		return replayed
	}
	return executed
}

// refusedForNow reports whether the same request under the same key is worth sending again.
func (t *try) refusedForNow() bool {
	return t.outcome() == refused && (t.answer.field("code") == codeInFlight || t.answer.status == http.StatusServiceUnavailable)
}

// says is the outcome in at most 19 characters. again: another request was charged before.
func (t *try) says(protected, again bool) string {
	switch t.outcome() {
	case lost:
		return t.lost
	case replayed:
		return "replayed"
	case executed:
		switch {
		case t.answer.status == http.StatusAccepted:
			return "accepted, unknown" // the provider was too slow; see PROVIDER_TIMEOUT
		case protected:
			return cmp.Or(t.said, "executed")
		case again:
			return chargedAgain
		}
		return "charged"
	}
	switch code := t.answer.field("code"); {
	case code == codeInFlight:
		return "refused, in flight"
	case code == codeNotPayable && t.answer.flag("retryable"):
		return "refused, being paid"
	case code == codeNotPayable:
		return "refused, order paid"
	default:
		return code
	}
}
