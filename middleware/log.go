package middleware

import (
	"log/slog"
	"time"

	"github.com/gin-gonic/gin"
)

// Requests counts finished requests; metrics implement it.
type Requests interface {
	Request(route, method string, status int, elapsed time.Duration)
}

// AccessLog writes one line a request, with what the other middleware noted on the way. It names the route and not the
// path: a path can hold an idempotency key. Headers, queries and bodies are never logged.
func AccessLog(log *slog.Logger, requests Requests) gin.HandlerFunc {
	return func(c *gin.Context) {
		start := time.Now()
		defer func() { // also when a panic cuts the connection
			route, end := c.FullPath(), time.Now()
			if route == "" {
				route = "none"
			}
			requests.Request(route, c.Request.Method, c.Writer.Status(), end.Sub(start))
			level := slog.LevelInfo
			if c.Writer.Status() >= 500 {
				level = slog.LevelError
			}
			if !log.Enabled(c.Request.Context(), level) {
				return
			}
			// A record without a program counter: slog would find this line's out for every request, and no handler shows it.
			line, a := slog.NewRecord(end, level, "request", 0), arrivalOf(c)
			line.AddAttrs(
				slog.String("request_id", a.requestID), slog.String("method", c.Request.Method), slog.String("route", route),
				slog.Int("status", c.Writer.Status()), slog.Float64("elapsed_ms", float64(end.Sub(start).Microseconds())/1000),
			)
			line.AddAttrs(a.notes...)
			_ = log.Handler().Handle(c.Request.Context(), line) // as slog does: there is nowhere to report it to
		}()
		c.Next()
	}
}

// Note adds a pair to the request's log line.
func Note(c *gin.Context, key, value string) {
	a := arrivalOf(c)
	if a.notes == nil {
		a.notes = a.room[:0]
	}
	a.notes = append(a.notes, slog.String(key, value))
}
