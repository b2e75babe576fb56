package logging

import (
	"context"
	"log/slog"
)

// WithTraceID returns a logger whose lines name the trace that they belong to, as trace_id. id is the id of a context's trace;
// empty: none.
func WithTraceID(log *slog.Logger, id func(context.Context) string) *slog.Logger {
	return slog.New(traced{log.Handler(), id})
}

type traced struct {
	slog.Handler

	id func(context.Context) string
}

// Handle implements [slog.Handler].
func (t traced) Handle(ctx context.Context, record slog.Record) error {
	if id := t.id(ctx); id != "" {
		record = record.Clone()
		record.AddAttrs(slog.String("trace_id", id))
	}
	return t.Handler.Handle(ctx, record)
}

// WithAttrs implements [slog.Handler].
func (t traced) WithAttrs(attrs []slog.Attr) slog.Handler {
	return traced{t.Handler.WithAttrs(attrs), t.id}
}

// WithGroup implements [slog.Handler].
func (t traced) WithGroup(name string) slog.Handler { return traced{t.Handler.WithGroup(name), t.id} }
