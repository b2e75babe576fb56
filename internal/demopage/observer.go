package demopage

import (
	"context"
	"sync/atomic"

	"github.com/payonce/payonce/idempotency"
	"github.com/payonce/payonce/idempotency/postgres"
)

// Observe returns an observer that tells pages of their own requests, and next of all.
func (w *Watch) Observe(next idempotency.Observer) idempotency.Observer {
	if w == nil {
		return next
	}
	return observer{next}
}

type observer struct{ idempotency.Observer }

// Start implements [idempotency.Tracer].
func (o observer) Start(ctx context.Context, span string) (context.Context, func(error)) {
	ctx, end := o.Observer.Start(ctx, span)
	if span == idempotency.SpanRecovery {
		return context.WithValue(ctx, recoveryKey{}, new(recovery)), end
	}
	if span == idempotency.SpanLocalCache || !tell(ctx, Event{What: whatBegin, Name: span}) { // the page's engine has no local cache
		return ctx, end
	}
	return ctx, func(err error) {
		end(err)
		tell(ctx, Event{What: whatEnd, Name: span, Failed: err != nil})
	}
}

// Step implements [idempotency.Observer].
func (o observer) Step(ctx context.Context, step idempotency.Step) {
	o.Observer.Step(ctx, step)
	tell(ctx, Event{What: whatStep, Name: string(step)})
}

// Finished implements [idempotency.Observer].
func (o observer) Finished(ctx context.Context, end idempotency.End) {
	o.Observer.Finished(ctx, end)
	tell(ctx, Event{What: whatFinished, Detail: end.Label})
}

// recovery is one record that the service's recovery brings to its end. Whose it is turns out when its operation is resumed.
type recovery struct{ of atomic.Pointer[attempt] }

type recoveryKey struct{}

// tell tells the page whose request, or whose recovery, the context belongs to; false when there is none.
func tell(ctx context.Context, e Event) bool {
	if a := attemptOf(ctx); a != nil {
		a.tell(e)
		return true
	}
	if r, ok := ctx.Value(recoveryKey{}).(*recovery); ok {
		if a := r.of.Load(); a != nil {
			e.Recovery = true
			a.tell(e)
			return true
		}
	}
	return false
}

// Resumer returns a resumer that finds out whose records recovery takes over.
func (w *Watch) Resumer(next idempotency.Resumer[*postgres.Tx]) idempotency.Resumer[*postgres.Tx] {
	if w == nil {
		return next
	}
	return resumer{next, w}
}

type resumer struct {
	idempotency.Resumer[*postgres.Tx]

	watch *Watch
}

// Resume implements [idempotency.Resumer].
func (r resumer) Resume(ctx context.Context, rec *idempotency.Record) (idempotency.Resumption[*postgres.Tx], error) {
	left := r.watch.abandoned(rec)
	if taken, ok := ctx.Value(recoveryKey{}).(*recovery); ok && left != nil {
		taken.of.Store(left)
		tell(ctx, Event{What: whatStep, Name: string(idempotency.StepTakenOver)}) // the engine's own came before it was known whose
	}
	return r.Resumer.Resume(ctx, rec)
}

// LookUps returns a fast path that tells pages what it has found.
func (w *Watch) LookUps(next idempotency.FastPath) idempotency.FastPath { return lookUps{next} }

type lookUps struct{ idempotency.FastPath }

// LookupAndMark implements [idempotency.FastPath].
func (l lookUps) LookupAndMark(ctx context.Context, req idempotency.Request) idempotency.LookupResult {
	result := l.FastPath.LookupAndMark(ctx, req)
	tell(ctx, found(result))
	return result
}

// Lookup implements [idempotency.FastPath].
func (l lookUps) Lookup(ctx context.Context, req idempotency.Request) idempotency.LookupResult {
	result := l.FastPath.Lookup(ctx, req)
	tell(ctx, found(result))
	return result
}

func found(result idempotency.LookupResult) Event {
	e := Event{What: whatFound, Name: idempotency.SpanFastPath}
	switch {
	case !result.Admission.Allowed:
		e.Detail = "limited"
	case result.Record != nil:
		e.Detail = "outcome"
	case result.InFlight:
		e.Detail = "marker"
	case result.Assumed:
		e.Detail = "not asked"
	case result.Unseen:
		e.Detail = "miss"
	default:
		e.Detail = "no answer"
	}
	return e
}
