package idempotency

import (
	"context"
	"fmt"
	"runtime/debug"
	"sync"
	"time"
)

// minRetry is the least that a client is asked to wait (Retry-After counts whole seconds).
const minRetry = time.Second

// takeOver finishes what an earlier owner of the claim began and did not end in time.
func (e *Engine[T]) takeOver(ctx context.Context, req Request) result {
	until := time.Now().Add(e.opt.Lease)
	rec, err := e.store.TakeOver(ctx, req.Tenant, req.KeyHash)
	if err != nil {
		return stillTaken(fmt.Errorf("take over: %w", err))
	}
	if rec == nil { // another process was faster
		return failed(&InFlightError{RetryAfter: minRetry})
	}
	e.flights.executes(req.flight)
	// The first transaction's deadline is over or nearly so; the rest runs under the new lease.
	return e.resume(context.WithoutCancel(ctx), req, rec, until)
}

// resume looks an operation up at the provider and completes it under a lease that was just taken.
func (e *Engine[T]) resume(ctx context.Context, req Request, rec *Record, until time.Time) result {
	e.opt.Observer.Step(ctx, StepTakenOver)
	claim := *rec.claimed(until)
	ctx, cancel := context.WithDeadline(ctx, until)
	defer cancel()
	op, err := e.resumer.Resume(ctx, rec)
	if err != nil {
		return stillTaken(fmt.Errorf("resume %s: %w", rec.Operation, err))
	}
	lookUp, done := context.WithDeadline(ctx, until.Add(-e.opt.CompletionBudget))
	defer done()
	lookUp, end := e.opt.Observer.Start(lookUp, SpanProvider)
	answer := op.LookUp(lookUp)
	end(nil)
	e.opt.Observer.Step(ctx, StepAnswered)
	return e.complete(ctx, req, claim, op, answer, SourceTakeover)
}

// Recover takes over up to limit records whose leases are over and brings each to its outcome. It returns how many it
// took. Any number of replicas may call it at once.
func (e *Engine[T]) Recover(ctx context.Context, limit int) (int, error) {
	until := time.Now().Add(e.opt.Lease)
	due, err := e.store.TakeOverDue(ctx, limit)
	if err != nil {
		return 0, fmt.Errorf("take over what is due: %w", err)
	}
	var group sync.WaitGroup
	for _, rec := range due {
		group.Go(func() { e.recoverOne(context.WithoutCancel(ctx), rec, until) })
	}
	group.Wait()
	return len(due), nil
}

// recoverOne outlives a panic: nothing else would catch it, and the record would end each replica in turn.
func (e *Engine[T]) recoverOne(ctx context.Context, rec *Record, until time.Time) {
	defer func() {
		if cause := recover(); cause != nil {
			e.opt.Log.ErrorContext(ctx, "panic while a record was recovered", "operation", rec.Operation, "panic", cause, "stack", string(debug.Stack()))
		}
	}()
	r := failed(errPanicked)
	ctx, ended := e.opt.Observer.Start(ctx, SpanRecovery)
	defer func() { ended(r.err) }()
	req := Request{Tenant: rec.Tenant, KeyHash: rec.KeyHash, Fingerprint: rec.Fingerprint, Method: rec.Method, Path: rec.Path}
	r = e.resume(ctx, req, rec, until)
	if r.err != nil {
		e.opt.Log.WarnContext(ctx, "record not recovered; it will be taken over again", "operation", rec.Operation, "error", r.err)
		return
	}
	e.publish(ctx, r.record)
	end := r.end(req.Method, "", rec.Operation)
	end.Label = LabelRecovered
	e.opt.Observer.Finished(ctx, end)
}
