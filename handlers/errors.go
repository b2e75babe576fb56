package handlers

import (
	"errors"
	"fmt"
	"strings"

	"github.com/google/uuid"

	"github.com/payonce/payonce/idempotency"
	"github.com/payonce/payonce/idempotency/postgres"
	"github.com/payonce/payonce/internal/cursor"
	"github.com/payonce/payonce/internal/problem"
	"github.com/payonce/payonce/internal/strictjson"
	"github.com/payonce/payonce/internal/wire"
	"github.com/payonce/payonce/middleware"
	"github.com/payonce/payonce/models"
	"github.com/payonce/payonce/operations"
)

// table has a row per error that clients can see, and the problem that it becomes. The first row that knows an error
// decides. What each code stands for (status, retryable, safe_new_key) is the table of package problem.
var table = []row{
	// The request can't be read, or its values are not acceptable.
	as(malformed),
	as(func(e *ValidationError) *problem.Problem {
		return problem.New(problem.CodeValidationFailed, "Some values are not acceptable; see errors.").WithErrors(e.Fields...)
	}),
	as(func(e *operations.NotPayableAmountError) *problem.Problem { // of a capture or a refund; an order's are found by validation
		return problem.New(problem.CodeValidationFailed, "Some values are not acceptable; see errors.").
			WithErrors(problem.FieldError{Pointer: "/amount", Code: e.Code(), Detail: e.Error()})
	}),
	as(func(e *ParameterError) *problem.Problem { return problem.New(problem.CodeMalformedRequest, e.Error()) }),
	is(cursor.ErrInvalid, problem.CodeMalformedRequest, "The cursor is not one that this list returned; start without one."),

	// What the request is about is not there, or not in the state for it.
	as(notPayable),
	as(notCancelable),
	as(notPossible),
	as(referenceExists),
	as(func(e *operations.RejectedError) *problem.Problem {
		return problem.New(problem.CodeProviderRejected, fmt.Sprintf("The payment provider does not accept this request (%s); nothing was charged.", e.Code))
	}),
	said(models.ErrDiscrepancyResolved, problem.CodeDiscrepancyNotResolvable),
	said(models.ErrActionNotPossible, problem.CodeDiscrepancyNotResolvable),
	said(ErrTooManyEndpoints, problem.CodeTooManyWebhookEndpoints),
	said(ErrEndpointDisabled, problem.CodeWebhookEndpointDisabled),
	as(keyExpired),
	as(keyNotCancelable),
	is(operations.ErrOrderNotFound, problem.CodeNotFound, "There is no such order."),
	is(postgres.ErrNotFound, problem.CodeNotFound, "There is nothing here."),
	is(errNoRoute, problem.CodeNotFound, "There is no such route."),
	is(errNoMethod, problem.CodeMethodNotAllowed, "This route doesn't know the method; see Allow."),

	// The engine refuses.
	as(func(e *TargetInFlightError) *problem.Problem {
		return problem.New(problem.CodeRequestInFlight, "The request with the key that is to be given up is still running. Ask again, with the key that this request has.").
			WithRetryAfter(e.RetryAfter)
	}),
	as(func(e *idempotency.InFlightError) *problem.Problem {
		return problem.New(problem.CodeRequestInFlight, "The first request with this key is still running. Ask again with the same key.").
			WithRetryAfter(e.RetryAfter)
	}),
	as(func(e *idempotency.LimitedError) *problem.Problem {
		return problem.New(problem.CodeRateLimited, "Too many requests with this API key, or too many with wrong API keys from this address. The request was not executed.").
			WithRetryAfter(e.Admission.RetryAfter)
	}),
	as(func(*idempotency.CanceledError) *problem.Problem {
		return problem.New(problem.CodeIdempotencyKeyCanceled, "This key was given up before a request with it was executed. This one was not executed either.")
	}),
	is(idempotency.ErrReused, problem.CodeIdempotencyKeyReused, "This key was used for another request. Use a new key for a new request."),
	away(idempotency.ErrUnavailable),
	away(idempotency.ErrCommitUnknown),
	away(idempotency.ErrSerialization),
	is(idempotency.ErrKeyMissing, problem.CodeIdempotencyKeyMissing, "Send an Idempotency-Key header: any text of your own, a UUID for instance, "+
		"new for each thing you want done and the same for each repetition of it."),
	as(func(e *idempotency.KeyError) *problem.Problem {
		return problem.New(problem.CodeIdempotencyKeyInvalid, sentence(e))
	}),
	is(ErrGivesItselfUp, problem.CodeIdempotencyKeyInvalid, "The Idempotency-Key header holds the very key that is to be given up. This request needs a key of its own."),
	as(syntax),
	as(func(e *idempotency.QueryError) *problem.Problem {
		return problem.New(problem.CodeMalformedRequest, sentence(e))
	}),

	// The middleware before the handlers refuses.
	is(middleware.ErrUnauthorized, problem.CodeUnauthorized, "A valid API key is required: Authorization: Bearer sk_test_…"),
	as(func(e *middleware.ScopeError) *problem.Problem {
		return problem.New(problem.CodeForbidden, sentence(e))
	}),
	is(middleware.ErrTwoAuthorizations, problem.CodeMalformedRequest, "The Authorization header was sent more than once; send one."),
	is(middleware.ErrPath, problem.CodeMalformedRequest, "The path is not well-formed: a percent sign needs two hexadecimal digits after it."),
	is(middleware.ErrBodyUnreadable, problem.CodeMalformedRequest, "The request body ended early or came too slowly; it has to be complete within 10 seconds."),
	said(middleware.ErrBodyTooLarge, problem.CodeBodyTooLarge),
	said(middleware.ErrMediaType, problem.CodeUnsupportedMediaType),
}

// Problem is the problem that a client sees for an error. One that the table doesn't know is internal.
func Problem(err error) *problem.Problem {
	if p, ok := errors.AsType[*problem.Problem](err); ok {
		return p
	}
	for _, row := range table {
		if p := row(err); p != nil {
			return p
		}
	}
	return problem.New(problem.CodeInternal, "")
}

// row makes the problem of the errors that it knows; nil for all others.
type row func(error) *problem.Problem

// is knows one error and has a fixed text for it.
func is(target error, code problem.Code, detail string) row {
	return func(err error) *problem.Problem {
		if !errors.Is(err, target) {
			return nil
		}
		return problem.New(code, detail)
	}
}

// said knows one error, whose own text is for clients.
func said(target error, code problem.Code) row {
	return func(err error) *problem.Problem {
		if !errors.Is(err, target) {
			return nil
		}
		return problem.New(code, sentence(err))
	}
}

// as knows the errors of one type, and makes the problem from their data.
func as[E error](render func(E) *problem.Problem) row {
	return func(err error) *problem.Problem {
		if e, ok := errors.AsType[E](err); ok {
			return render(e)
		}
		return nil
	}
}

// away knows an error that ends by itself when a store is there again.
func away(target error) row {
	return func(err error) *problem.Problem {
		if !errors.Is(err, target) {
			return nil
		}
		_, retryAfter := middleware.StatusOf(err)
		return problem.New(problem.CodeUnavailable, "A store or the payment provider is away for the moment. Send the same request with the same key again.").
			WithRetryAfter(retryAfter)
	}
}

// sentence is an error's text as a sentence.
func sentence(err error) string {
	text := err.Error()
	return strings.ToUpper(text[:1]) + text[1:] + "."
}

func malformed(e *strictjson.Error) *problem.Problem {
	p := problem.New(problem.CodeMalformedRequest, "The body is not what this route accepts; see errors.")
	if e.Code == strictjson.CodeIntegerOutOfRange { // an integer, as it should be, of a value that can't be
		p = problem.New(problem.CodeValidationFailed, "Some values are not acceptable; see errors.")
	}
	return p.WithErrors(problem.FieldError{Pointer: e.Pointer, Code: e.Code, Detail: e.Detail})
}

func syntax(e *idempotency.SyntaxError) *problem.Problem {
	code := "syntax"
	if e.Duplicate {
		code = "duplicate_member"
	}
	return problem.New(problem.CodeMalformedRequest, "The body is not acceptable JSON: "+e.Reason+".").
		WithErrors(problem.FieldError{Pointer: e.Pointer, Code: code, Detail: e.Reason})
}

func keyExpired(e *idempotency.ExpiredError) *problem.Problem {
	p := problem.New(problem.CodeIdempotencyKeyExpired, "This key was used before and its response is no longer kept. The request was not executed again.")
	if resource := wire.NewResource(e.Resource.Type, e.Resource.ID); resource != nil {
		p.WithLink(resource.Type, resource.Href)
	}
	return p
}

func keyNotCancelable(e *KeyNotCancelableError) *problem.Problem {
	p := problem.New(problem.CodeIdempotencyKeyNotCancelable, "What the request with this key did can't be undone by giving the key up.")
	if resource := wire.NewResource(e.Resource.Type, e.Resource.ID); resource != nil {
		p.WithLink(resource.Type, resource.Href)
	}
	return p
}

func referenceExists(e *ReferenceExistsError) *problem.Problem {
	p := problem.New(problem.CodeOrderReferenceExists, fmt.Sprintf("An order with the reference %q exists.", e.Reference))
	if e.Order != "" {
		p.WithLink("order", wire.OrderPath(e.Order))
	}
	return p
}

func notCancelable(e *NotCancelableError) *problem.Problem {
	p := problem.New(problem.CodeOrderNotCancelable, "Only an order that is not canceled and has no payment, made or under way, can be canceled.")
	return obstructed(p, e.Payment, e.Open)
}

func notPayable(e *operations.NotPayableError) *problem.Problem {
	detail := "The order is canceled."
	switch {
	case e.Open:
		detail = "Another payment of this order is under way; see links."
	case e.Payment != uuid.Nil:
		detail = "This order has a payment already; see links."
	case errors.Is(e, models.ErrOrderExpired):
		detail = "The order has expired: no payment of it began before its expires_at."
	}
	p := problem.New(problem.CodeOrderNotPayable, detail).
		WithLink("order", wire.OrderPath(models.FormatID(models.PrefixOrder, e.Order)))
	return obstructed(p, e.Payment, e.Open)
}

// notPossible is about an operation on a payment: a capture, a cancellation, a refund.
func notPossible(e *operations.NotPossibleError) *problem.Problem {
	var p *problem.Problem
	large, tooLarge := errors.AsType[*models.AmountTooLargeError](e.Reason)
	switch {
	case tooLarge:
		p = problem.New(problem.CodeAmountTooLarge, sentence(large))
	case errors.Is(e.Reason, models.ErrPaymentNotCapturable):
		p = problem.New(problem.CodePaymentNotCapturable, sentence(e.Reason))
	case errors.Is(e.Reason, models.ErrPaymentNotRefundable):
		p = problem.New(problem.CodePaymentNotRefundable, sentence(e.Reason))
	case errors.Is(e.Reason, models.ErrPaymentNotCancelable):
		p = problem.New(problem.CodePaymentNotCancelable, sentence(e.Reason))
	default:
		return nil
	}
	return obstructed(p, e.Payment, e.Open)
}

// obstructed names the payment that stands in the way, if one does. While it is open, the refusal may pass.
func obstructed(p *problem.Problem, payment uuid.UUID, open bool) *problem.Problem {
	if payment != uuid.Nil {
		p.WithLink("payment", wire.PaymentPath(models.FormatID(models.PrefixPayment, payment)))
	}
	if open {
		p.WithRetryable()
	}
	return p
}
