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

// takeOver finishes what an earlier holder began and did not end in time.
func (e *Engine[T]) takeOver(ctx context.Context, req Request) (Outcome, *Record, error) {
	until := time.Now().Add(e.opt.Lease)
	rec, err := e.store.TakeOver(ctx, req.Tenant, req.KeyHash)
	if err != nil {
		return Outcome{}, nil, &openError{fmt.Errorf("take over: %w", err)}
	}
	if rec == nil { // somebody else was faster
		return Outcome{}, nil, &InFlightError{RetryAfter: minRetry}
	}
	// The first transaction's deadline is over or nearly so; the rest runs under the new lease.
	return e.resume(context.WithoutCancel(ctx), req, rec, until)
}

// resume looks an operation up at the provider and settles it under a lease that was just taken.
func (e *Engine[T]) resume(ctx context.Context, req Request, rec *Record, until time.Time) (Outcome, *Record, error) {
	e.opt.Observer.Step(ctx, StepTakenOver)
	claim := Claim{rec.Tenant, rec.KeyHash, rec.ClaimID, rec.Fence, until}
	ctx, cancel := context.WithDeadline(ctx, until)
	defer cancel()
	op, err := e.resumer.Resume(ctx, rec)
	if err != nil {
		return Outcome{}, nil, &openError{fmt.Errorf("resume %s: %w", rec.Operation, err)}
	}
	lookUp, done := context.WithDeadline(ctx, until.Add(-e.opt.CompletionBudget))
	defer done()
	answer := op.LookUp(lookUp)
	e.opt.Observer.Step(ctx, StepAnswered)
	return e.settle(ctx, req, claim, op, answer, LevelTakeover)
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

// recoverOne outlives a panic: nobody else is there to catch it, and the record would end each replica in turn.
func (e *Engine[T]) recoverOne(ctx context.Context, rec *Record, until time.Time) {
	defer func() {
		if cause := recover(); cause != nil {
			e.opt.Log.ErrorContext(ctx, "panic while a record was recovered", "operation", rec.Operation, "panic", cause, "stack", string(debug.Stack()))
		}
	}()
	req := Request{Tenant: rec.Tenant, KeyHash: rec.KeyHash, Fingerprint: rec.Fingerprint, Method: rec.Method, Path: rec.Path}
	_, done, err := e.resume(ctx, req, rec, until)
	if err != nil {
		e.opt.Log.WarnContext(ctx, "record not recovered; it will be taken over again", "operation", rec.Operation, "error", err)
		return
	}
	e.publish(ctx, done)
	e.opt.Observer.Finished(ctx, LabelRecovered)
}
