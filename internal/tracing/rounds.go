package tracing

import (
	"context"
	"sync"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// roundKey marks the context in which the span of a job's round begins.
type roundKey struct{}

// attrDid is how much a round did.
const attrDid = "payonce.job.did"

// roundLength bounds what is kept of a round until it ends.
const roundLength = 1024

// rounds keeps the spans of a job's round back until it ends, and drops those of a round that did nothing: jobs look for work
// several times a second, and mostly there is none.
type rounds struct {
	sdk.SpanProcessor // the next one

	mu   sync.Mutex
	open map[trace.TraceID][]sdk.ReadOnlySpan
}

func newRounds(next sdk.SpanProcessor) *rounds {
	return &rounds{SpanProcessor: next, open: map[trace.TraceID][]sdk.ReadOnlySpan{}}
}

// OnStart implements [sdk.SpanProcessor].
func (r *rounds) OnStart(ctx context.Context, s sdk.ReadWriteSpan) {
	if ctx.Value(roundKey{}) != nil && !s.Parent().IsValid() {
		r.mu.Lock()
		r.open[s.SpanContext().TraceID()] = nil
		r.mu.Unlock()
	}
	r.SpanProcessor.OnStart(ctx, s)
}

// OnEnd implements [sdk.SpanProcessor].
func (r *rounds) OnEnd(s sdk.ReadOnlySpan) {
	for _, span := range r.ended(s) {
		r.SpanProcessor.OnEnd(span)
	}
}

// ended returns what can be exported now that a span has ended.
func (r *rounds) ended(s sdk.ReadOnlySpan) []sdk.ReadOnlySpan {
	r.mu.Lock()
	defer r.mu.Unlock()
	id := s.SpanContext().TraceID()
	kept, open := r.open[id]
	switch {
	case !open:
		return []sdk.ReadOnlySpan{s}
	case !s.Parent().IsValid():
		delete(r.open, id)
		if !worked(s) {
			return nil
		}
		return append(kept, s)
	case len(kept) < roundLength:
		r.open[id] = append(kept, s)
	}
	return nil
}

// worked: the round did something, or failed.
func worked(s sdk.ReadOnlySpan) bool {
	if s.Status().Code == codes.Error {
		return true
	}
	for _, attr := range s.Attributes() {
		if attr.Key == attribute.Key(attrDid) {
			return attr.Value.AsInt64() > 0
		}
	}
	return false
}
