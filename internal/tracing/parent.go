package tracing

import (
	"context"
	"fmt"

	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

// joined returns a context in which the next span is a part of a trace that began elsewhere. from is a traceparent (W3C Trace
// Context, section 3.2); one that is empty or malformed begins a trace of its own.
func joined(ctx context.Context, from string) context.Context {
	if from == "" {
		return ctx
	}
	return propagation.TraceContext{}.Extract(ctx, propagation.MapCarrier{"traceparent": from}) // and no tracestate
}

// Traceparent is the context's span as others may be told of it; empty without one.
func (t *Tracing) Traceparent(ctx context.Context) string {
	span := trace.SpanContextFromContext(ctx)
	if !span.IsValid() {
		return ""
	}
	return fmt.Sprintf("00-%s-%s-%02x", span.TraceID(), span.SpanID(), byte(span.TraceFlags()&trace.FlagsSampled))
}

// ID is the id of the context's trace; empty without one.
func (t *Tracing) ID(ctx context.Context) string {
	span := trace.SpanContextFromContext(ctx)
	if !span.IsValid() {
		return ""
	}
	return span.TraceID().String()
}
