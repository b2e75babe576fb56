package handlers

import (
	"errors"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/payonce/payonce/idempotency"
	"github.com/payonce/payonce/idempotency/postgres"
	"github.com/payonce/payonce/internal/cursor"
	"github.com/payonce/payonce/internal/problem"
	"github.com/payonce/payonce/internal/strictjson"
	"github.com/payonce/payonce/middleware"
	"github.com/payonce/payonce/operations"
)

func TestProblemKnowsEachErrorByItsKindAndNotByItsText(t *testing.T) {
	t.Parallel()
	payment := uuid.Must(uuid.NewV7())
	for _, test := range []struct {
		err       error
		code      problem.Code
		retryable bool
		links     int
	}{
		{&strictjson.Error{Code: "type"}, problem.CodeMalformedRequest, false, 0},
		{&strictjson.Error{Code: strictjson.CodeIntegerOutOfRange}, problem.CodeValidationFailed, false, 0},
		{&ValidationError{}, problem.CodeValidationFailed, false, 0},
		{&ParameterError{}, problem.CodeMalformedRequest, false, 0},
		{cursor.ErrInvalid, problem.CodeMalformedRequest, false, 0},
		{&operations.NotPayableError{}, problem.CodeOrderNotPayable, false, 1},
		{&operations.NotPayableError{Payment: payment, Open: true}, problem.CodeOrderNotPayable, true, 2},
		{&NotCancelableError{}, problem.CodeOrderNotCancelable, false, 0},
		{&NotCancelableError{Payment: payment}, problem.CodeOrderNotCancelable, false, 1},
		{&ReferenceExistsError{Order: "ord_1"}, problem.CodeOrderReferenceExists, false, 1},
		{&operations.RejectedError{}, problem.CodeProviderRejected, false, 0},
		{operations.ErrOrderNotFound, problem.CodeNotFound, false, 0},
		{postgres.ErrNotFound, problem.CodeNotFound, false, 0},
		{errNoRoute, problem.CodeNotFound, false, 0},
		{errNoMethod, problem.CodeMethodNotAllowed, false, 0},
		{&idempotency.ExpiredError{Resource: idempotency.Resource{Type: "payment", ID: payment}}, problem.CodeIdempotencyKeyExpired, false, 1},
		{&idempotency.ExpiredError{}, problem.CodeIdempotencyKeyExpired, false, 0},
		{&idempotency.CanceledError{}, problem.CodeIdempotencyKeyCanceled, false, 0},
		{&TargetInFlightError{&idempotency.InFlightError{}}, problem.CodeRequestInFlight, true, 0},
		{&KeyNotCancelableError{Resource: idempotency.Resource{Type: "order", ID: payment}}, problem.CodeIdempotencyKeyNotCancelable, false, 1},
		{ErrGivesItselfUp, problem.CodeIdempotencyKeyInvalid, false, 0},
		{problem.New(problem.CodePaymentDeclined, ""), problem.CodePaymentDeclined, false, 0},
		{errors.New("not found"), problem.CodeInternal, true, 0},
	} {
		got := Problem(fmt.Errorf("while it was done: %w", test.err))
		if got.Code != test.code || got.Retryable != test.retryable || len(got.Links) != test.links {
			t.Errorf("%T %v: got %s, retryable %t, links %v; want %s, %t, %d links",
				test.err, test.err, got.Code, got.Retryable, got.Links, test.code, test.retryable, test.links)
		}
	}
}

// Other services answer with middleware.StatusOf alone, so the two must agree.
func TestProblemHasTheStatusThatTheMiddlewareGivesItsErrors(t *testing.T) {
	t.Parallel()
	for _, err := range []error{
		&idempotency.InFlightError{RetryAfter: 1500 * time.Millisecond}, &idempotency.LimitedError{}, &idempotency.ExpiredError{}, &idempotency.CanceledError{},
		idempotency.ErrReused, idempotency.ErrUnavailable, idempotency.ErrCommitUnknown, idempotency.ErrSerialization,
		idempotency.ErrKeyMissing, &idempotency.KeyError{}, &idempotency.SyntaxError{}, &idempotency.QueryError{},
		middleware.ErrUnauthorized, middleware.ErrTwoAuthorizations, middleware.ErrPath, middleware.ErrBodyUnreadable,
		middleware.ErrBodyTooLarge, middleware.ErrMediaType, middleware.ErrPanic,
	} {
		status, retryAfter := middleware.StatusOf(err)
		got, header := Problem(err), http.Header{}
		got.Header(header)
		want := ""
		if retryAfter > 0 {
			want = fmt.Sprint(int(retryAfter.Seconds()))
		}
		if got.Status != status || header.Get("Retry-After") != want {
			t.Errorf("%T %v: got %d, Retry-After %q; want %d, %q", err, err, got.Status, header.Get("Retry-After"), status, want)
		}
	}
}
