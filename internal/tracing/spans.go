package tracing

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"strings"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"github.com/payonce/payonce/idempotency"
	"github.com/payonce/payonce/middleware"
	"github.com/payonce/payonce/notifications"
)

var (
	_ idempotency.Tracer   = (*Tracing)(nil)
	_ middleware.Spans     = (*Tracing)(nil)
	_ notifications.Tracer = (*Tracing)(nil)
)

// Start implements [idempotency.Tracer]: a part of what the context's span measures. Where there is no span there is nothing that it
// would be a part of, and nothing is measured: the monitors' questions belong to no request.
func (t *Tracing) Start(ctx context.Context, span string) (context.Context, func(error)) {
	if !trace.SpanFromContext(ctx).IsRecording() {
		return ctx, noEnd
	}
	ctx, s := t.tracer.Start(ctx, span, kind(span)...)
	return ctx, func(err error) { finish(s, err) }
}

func noEnd(error) {}

// kind says what a span's first word means: who is asked.
func kind(span string) []trace.SpanStartOption {
	first, rest, _ := strings.Cut(span, " ")
	switch first {
	case "postgres":
		return []trace.SpanStartOption{
			trace.WithSpanKind(trace.SpanKindClient), trace.WithAttributes(attribute.String("db.system.name", "postgresql"), attribute.String("db.query.summary", rest)),
		}
	case "redis":
		return []trace.SpanStartOption{trace.WithSpanKind(trace.SpanKindClient), trace.WithAttributes(attribute.String("db.system.name", "redis"))}
	case "provider":
		return []trace.SpanStartOption{trace.WithSpanKind(trace.SpanKindClient)}
	}
	return nil
}

func finish(s trace.Span, err error) {
	if err != nil {
		s.SetStatus(codes.Error, "")
		s.SetAttributes(attribute.String("error.type", errorType(err)))
	}
	s.End()
}

// errorType names an error without its text, which can hold what a client wrote.
func errorType(err error) string {
	if server, ok := errors.AsType[interface {
		error
		SQLState() string
	}](err); ok {
		return "postgres " + server.SQLState()
	}
	switch {
	case errors.Is(err, context.Canceled):
		return "canceled"
	case errors.Is(err, context.DeadlineExceeded):
		return "timeout"
	case errors.Is(err, idempotency.ErrCommitUnknown):
		return "commit_unknown"
	case errors.Is(err, idempotency.ErrUnavailable):
		return "unavailable"
	case errors.Is(err, idempotency.ErrSerialization):
		return "lost_race"
	}
	if _, ok := errors.AsType[*idempotency.InFlightError](err); ok {
		return "in_flight"
	}
	return "_OTHER" // OpenTelemetry's word for what has no name
}

// Step notes a step of the protocol as an event of the context's span.
func (t *Tracing) Step(ctx context.Context, step idempotency.Step) {
	trace.SpanFromContext(ctx).AddEvent(string(step))
}

// Finished notes in the context's span how a request with a key, or a recovered record, ended.
func (t *Tracing) Finished(ctx context.Context, end idempotency.End) {
	s := trace.SpanFromContext(ctx)
	if !s.IsRecording() {
		return
	}
	s.SetAttributes(attribute.String("payonce.idempotency.outcome", end.Label))
	if end.Operation != "" {
		s.SetAttributes(attribute.String("payonce.operation", end.Operation))
	}
}

// Round begins the span of a round of a job. A round that did nothing, and did not fail, is not exported.
func (t *Tracing) Round(ctx context.Context, job string) (_ context.Context, end func(did int, err error)) {
	ctx, s := t.tracer.Start(context.WithValue(ctx, roundKey{}, true), "job "+job, trace.WithNewRoot())
	return ctx, func(did int, err error) {
		s.SetAttributes(attribute.Int(attrDid, did))
		finish(s, err)
	}
}

// Delivery implements [notifications.Tracer]: an attempt to deliver an event, as a part of the trace in which the event happened.
func (t *Tracing) Delivery(ctx context.Context, id, from string) (_ context.Context, end func(outcome string, status int)) {
	ctx, s := t.tracer.Start(joined(ctx, from), "webhook delivery", trace.WithSpanKind(trace.SpanKindClient),
		trace.WithAttributes(attribute.String("payonce.delivery_id", id)))
	return ctx, func(outcome string, status int) {
		if outcome != "" {
			s.SetAttributes(attribute.String("payonce.delivery.outcome", outcome))
		}
		if status != 0 {
			s.SetAttributes(attribute.Int("http.response.status_code", status))
		}
		switch outcome {
		case "", notifications.OutcomeDelivered, notifications.OutcomeCanceled:
		default:
			s.SetStatus(codes.Error, "")
			s.SetAttributes(attribute.String("error.type", outcome))
		}
		s.End()
	}
}

// Request implements [middleware.Spans].
func (t *Tracing) Request(r *http.Request, route string) (_ context.Context, id string, end func(*middleware.AccessLine)) {
	ctx := r.Context()
	if probe(route) {
		return ctx, "", func(*middleware.AccessLine) {}
	}
	if values := r.Header.Values("Traceparent"); len(values) == 1 { // two would make one of them a guess
		ctx = joined(ctx, values[0])
	}
	method := knownMethod(r.Method)
	name, attrs := method, []attribute.KeyValue{attribute.String("http.request.method", method)}
	if route != "" {
		name, attrs = method+" "+route, append(attrs, attribute.String("http.route", route))
	}
	ctx, s := t.tracer.Start(ctx, name, trace.WithSpanKind(trace.SpanKindServer), trace.WithAttributes(attrs...))
	return ctx, s.SpanContext().TraceID().String(), func(line *middleware.AccessLine) { answered(s, line) }
}

// answered ends a request's span.
func answered(s trace.Span, line *middleware.AccessLine) {
	s.SetAttributes(attribute.Int("http.response.status_code", line.Status), attribute.String("payonce.request_id", line.RequestID))
	for name, value := range map[string]string{"payonce.key_id": line.KeyID, "payonce.served_by": line.ServedBy, "payonce.code": line.Code} {
		if value != "" {
			s.SetAttributes(attribute.String(name, value))
		}
	}
	if line.Status >= http.StatusInternalServerError {
		s.SetStatus(codes.Error, "")
		s.SetAttributes(attribute.String("error.type", strconv.Itoa(line.Status)))
	}
	s.End()
}

// probe is true for what balancers and orchestrators ask all the time.
func probe(route string) bool { return route == "/healthz" || route == "/readyz" }

// knownMethod keeps what clients make up out of names.
func knownMethod(method string) string {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions:
		return method
	}
	return "_OTHER"
}
