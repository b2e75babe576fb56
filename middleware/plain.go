package middleware

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"unicode/utf8"

	"github.com/gin-gonic/gin"

	"github.com/payonce/payonce/idempotency"
)

const unitKey = "payonce/unit"

// ErrHijack means that a protected handler can't take the connection over; its response has to be stored first.
var ErrHijack = errors.New("hijacking is not possible behind the idempotency middleware")

// replayable are the headers that are stored and replayed. Cookies, credentials, request ids, rate limits and
// hop-by-hop headers belong to one arrival and never to its copies.
func replayable() []string {
	return []string{"Content-Type", "Location", "Link", "Content-Language", "Etag"}
}

// Protect is a middleware for plain Gin handlers: the rest of the chain runs once, and its response is kept back until
// it is committed. What the handler writes through [Unit] commits together with the response; an effect elsewhere (a
// mail, another service) is outside the transaction and may happen again if the process dies before the commit.
//
// A status other than 2xx and 402 is sent as it is and spends no key, and nothing that was written through Unit stays.
func (m *Idempotency[T]) Protect() gin.HandlerFunc {
	return func(c *gin.Context) {
		req, err := m.request(c)
		if err != nil {
			m.config.Fail(c, err)
			return
		}
		c.Request.Body = io.NopCloser(bytes.NewReader(BodyOf(c)))
		held := &bufferedWriter{ResponseWriter: c.Writer, header: http.Header{}, status: http.StatusOK}
		m.run(c, req, idempotency.Work[T]{Local: &idempotency.Local[T]{
			Once: true, // the handler has consumed its request
			Run:  func(ctx context.Context, tx T) (*idempotency.Response, error) { return held.run(ctx, c, tx) },
		}})
		c.Abort() // a replay must not go on to the handler
	}
}

// Unit is the transaction of the protected request.
func Unit[T any](c *gin.Context) T {
	unit, _ := c.Value(unitKey).(T)
	return unit
}

// bufferedWriter keeps a response back. It overrides all of gin.ResponseWriter, so that nothing slips past it.
type bufferedWriter struct {
	gin.ResponseWriter // the real one, for what has no effect: it is never written to
	header             http.Header
	status             int
	body               bytes.Buffer
	written            bool
}

// run calls the handlers with the response kept back.
func (w *bufferedWriter) run(ctx context.Context, c *gin.Context, unit any) (*idempotency.Response, error) {
	writer, request := c.Writer, c.Request
	c.Writer, c.Request = w, c.Request.WithContext(ctx)
	defer func() { c.Writer, c.Request = writer, request }() // also when a handler panics
	c.Set(unitKey, unit)
	c.Next()
	if !idempotency.Storable(w.status) {
		return nil, &notOutcomeError{w}
	}
	response := &idempotency.Response{Status: w.status, Body: w.body.Bytes()}
	for _, name := range replayable() {
		for _, value := range w.header.Values(name) {
			if !utf8.ValidString(value) { // it could not be stored as it is, so its replay would differ
				return nil, fmt.Errorf("the handler's header %s is not UTF-8", name)
			}
			response.Headers = append(response.Headers, idempotency.Header{Name: name, Value: value})
		}
	}
	return response, nil
}

// notOutcomeError carries a response that is not stored past the engine.
type notOutcomeError struct{ held *bufferedWriter }

func (e *notOutcomeError) Error() string {
	return fmt.Sprintf("the handler answered %d, which is not an outcome", e.held.status)
}

func (w *bufferedWriter) Header() http.Header { return w.header }
func (w *bufferedWriter) WriteHeader(status int) {
	if !w.written && status >= 200 { // an informational status is not the response
		w.status = status
	}
}
func (w *bufferedWriter) WriteHeaderNow() { w.written = true }
func (w *bufferedWriter) Write(b []byte) (int, error) {
	w.written = true
	return w.body.Write(b)
}

func (w *bufferedWriter) WriteString(s string) (int, error) {
	w.written = true
	return w.body.WriteString(s)
}
func (w *bufferedWriter) Status() int                                  { return w.status }
func (w *bufferedWriter) Size() int                                    { return w.body.Len() }
func (w *bufferedWriter) Written() bool                                { return w.written }
func (w *bufferedWriter) Flush()                                       {} // nothing leaves before the commit
func (w *bufferedWriter) Pusher() http.Pusher                          { return nil }
func (w *bufferedWriter) Hijack() (net.Conn, *bufio.ReadWriter, error) { return nil, nil, ErrHijack }
func (w *bufferedWriter) Unwrap() http.ResponseWriter                  { return nil }

// send passes a response on that is not an outcome.
func (w *bufferedWriter) send(to gin.ResponseWriter) {
	for name, values := range w.header {
		to.Header()[name] = values
	}
	to.WriteHeader(w.status)
	_, _ = to.Write(w.body.Bytes())
}
