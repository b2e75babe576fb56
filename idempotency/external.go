package idempotency

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// external claims the key, calls the provider without holding a connection, and settles what came of it.
func (e *Engine[T]) external(ctx context.Context, req Request, op Operation[T]) (Outcome, *Record, error) {
	if err := op.Ready(); err != nil {
		return e.notReady(ctx, req, err)
	}
	claim, out, rec, err := e.claim(ctx, req, op)
	if claim == nil {
		return out, rec, err
	}
	e.opt.Observer.Step(ctx, StepClaimed)
	answer, sent := e.call(ctx, *claim, op)
	if answer.Refused != nil {
		return e.takeBack(ctx, req, *claim, op, answer, sent)
	}
	return e.settle(ctx, req, *claim, op, answer, LevelFirst)
}

// notReady refuses new work while the provider is known to be away, but still answers what is already decided.
func (e *Engine[T]) notReady(ctx context.Context, req Request, reason error) (Outcome, *Record, error) {
	ctx, cancel := context.WithTimeout(ctx, e.opt.BeginBudget)
	defer cancel()
	rec, err := e.store.Find(ctx, req.Tenant, req.KeyHash)
	if err != nil {
		return Outcome{}, nil, fmt.Errorf("find: %w", err)
	}
	if rec == nil {
		return Outcome{}, nil, reason
	}
	return e.seen(ctx, req, rec)
}

// claim runs T1. A nil claim means that the request ends here, with the rest of what is returned.
func (e *Engine[T]) claim(ctx context.Context, req Request, op Operation[T]) (*Claim, Outcome, *Record, error) {
	ctx, cancel := context.WithTimeout(ctx, e.opt.BeginBudget)
	defer cancel()
	pause := newBackoff()
	for run := 1; ; run++ {
		claim, out, rec, err := e.runClaim(ctx, req, op)
		if errors.Is(err, ErrCommitUnknown) {
			out, rec, err = e.resolve(ctx, req, rec)
		}
		switch {
		case errors.Is(err, errClaimed):
			return claim, Outcome{}, nil, nil
		case !errors.Is(err, ErrSerialization):
			return nil, out, rec, err
		case run >= maxRuns || !pause.wait(ctx):
			return nil, Outcome{}, nil, fmt.Errorf("%w: lost %d races: %w", ErrUnavailable, run, err)
		}
	}
}

func (e *Engine[T]) runClaim(ctx context.Context, req Request, op Operation[T]) (*Claim, Outcome, *Record, error) {
	tx, found, err := e.store.Begin(ctx, req, op.Reads)
	if err != nil {
		return nil, Outcome{}, nil, fmt.Errorf("begin: %w", err)
	}
	ended := false
	defer func() {
		if !ended {
			e.store.Rollback(tx)
		}
	}()
	if found.Record != nil {
		ended = true
		e.store.Rollback(tx)
		out, rec, err := e.seen(ctx, req, found.Record)
		return nil, out, rec, err
	}
	if !found.Mine {
		return nil, Outcome{}, nil, &InFlightError{RetryAfter: minRetry}
	}
	e.opt.Observer.Step(ctx, StepBegun)
	rec := newRecord(req)
	rec.Operation, rec.Resource = op.Name(), op.Resource()
	// The lease runs on the store's clock from the commit on; counting from before it is sent errs on the safe side.
	claim := &Claim{req.Tenant, req.KeyHash, rec.ClaimID, rec.Fence, time.Now().Add(e.opt.Lease)}
	if err := op.Prepare(ctx, tx, *claim); err != nil {
		return nil, Outcome{}, nil, err
	}
	ended = true
	if err := e.store.Claim(ctx, tx, rec); err != nil {
		return claim, Outcome{}, rec, fmt.Errorf("claim: %w", err)
	}
	return claim, Outcome{}, nil, errClaimed
}

// call asks the provider with a deadline that leaves T2 its share of the lease. When there is no time left it doesn't
// ask at all: sent is false then.
func (e *Engine[T]) call(ctx context.Context, claim Claim, op Operation[T]) (answer Answer, sent bool) {
	deadline := claim.Until.Add(-e.opt.CompletionBudget)
	if time.Until(deadline) <= 0 {
		late := fmt.Errorf("%w: no time was left for the provider after the claim", ErrUnavailable)
		return Answer{Refused: late}, false
	}
	ctx, cancel := context.WithDeadline(ctx, deadline)
	defer cancel()
	e.opt.Observer.Step(ctx, StepCalling)
	answer = op.Call(ctx)
	e.opt.Observer.Step(ctx, StepAnswered)
	return answer, true
}

// takeBack frees the key after the one and only send surely failed, or was not made. Only the first holder gets here:
// after a takeover a refused connection proves nothing about what the earlier holder sent.
func (e *Engine[T]) takeBack(ctx context.Context, req Request, claim Claim, op Operation[T], answer Answer, sent bool) (Outcome, *Record, error) {
	rec, err := e.persist(ctx, func(ctx context.Context) (*Record, error) {
		err := e.store.TakeBack(ctx, claim, op.Undo)
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
		return e.winner(ctx, req, claim)
	case err != nil:
		// Whether or not the delete was committed, nothing was charged: the key is free, or recovery finds that out.
		e.opt.Log.ErrorContext(ctx, "claim not taken back; recovery will settle it", "error", err, "sent", sent)
		return Outcome{}, nil, &openError{fmt.Errorf("take back: %w", errors.Join(ErrUnavailable, err))}
	}
	e.opt.Observer.Step(ctx, StepTakenBack)
	return Outcome{}, nil, answer.Refused
}

// settle runs T2 until its outcome is known or the budget is over; then recovery goes on. An answer that the store refuses
// (a reference that another operation has, say) would be refused at each takeover, so the key gets the outcome of an
// operation without an answer, and the operation stays to be looked into.
func (e *Engine[T]) settle(ctx context.Context, req Request, claim Claim, op Operation[T], answer Answer, level Level) (Outcome, *Record, error) {
	rec, err := e.persist(ctx, func(ctx context.Context) (*Record, error) {
		e.opt.Observer.Step(ctx, StepSettling)
		rec, err := e.store.Settle(ctx, claim, func(tx T) (*Response, error) { return op.Settle(tx, answer) })
		if errors.Is(err, ErrCommitUnknown) {
			return e.inspect(ctx, claim)
		}
		return rec, err
	})
	switch {
	case errors.Is(err, ErrClaimLost):
		return e.winner(ctx, req, claim)
	case errors.Is(err, ErrUnavailable):
		if out, rec := e.lastLook(ctx, req, claim); rec != nil {
			return out, rec, nil
		}
		return Outcome{}, nil, &openError{fmt.Errorf("settle; recovery goes on: %w", err)}
	case err != nil && answer.Truth != nil:
		e.opt.Log.ErrorContext(ctx, "ALERT an answer can't be stored; its outcome counts as unknown", "operation", op.Name(), "error", err)
		return e.settle(ctx, req, claim, op, Answer{}, level)
	case err != nil:
		return Outcome{}, nil, &openError{fmt.Errorf("settle: %w", err)}
	}
	e.opt.Observer.Step(ctx, StepCommitted)
	return Outcome{Response: rec.Response, Level: level, ExpiresAt: rec.ExpiresAt}, rec, nil
}

// lastLook reads the record once more when the budget for T2 is over. A process that was paused in the middle of T2 wakes
// up with its budget gone and a store that is fine, and others have settled the record meanwhile.
func (e *Engine[T]) lastLook(ctx context.Context, req Request, claim Claim) (Outcome, *Record) {
	ctx, cancel := context.WithTimeout(ctx, lookBudget)
	defer cancel()
	rec, err := e.store.Inspect(ctx, claim.Tenant, claim.KeyHash)
	if err != nil || rec == nil || rec.State != Completed {
		return Outcome{}, nil
	}
	out, err := answer(req, rec, LevelPostgres)
	if err != nil {
		return Outcome{}, nil
	}
	return out, rec
}

// lookBudget bounds the last look: an answer of 503 is already late.
const lookBudget = time.Second

// persist repeats the end of a claim while the store is away or the transaction loses a race, until the budget is over.
func (e *Engine[T]) persist(ctx context.Context, end func(context.Context) (*Record, error)) (*Record, error) {
	ctx, cancel := context.WithTimeout(ctx, e.opt.CompletionBudget)
	defer cancel()
	for pause := newBackoff(); ; {
		rec, err := end(ctx)
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
// to be run again, ErrClaimLost when another holder has the record, errGone when there is none.
func (e *Engine[T]) inspect(ctx context.Context, claim Claim) (*Record, error) {
	rec, err := untilAnswered(ctx, func() (*Record, error) { return e.store.Inspect(ctx, claim.Tenant, claim.KeyHash) })
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
	case rec.State == Expired: // it was ours, and its response is gone: winner says so
		return nil, ErrClaimLost
	}
	return rec, nil
}

// errGone: the claim's record does not exist. For a take-back that is success; for T2 the claim is lost.
var errGone = fmt.Errorf("%w: its record is gone", ErrClaimLost)

// winner answers a holder that came too late with what the record says now; it changes nothing. It asks like the end of
// a claim, not like new work: what has begun does not queue behind what has not.
func (e *Engine[T]) winner(ctx context.Context, req Request, claim Claim) (Outcome, *Record, error) {
	ctx, cancel := context.WithTimeout(ctx, e.opt.CompletionBudget)
	defer cancel()
	rec, err := untilAnswered(ctx, func() (*Record, error) { return e.store.Inspect(ctx, claim.Tenant, claim.KeyHash) })
	switch {
	case err != nil:
		return Outcome{}, nil, &openError{fmt.Errorf("find the winner: %w", err)}
	case rec == nil: // only a failover to a standby that lost acknowledged commits shows this; a retry runs again
		return Outcome{}, nil, fmt.Errorf("%w: the claimed record is gone", ErrUnavailable)
	case rec.State == InProgress:
		return Outcome{}, nil, &InFlightError{RetryAfter: max(rec.LeaseLeft, minRetry)}
	}
	out, err := answer(req, rec, LevelPostgres)
	return out, rec, err
}
