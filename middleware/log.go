package middleware

import (
	"log/slog"
	"time"

	"github.com/gin-gonic/gin"
)

const notesKey = "payonce/notes"

// Requests counts finished requests; metrics implement it.
type Requests interface {
	Request(route, method string, status int, elapsed time.Duration)
}

// AccessLog writes one line a request, with what the other middleware noted on the way. It names the route and not the
// path: a path can hold an idempotency key. Headers, queries and bodies are never logged.
func AccessLog(log *slog.Logger, requests Requests) gin.HandlerFunc {
	return func(c *gin.Context) {
		start := time.Now()
		notes := &[]any{}
		c.Set(notesKey, notes)
		defer func() { // also when a panic cuts the connection
			route, elapsed := c.FullPath(), time.Since(start)
			if route == "" {
				route = "none"
			}
			requests.Request(route, c.Request.Method, c.Writer.Status(), elapsed)
			level := slog.LevelInfo
			if c.Writer.Status() >= 500 {
				level = slog.LevelError
			}
			args := append([]any{
				"request_id", RequestIDOf(c), "method", c.Request.Method, "route", route, "status", c.Writer.Status(),
				"elapsed_ms", float64(elapsed.Microseconds()) / 1000,
			}, *notes...)
			log.Log(c.Request.Context(), level, "request", args...)
		}()
		c.Next()
	}
}

// Note adds a pair to the request's log line.
func Note(c *gin.Context, key string, value any) {
	if notes, ok := c.Value(notesKey).(*[]any); ok {
		*notes = append(*notes, key, value)
	}
}
