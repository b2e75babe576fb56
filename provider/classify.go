package provider

import (
	"context"
	"errors"
	"fmt"
	"net/http"
)

// The error types and codes of Stripe that decide an outcome.
const (
	typeCardError        = "card_error"
	typeInvalidRequest   = "invalid_request_error"
	codeIdempotencyError = "idempotency_error"
	codeResourceMissing  = "resource_missing"
)

// classify says what a reply to one request about one object proves.
func (k kind[T]) classify(op string, rep reply) Result[T] {
	res := Result[T]{HTTPStatus: rep.status}
	switch {
	case rep.err != nil:
		if rep.notSent {
			res.Outcome = NotSent
		}
		res.Err = failure(op, rep)
	case rep.status >= 200 && rep.status < 300:
		object, err := k.read(rep)
		if err != nil {
			res.Err = fmt.Errorf("%s: status %d: %w", op, rep.status, err)
			return res
		}
		res.Outcome, res.Object = Answered, object
	default:
		k.classifyError(op, rep, &res)
	}
	return res
}

// classifyError is the table of the provider's refusals. Each definite row needs both the status and the error type: a
// gateway in between may answer with any status of its own. 401 and 403 are the exception, because what answers so has
// not let the request through.
func (k kind[T]) classifyError(op string, rep reply, res *Result[T]) {
	var kind string
	var object *T
	made := false // the error comes with an object, so something was made
	if e := readError(rep); e != nil {
		c, shown := k.client, k.shown(e)
		kind, res.Code, res.DeclineCode = c.word(e.Type), c.word(e.Code), c.word(e.DeclineCode)
		object, _ = k.parse(shown)
		made = len(shown) > 0 && string(shown) != "null" && !k.known
	}
	switch rep.status {
	case http.StatusPaymentRequired:
		if kind == typeCardError {
			res.Outcome, res.Object = Declined, object
			return
		}
	case http.StatusUnauthorized, http.StatusForbidden:
		res.Outcome = Unauthorized
	case http.StatusBadRequest, http.StatusNotFound, http.StatusUnprocessableEntity:
		if kind == typeInvalidRequest && !made {
			res.Outcome, res.Object = Refused, object
		}
	}
	if kind == codeIdempotencyError && res.Code == "" {
		res.Code = codeIdempotencyError // Stripe names it in the type only; the breaker and the logs read Code
	}
	res.Err = fmt.Errorf("%s: status %d, type %q, code %q", op, rep.status, kind, res.Code)
}

func (k kind[T]) read(rep reply) (*T, error) {
	if !isJSON(rep.contentType) {
		return nil, errNotJSON
	}
	return k.parse(rep.body)
}

func readError(rep reply) *wireError {
	if !isJSON(rep.contentType) {
		return nil
	}
	return parseError(rep.body)
}

// failure describes a reply that did not arrive whole. Texts from the network can quote what the peer sent, and so could
// hold our secret echoed back; only the kind of the failure is kept, as an error that errors.Is can still tell.
func failure(op string, rep reply) error {
	err := rep.err
	switch {
	case errors.Is(err, errTooLong), rep.notSent:
	case errors.Is(err, context.DeadlineExceeded):
		err = fmt.Errorf("no whole answer in time: %w", context.DeadlineExceeded)
	case errors.Is(err, context.Canceled):
		err = fmt.Errorf("given up by the caller: %w", context.Canceled)
	default:
		err = networkError(err)
	}
	if rep.status != 0 {
		return fmt.Errorf("%s: status %d: %w", op, rep.status, err)
	}
	return fmt.Errorf("%s: %w", op, err)
}
