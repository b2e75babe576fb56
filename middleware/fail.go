package middleware

import (
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/payonce/payonce/idempotency"
)

// Fail answers a request with an error, and aborts it. Each middleware is given one: how errors look is the service's
// decision. The errors are those of package idempotency and this package; [StatusOf] knows them all.
type Fail func(c *gin.Context, err error)

// retryUnavailable is what a client is asked to wait while a store is away: restarts take a second or two.
const retryUnavailable = 2 * time.Second

// StatusOf is the HTTP status of an error that a [Fail] gets, and the Retry-After that belongs to it; 0 is none. An error
// that is neither of package idempotency nor of this one is a 500.
func StatusOf(err error) (status int, retryAfter time.Duration) {
	if inFlight, ok := errors.AsType[*idempotency.InFlightError](err); ok {
		return http.StatusConflict, wholeSeconds(inFlight.RetryAfter)
	}
	if limited, ok := errors.AsType[*idempotency.LimitedError](err); ok {
		return http.StatusTooManyRequests, wholeSeconds(limited.Admission.RetryAfter)
	}
	switch {
	case is[*idempotency.ExpiredError](err), is[*idempotency.CanceledError](err):
		return http.StatusGone, 0
	case errors.Is(err, idempotency.ErrReused):
		return http.StatusUnprocessableEntity, 0
	case errors.Is(err, idempotency.ErrUnavailable), errors.Is(err, idempotency.ErrCommitUnknown), errors.Is(err, idempotency.ErrSerialization):
		return http.StatusServiceUnavailable, retryUnavailable
	case errors.Is(err, ErrUnauthorized):
		return http.StatusUnauthorized, 0
	case is[*ScopeError](err):
		return http.StatusForbidden, 0
	case errors.Is(err, ErrBodyTooLarge):
		return http.StatusRequestEntityTooLarge, 0
	case errors.Is(err, ErrMediaType):
		return http.StatusUnsupportedMediaType, 0
	case errors.Is(err, idempotency.ErrKeyMissing), is[*idempotency.KeyError](err), is[*idempotency.SyntaxError](err), is[*idempotency.QueryError](err),
		errors.Is(err, ErrTwoAuthorizations), errors.Is(err, ErrBodyUnreadable), errors.Is(err, ErrPath):
		return http.StatusBadRequest, 0
	}
	return http.StatusInternalServerError, 0
}

func is[E error](err error) bool {
	_, ok := errors.AsType[E](err)
	return ok
}

// wholeSeconds are from 1 to 60: no time left is still an answer, and to ask once per minute costs nothing.
func wholeSeconds(d time.Duration) time.Duration {
	return time.Duration(ceilSeconds(min(max(d, time.Second), time.Minute))) * time.Second
}

// DefaultFail is the Fail of services that bring none: a problem (RFC 9457) without a type of its own, whose detail is
// this package's or the engine's text. What an unexpected error says stays inside.
func DefaultFail(c *gin.Context, err error) {
	status, retryAfter := StatusOf(err)
	document := struct {
		Title  string `json:"title"`
		Status int    `json:"status"`
		Detail string `json:"detail,omitempty"`
	}{http.StatusText(status), status, ""}
	if status < http.StatusInternalServerError && !errors.Is(err, ErrBodyUnreadable) { // that one names addresses
		document.Detail = err.Error()
	}
	body, err := json.Marshal(document)
	if err != nil { // texts and a number can be encoded
		body = nil
	}
	c.Abort()
	if status == http.StatusUnauthorized {
		c.Header("WWW-Authenticate", "Bearer") // RFC 9110, section 15.5.2
	}
	if retryAfter > 0 {
		c.Header("Retry-After", strconv.FormatInt(ceilSeconds(retryAfter), 10))
	}
	c.Data(status, "application/problem+json", body)
}
