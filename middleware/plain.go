package middleware

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/payonce/payonce/idempotency"
)

const txKey = "payonce/tx"

// ErrHijack means that a protected handler can't take the connection over; its response has to be stored first.
var ErrHijack = errors.New("hijacking is not possible behind the idempotency middleware")

// Protect is a middleware for plain Gin handlers: the rest of the chain runs once, and its response is kept back until
// it is committed. What the handler writes through [Tx] commits together with the response; an effect elsewhere (a
// mail, another service) is outside the transaction and may happen again if the process dies before the commit.
//
// The first answer is the handler's own, with all its headers. A replay has the same status and body, and of the headers
// those that describe the content, and [Config.Replay].
//
// A status other than 2xx and 402 is sent as it is and spends no key, and nothing that was written through Tx stays. A
// handler that answers 3xx probably meant success, so a warning is logged then. A handler that calls c.Error and writes no
// response has failed as well: the middleware around Protect may answer.
//
// Nothing leaves before the commit: Flush and streams only fill the stored response, informational responses (1xx) are
// not sent, and the connection can't be hijacked. A client that hangs up is not noticed by the handler, whose context
// has the engine's own deadline.
func (m *Idempotency[T]) Protect() gin.HandlerFunc { return m.protect(false) }

// ProtectTx is Protect for handlers whose only effect is in their transaction. Such a handler may run before the key was
// looked up, in the one round trip that also commits; when the key turns out to be taken, all that it wrote is rolled
// back, its response is dropped, and the request gets the stored one. So it must not send a mail, call another service
// or change memory that outlives the request: that would happen again for a copy. It runs once per request at most.
func (m *Idempotency[T]) ProtectTx() gin.HandlerFunc { return m.protect(true) }

func (m *Idempotency[T]) protect(txOnly bool) gin.HandlerFunc {
	return func(c *gin.Context) {
		req, err := m.request(c)
		if err != nil {
			m.config.Fail(c, err)
			return
		}
		c.Request.Body = io.NopCloser(bytes.NewReader(BodyOf(c)))
		held := newHeldWriter(c.Writer)
		work := idempotency.Work[T]{Local: &idempotency.Local[T]{
			Once: true, TxOnly: txOnly, // the handler has consumed its request
			Run: func(ctx context.Context, tx T) (*idempotency.Response, error) { return m.runPlain(ctx, c, held, tx) },
		}}
		m.run(c, req, func() (idempotency.Work[T], error) { return work, nil }, held)
		c.Abort() // a replay must not go on to the handler
	}
}

// Tx is the transaction of the protected request.
func Tx[T any](c *gin.Context) T {
	tx, _ := c.Value(txKey).(T)
	return tx
}

// runPlain calls the handlers with the response kept back.
func (m *Idempotency[T]) runPlain(ctx context.Context, c *gin.Context, held *heldWriter, tx T) (*idempotency.Response, error) {
	writer, request := c.Writer, c.Request
	c.Writer, c.Request = held, c.Request.WithContext(ctx)
	defer func() { c.Writer, c.Request = writer, request }() // also when a handler panics
	c.Set(txKey, tx)
	reported := len(c.Errors)
	c.Next()
	failed := !held.Written() && len(c.Errors) > reported // it leaves the response to the middleware around it
	held.finish()
	if failed || !idempotency.Storable(held.final()) {
		return nil, &notOutcomeError{held: held, failed: failed}
	}
	return &idempotency.Response{
		Status: held.final(), Body: held.bytes(), Headers: m.replayed.of(held, c.Request.Method),
	}, nil
}

// notOutcomeError carries a response that is not stored past the engine.
type notOutcomeError struct {
	held   *heldWriter
	failed bool // with c.Error, and without a response
}

func (e *notOutcomeError) Error() string {
	if e.failed {
		return "the handler reported an error and wrote no response"
	}
	return fmt.Sprintf("the handler answered %d, which is not an outcome", e.held.final())
}

// refused sends a response that is not an outcome. That an error (4xx, 5xx) leaves nothing behind is what its sender
// means by it; a redirect or the like was probably meant as success, so its lost writes are logged. A handler that only
// reported an error has answered nothing: Gin would send 200, which a client would take for an outcome.
func (m *Idempotency[T]) refused(c *gin.Context, e *notOutcomeError) {
	status := e.held.final()
	if e.failed && status < http.StatusBadRequest {
		m.config.Log.ErrorContext(c.Request.Context(), "a protected handler reported an error and wrote no response: "+
			"what it wrote in its transaction was rolled back; without an answer of the middleware around it, the client gets 500",
			"error", c.Errors.Last(), "method", c.Request.Method, "route", c.FullPath())
		e.held.send(c.Writer, false)
		c.Writer.WriteHeader(http.StatusInternalServerError)
		return
	}
	if status < http.StatusBadRequest {
		m.config.Log.WarnContext(c.Request.Context(), "a protected handler answered with a status that is not an outcome: "+
			"what it wrote in its transaction was rolled back, and its key stays free; answer 2xx or 402 to keep it",
			"status", status, "method", c.Request.Method, "route", c.FullPath())
	}
	e.held.send(c.Writer, false)
}
