package middleware

import (
	"errors"
	"strings"
	"time"

	"github.com/payonce/payonce/idempotency"
	"github.com/payonce/payonce/problem"
)

// EngineProblem is the part of the table that belongs to this package: what the engine and the middleware refuse. It
// returns nil for errors that it doesn't know.
func EngineProblem(err error) *problem.Problem {
	if p := refusedByEngine(err); p != nil {
		return p
	}
	switch {
	case errors.Is(err, idempotency.ErrKeyMissing):
		return problem.New(problem.CodeIdempotencyKeyMissing, "Send an Idempotency-Key header: any text of your own, a UUID for instance, "+
			"new for each thing you want done and the same for each repetition of it.")
	case errors.Is(err, ErrUnauthorized):
		return problem.New(problem.CodeUnauthorized, "A valid API key is required: Authorization: Bearer sk_test_…")
	case errors.Is(err, ErrTwoAuthorizations):
		return problem.New(problem.CodeMalformedRequest, "The Authorization header was sent more than once; send one.")
	case errors.Is(err, ErrBodyTooLarge):
		return problem.New(problem.CodeBodyTooLarge, sentence(err))
	case errors.Is(err, ErrBodyUnreadable):
		return problem.New(problem.CodeMalformedRequest, "The request body ended early or came too slowly; it has to be complete within 10 seconds.")
	case errors.Is(err, ErrMediaType):
		return problem.New(problem.CodeUnsupportedMediaType, sentence(err))
	}
	if key, ok := errors.AsType[*idempotency.KeyError](err); ok {
		return problem.New(problem.CodeIdempotencyKeyInvalid, sentence(key))
	}
	if syntax, ok := errors.AsType[*idempotency.SyntaxError](err); ok {
		code := "syntax"
		if syntax.Duplicate {
			code = "duplicate_member"
		}
		return problem.New(problem.CodeMalformedRequest, "The body is not acceptable JSON: "+syntax.Reason+".").
			WithErrors(problem.FieldError{Pointer: syntax.Pointer, Code: code, Detail: syntax.Reason})
	}
	if query, ok := errors.AsType[*idempotency.QueryError](err); ok {
		return problem.New(problem.CodeMalformedRequest, sentence(query))
	}
	return nil
}

func refusedByEngine(err error) *problem.Problem {
	if inFlight, ok := errors.AsType[*idempotency.InFlightError](err); ok {
		return problem.New(problem.CodeRequestInFlight, "The first request with this key is still running. Ask again with the same key.").
			WithRetryAfter(inFlight.RetryAfter)
	}
	if limited, ok := errors.AsType[*idempotency.LimitedError](err); ok {
		return problem.New(problem.CodeRateLimited, "Too many requests with this API key. The request was not executed.").
			WithRetryAfter(limited.Admission.RetryAfter)
	}
	if _, ok := errors.AsType[*idempotency.ExpiredError](err); ok {
		return problem.New(problem.CodeIdempotencyKeyExpired, "This key was used before and its response is no longer kept. The request was not executed again.")
	}
	switch {
	case errors.Is(err, idempotency.ErrReused):
		return problem.New(problem.CodeIdempotencyKeyReused, "This key was used for another request. Use a new key for a new request.")
	case errors.Is(err, idempotency.ErrUnavailable), errors.Is(err, idempotency.ErrCommitUnknown), errors.Is(err, idempotency.ErrSerialization):
		return problem.New(problem.CodeUnavailable, "A store or the payment provider is away for the moment. Send the same request with the same key again.").
			WithRetryAfter(retryUnavailable)
	}
	return nil
}

// retryUnavailable is what a client is asked to wait while a store is away: restarts take a second or two.
const retryUnavailable = 2 * time.Second

// sentence is an error's text as a sentence.
func sentence(err error) string {
	text := err.Error()
	return strings.ToUpper(text[:1]) + text[1:] + "."
}
