package handlers

import (
	"errors"
	"fmt"

	"github.com/payonce/payonce/cursor"
	"github.com/payonce/payonce/idempotency"
	"github.com/payonce/payonce/middleware"
	"github.com/payonce/payonce/models"
	"github.com/payonce/payonce/operations"
	"github.com/payonce/payonce/problem"
	"github.com/payonce/payonce/repository"
	"github.com/payonce/payonce/strictjson"
	"github.com/payonce/payonce/wire"
)

// Problem is the table from errors to what a client is told. An error that is not in it is internal; nil says so.
func Problem(err error) *problem.Problem {
	if p, ok := errors.AsType[*problem.Problem](err); ok {
		return p
	}
	if p := aboutRequest(err); p != nil {
		return p
	}
	if p := aboutState(err); p != nil {
		return p
	}
	return middleware.EngineProblem(err)
}

// aboutRequest: the request itself is wrong.
func aboutRequest(err error) *problem.Problem {
	if malformed, ok := errors.AsType[*strictjson.Error](err); ok {
		p := problem.New(problem.CodeMalformedRequest, "The body is not what this route accepts; see errors.")
		if malformed.Code == strictjson.CodeIntegerOutOfRange { // an integer, as it should be, of a value that can't be
			p = problem.New(problem.CodeValidationFailed, "Some values are not acceptable; see errors.")
		}
		return p.WithErrors(problem.FieldError{Pointer: malformed.Pointer, Code: malformed.Code, Detail: malformed.Detail})
	}
	if wrong, ok := errors.AsType[*ValidationError](err); ok {
		return problem.New(problem.CodeValidationFailed, "Some values are not acceptable; see errors.").WithErrors(wrong.Fields...)
	}
	if parameter, ok := errors.AsType[*ParameterError](err); ok {
		return problem.New(problem.CodeMalformedRequest, parameter.Error())
	}
	if errors.Is(err, cursor.ErrInvalid) {
		return problem.New(problem.CodeMalformedRequest, "The cursor is not one that this list returned; start without one.")
	}
	return nil
}

// aboutState: the request is fine, and what it is about is not there or not in the state for it.
func aboutState(err error) *problem.Problem {
	if unpayable, ok := errors.AsType[*operations.NotPayableError](err); ok {
		return notPayable(unpayable)
	}
	if exists, ok := errors.AsType[*ReferenceExistsError](err); ok {
		p := problem.New(problem.CodeOrderReferenceExists, fmt.Sprintf("An order with the reference %q exists.", exists.Reference))
		if exists.Order != "" {
			p.WithLink("order", wire.OrderPath(exists.Order))
		}
		return p
	}
	if rejected, ok := errors.AsType[*operations.RejectedError](err); ok {
		return problem.New(problem.CodeProviderRejected, fmt.Sprintf("The payment provider does not accept this request (%s); nothing was charged.", rejected.Code))
	}
	if expired, ok := errors.AsType[*idempotency.ExpiredError](err); ok {
		p := middleware.EngineProblem(expired)
		if resource := wire.NewResource(expired.Resource.Type, expired.Resource.ID); resource != nil {
			p.WithLink(resource.Type, resource.Href)
		}
		return p
	}
	switch {
	case errors.Is(err, operations.ErrOrderNotFound):
		return problem.New(problem.CodeNotFound, "There is no such order.")
	case errors.Is(err, repository.ErrNotFound):
		return problem.New(problem.CodeNotFound, "There is nothing here.")
	case errors.Is(err, models.ErrOrderNotCancelable):
		return problem.New(problem.CodeOrderNotCancelable, "Only an order that is not canceled and has no payment, made or under way, can be canceled.")
	}
	return nil
}

func notPayable(e *operations.NotPayableError) *problem.Problem {
	detail := "The order is canceled."
	switch {
	case e.Open:
		detail = "Another payment of this order is under way; see links."
	case e.Payment != [16]byte{}:
		detail = "This order has a payment already; see links."
	}
	p := problem.New(problem.CodeOrderNotPayable, detail).
		WithLink("order", wire.OrderPath(models.FormatID(models.PrefixOrder, e.Order)))
	if e.Payment != [16]byte{} {
		p.WithLink("payment", wire.PaymentPath(models.FormatID(models.PrefixPayment, e.Payment)))
	}
	if e.Open {
		p.WithRetryable()
	}
	return p
}
