package idempotency

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// release frees the key after the one and only send surely failed, or was not made. Only the first owner of the
// claim gets here: after a takeover a refused connection proves nothing about what the earlier owner sent.
func (e *Engine[T]) release(ctx context.Context, req Request, claim Claim, op Operation[T], answer Answer, sent bool) result {
	rec, err := e.persist(ctx, SpanRelease, func(ctx context.Context) (*Record, error) {
		err := e.store.Release(ctx, claim, op.Undo)
		if !errors.Is(err, ErrCommitUnknown) {
			return nil, err
		}
		rec, err := e.inspect(ctx, claim)
		if errors.Is(err, errGone) {
			err = nil
		}
		return rec, err
	})
	switch {
	case errors.Is(err, ErrClaimLost), rec != nil:
		return e.answerFromCurrent(ctx, req, claim)
	case err != nil:
		// Whether or not the delete was committed, nothing was charged: the key is free, or recovery finds that out.
		e.opt.Log.ErrorContext(ctx, "claim not released; recovery will complete it", "error", err, "sent", sent)
		return stillTaken(fmt.Errorf("release: %w", errors.Join(ErrUnavailable, err)))
	}
	e.opt.Observer.Step(ctx, StepReleased)
	return result{outcome: Outcome{KeyUnused: true}, err: answer.Refused}
}

// complete runs the completion transaction until its outcome is known or the budget is over; then recovery goes on. An answer that the store refuses
// (a reference that another operation has, say) would be refused at each takeover, so the key gets the outcome of an
// operation without an answer, and the operation stays to be looked into.
func (e *Engine[T]) complete(ctx context.Context, req Request, claim Claim, op Completer[T], answer Answer, source Source) result {
	rec, err := e.persist(ctx, SpanCompletion, func(ctx context.Context) (*Record, error) {
		e.opt.Observer.Step(ctx, StepCompleting)
		rec, err := e.store.Complete(ctx, claim, func(tx T) (*Response, error) { return op.Complete(ctx, tx, answer) })
		if errors.Is(err, ErrCommitUnknown) {
			return e.inspect(ctx, claim)
		}
		return rec, err
	})
	switch {
	case errors.Is(err, ErrClaimLost):
		return e.answerFromCurrent(ctx, req, claim)
	case errors.Is(err, ErrUnavailable):
		if r, found := e.lastLook(ctx, req, claim); found {
			return r
		}
		return stillTaken(fmt.Errorf("complete; recovery goes on: %w", err))
	case err != nil && answer.Known:
		e.opt.Log.ErrorContext(ctx, "ALERT an answer can't be stored; its outcome counts as unknown", "operation", claim.Operation, "error", err)
		return e.complete(ctx, req, claim, op, Answer{}, source)
	case err != nil:
		return stillTaken(fmt.Errorf("complete: %w", err))
	}
	e.opt.Observer.Step(ctx, StepCommitted)
	return executed(rec, source)
}

// lastLook reads the record once more when the budget for the completion is over. A process that was paused in the middle of
// it wakes up with its budget gone and a store that is fine, and others have completed the record meanwhile.
func (e *Engine[T]) lastLook(ctx context.Context, req Request, claim Claim) (r result, found bool) {
	ctx, cancel := context.WithTimeout(ctx, lookBudget)
	defer cancel()
	rec, err := e.store.Inspect(ctx, claim.Tenant, claim.KeyHash)
	if err != nil || rec == nil || rec.State != Completed {
		return result{}, false
	}
	r = replay(req, rec, SourcePostgres)
	return r, r.err == nil
}

// lookBudget bounds the last look: an answer of 503 is already late.
const lookBudget = time.Second

// persist repeats the end of a claim while the store is away or the transaction loses a race, until the budget is over.
func (e *Engine[T]) persist(ctx context.Context, span string, end func(context.Context) (*Record, error)) (rec *Record, err error) {
	ctx, cancel := context.WithTimeout(ctx, e.opt.CompletionBudget)
	defer cancel()
	ctx, ended := e.opt.Observer.Start(ctx, span)
	defer func() { ended(err) }()
	for pause := newBackoff(); ; {
		rec, err = end(ctx)
		switch {
		case err == nil, errors.Is(err, ErrClaimLost):
			return rec, err
		case !errors.Is(err, ErrUnavailable) && !errors.Is(err, ErrSerialization):
			return nil, err
		case !pause.wait(ctx):
			return nil, errors.Join(ErrUnavailable, err)
		}
	}
}

// inspect finds out what an unknown COMMIT of a claim's end came to: the completed record, ErrSerialization when it has
// to be run again, ErrClaimLost when the claim has another owner, errGone when there is none.
func (e *Engine[T]) inspect(ctx context.Context, claim Claim) (*Record, error) {
	asking, end := e.opt.Observer.Start(ctx, SpanResolution)
	rec, err := untilAnswered(asking, func() (*Record, error) { return e.store.Inspect(asking, claim.Tenant, claim.KeyHash) })
	end(err)
	e.opt.Observer.Step(ctx, StepResolved)
	switch {
	case err != nil:
		return nil, err
	case rec == nil:
		return nil, errGone
	case rec.ClaimID != claim.ClaimID || rec.Fence != claim.Fence:
		return nil, ErrClaimLost
	case rec.State == InProgress:
		return nil, ErrSerialization
	case rec.State != Completed: // it was ours, and its response is gone: answerFromCurrent says so
		return nil, ErrClaimLost
	}
	return rec, nil
}

// errGone: the claim's record does not exist. For a release that is success; for a completion the claim is lost.
var errGone = fmt.Errorf("%w: its record is gone", ErrClaimLost)

// answerFromCurrent answers a claim owner that came too late with what the record says now; it changes nothing. It asks like the
// end of a claim, not like new work: what has begun does not queue behind what has not.
func (e *Engine[T]) answerFromCurrent(ctx context.Context, req Request, claim Claim) result {
	ctx, cancel := context.WithTimeout(ctx, e.opt.CompletionBudget)
	defer cancel()
	rec, err := untilAnswered(ctx, func() (*Record, error) { return e.store.Inspect(ctx, claim.Tenant, claim.KeyHash) })
	switch {
	case err != nil:
		return stillTaken(fmt.Errorf("read the current record: %w", err))
	case rec == nil: // only a failover to a standby that lost acknowledged commits shows this; a retry runs again
		return failed(fmt.Errorf("%w: the claimed record is gone", ErrUnavailable))
	case rec.State == InProgress:
		return failed(&InFlightError{RetryAfter: max(rec.LeaseLeft, minRetry)})
	}
	return replay(req, rec, SourcePostgres)
}
