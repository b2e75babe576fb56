package middleware

import (
	"context"
	"net/http"

	"github.com/gin-gonic/gin"
)

// Spans measures requests; tracing implements it.
type Spans interface {
	// Request begins the span of a request to a route, which is a pattern, and empty where there is none. The request goes on
	// under the context, in the trace that id names (empty: none), and end gets its finished log line.
	Request(r *http.Request, route string) (_ context.Context, id string, end func(*AccessLine))
}

// Tracing measures each request as a span. It stands before [AccessLog], which then finishes the line before the span ends.
func Tracing(spans Spans) gin.HandlerFunc {
	return func(c *gin.Context) {
		ctx, id, end := spans.Request(c.Request, c.FullPath())
		c.Request = c.Request.WithContext(ctx)
		stateOf(c).traceID = id
		defer func() { end(LineOf(c)) }() // also when a panic cuts the connection
		c.Next()
	}
}

// TraceIDOf is the id of the request's trace; empty without the middleware.
func TraceIDOf(c *gin.Context) string { return stateOf(c).traceID }
