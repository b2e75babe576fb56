package middleware

import (
	"log/slog"
	"time"

	"github.com/gin-gonic/gin"
)

// AccessLine is the log line of one request. Each field is set by the code that learns its value; empty ones are left
// out. There is no field for headers, queries and bodies, because they can hold secrets and what clients wrote.
type AccessLine struct {
	RequestID string
	Method    string
	Route     string // the pattern and not the path: a path can hold an idempotency key
	Status    int
	Elapsed   time.Duration
	Paced     time.Duration // of it, how long the request was held back as a copy of many (PaceCopies)
	Client    string        // the client's address, by a trusted proxy's word or the connection's
	Merchant  string        // as clients know it
	KeyID     string        // the API key's id, never the key
	ServedBy  string        // where the answer came from: idempotency.Source
	Code      string        // the problem's code
	Error     string        // the reason of a 5xx, which the client does not see
	Stack     string        // where a handler panicked
}

// LineOf is the request's log line, to fill in.
func LineOf(c *gin.Context) *AccessLine { return &stateOf(c).line }

// Requests counts requests; metrics implement it. Its methods must return at once.
type Requests interface {
	// Began is called when a request has arrived.
	Began()
	// Ended is called once for each of them, when it was answered. The route is the pattern; servedBy is AccessLine.ServedBy.
	Ended(route, method string, status int, servedBy string, elapsed time.Duration)
}

// AccessLog writes one line per request, when it has ended.
func AccessLog(log *slog.Logger, requests Requests) gin.HandlerFunc {
	return func(c *gin.Context) {
		start := time.Now()
		requests.Began()
		defer func() { // also when a panic cuts the connection
			line, end := LineOf(c), time.Now()
			line.Method, line.Route, line.Status, line.Elapsed = c.Request.Method, c.FullPath(), c.Writer.Status(), end.Sub(start)
			line.Client = c.ClientIP()
			if line.Route == "" {
				line.Route = "none"
			}
			requests.Ended(line.Route, line.Method, line.Status, line.ServedBy, line.Elapsed)
			if level := line.level(); log.Enabled(c.Request.Context(), level) {
				// A record without a program counter: slog would find this line's out for every request, and no handler shows it.
				record := slog.NewRecord(end, level, "request", 0)
				line.addTo(&record)
				_ = log.Handler().Handle(c.Request.Context(), record) // as slog does: there is nowhere to report it to
			}
		}()
		c.Next()
	}
}

func (l *AccessLine) level() slog.Level {
	if l.Status >= 500 {
		return slog.LevelError
	}
	return slog.LevelInfo
}

func (l *AccessLine) addTo(record *slog.Record) {
	attrs := append(make([]slog.Attr, 0, 13), // on the stack
		slog.String("request_id", l.RequestID), slog.String("method", l.Method), slog.String("route", l.Route),
		slog.Int("status", l.Status), slog.Float64("elapsed_ms", float64(l.Elapsed.Microseconds())/1000),
	)
	if l.Paced > 0 {
		attrs = append(attrs, slog.Float64("paced_ms", float64(l.Paced.Microseconds())/1000))
	}
	for _, optional := range [...]slog.Attr{
		slog.String("client", l.Client), slog.String("merchant", l.Merchant), slog.String("key_id", l.KeyID), slog.String("served_by", l.ServedBy), slog.String("code", l.Code),
		slog.String("error", l.Error), slog.String("stack", l.Stack),
	} {
		if optional.Value.String() != "" {
			attrs = append(attrs, optional)
		}
	}
	record.AddAttrs(attrs...)
}
