package idempotency

import (
	"context"
	"fmt"
)

// refuse ends a request that its route does not accept. Its key is looked up first, under the rate limit and without a
// trace: what was stored under an earlier release's rules is replayed, and what the refusal says of the key is known.
// While the store is away the answer is that, and not the refusal: the key may hold an outcome.
func (e *Engine[T]) refuse(ctx context.Context, req Request, refusal error) (r result) {
	looked, end := e.opt.Observer.Start(ctx, SpanFastPath)
	known := e.opt.FastPath.Lookup(looked, req)
	end(nil)
	e.opt.Observer.Step(ctx, StepEntered)
	defer func() { r.outcome.Admission = known.Admission }()
	switch {
	case !known.Admission.Allowed:
		return failed(&LimitedError{known.Admission})
	case known.Record != nil:
		return e.replayCached(req, known.Record)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), e.opt.BeginBudget)
	defer cancel()
	rec, busy, err := e.store.Probe(ctx, req.Tenant, req.KeyHash)
	switch {
	case err != nil:
		return failed(fmt.Errorf("look up before a refusal: %w", err))
	case rec != nil:
		r = e.answerFrom(ctx, req, rec)
		e.publishCompleted(ctx, r.record)
		return r
	case busy, known.InFlight:
		return failed(&InFlightError{RetryAfter: minRetry})
	}
	return result{outcome: Outcome{KeyUnused: true}, err: refusal}
}

// answerMarked answers a request of which the fast path only knows that another one with its key began less than a second
// ago. That other one may be a copy that is just looking a completed key up, or a process that died: so the store is
// asked before the request is refused, by a plain read. If it can't be asked soon, the marker is believed.
func (e *Engine[T]) answerMarked(ctx context.Context, req Request) result {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lookBudget)
	defer cancel()
	rec, err := e.store.Find(ctx, req.Tenant, req.KeyHash)
	if err != nil || rec == nil || rec.State == InProgress && req.same(rec.Fingerprint) {
		return failed(&InFlightError{RetryAfter: minRetry})
	}
	e.publishCompleted(ctx, rec)
	return replay(req, rec, SourcePostgres)
}

// publishCompleted publishes a record that was found, if it can be replayed from a cache.
func (e *Engine[T]) publishCompleted(ctx context.Context, rec *Record) {
	if rec != nil && rec.State == Completed {
		e.publish(ctx, rec)
	}
}
