package idempotency

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// runExternal claims the key, calls the provider without holding a connection, and completes the record with what came of it.
func (e *Engine[T]) runExternal(ctx context.Context, req Request, op Operation[T]) result {
	if err := op.Ready(); err != nil {
		return e.answerUnready(ctx, req, err)
	}
	claimed := e.withPrerequisite(ctx, func() result { return e.claim(ctx, req, op) })
	if claimed.claim == nil {
		return claimed
	}
	claim := *claimed.claim
	e.opt.Observer.Step(ctx, StepClaimed)
	answer, sent := e.call(ctx, claim, op)
	if answer.Refused != nil {
		return e.release(ctx, req, claim, op, answer, sent)
	}
	return e.complete(ctx, req, claim, op, answer, SourceFirst)
}

// answerUnready refuses new work while the provider is known to be away, but still answers what is already decided.
func (e *Engine[T]) answerUnready(ctx context.Context, req Request, reason error) result {
	ctx, cancel := context.WithTimeout(ctx, e.opt.BeginBudget)
	defer cancel()
	rec, err := e.store.Find(ctx, req.Tenant, req.KeyHash)
	if err != nil {
		return failed(fmt.Errorf("find: %w", err))
	}
	if rec == nil {
		return failed(reason)
	}
	e.notNew(req, rec)
	return e.answerFrom(ctx, req, rec)
}

// claim runs the claim transaction, at most 3 times. The result has a claim, or is the end of the request.
func (e *Engine[T]) claim(ctx context.Context, req Request, op Operation[T]) (r result) {
	ctx, cancel := context.WithTimeout(ctx, e.opt.BeginBudget)
	defer cancel()
	ctx, end := e.opt.Observer.Start(ctx, SpanClaim)
	defer func() { end(r.err) }()
	pause := newBackoff()
	for run := 1; ; run++ {
		r = e.tryClaim(ctx, req, op)
		req.unseen = false // from now on the key is looked up first
		if errors.Is(r.err, ErrCommitUnknown) {
			r = e.resolve(ctx, req)
		}
		if r.claim != nil {
			e.flights.executes(req.flight)
		}
		switch {
		case !errors.Is(r.err, ErrSerialization):
			return r
		case run >= maxRuns || !pause.wait(ctx):
			return r.lostRaces(run)
		}
	}
}

func (e *Engine[T]) tryClaim(ctx context.Context, req Request, op Operation[T]) result {
	if _, blind := op.(ReadsNothing); blind && req.unseen {
		if r, decided := e.claimSingleBatch(ctx, req, op); decided {
			return r
		}
	}
	return e.claimAfterLookUp(ctx, req, op)
}

// claimAfterLookUp looks the key up in the round trip that begins the transaction, and claims it if it is new.
func (e *Engine[T]) claimAfterLookUp(ctx context.Context, req Request, op Operation[T]) result {
	asked := time.Now()
	tx, found, err := e.store.Begin(ctx, req, op.Reads)
	if err != nil {
		return failed(fmt.Errorf("begin: %w", err))
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
		return e.answerFound(ctx, req, found.Record, asked)
	}
	if !found.Mine {
		e.notNew(req, nil)
		return failed(&InFlightError{RetryAfter: minRetry})
	}
	e.flights.executes(req.flight)
	e.opt.Observer.Step(ctx, StepBegun)
	rec, claim := e.newClaim(req, op)
	if err := op.Prepare(ctx, tx, *claim); err != nil {
		return result{outcome: Outcome{KeyUnused: true}, err: err} // rolled back without a COMMIT
	}
	ended = true
	if err := e.store.Claim(ctx, tx, rec); err != nil {
		return failed(fmt.Errorf("claim: %w", err))
	}
	return result{claim: claim}
}

// newClaim is the record of an operation that begins, and its claim. The lease runs on the store's clock from the commit on; counting
// from before it is sent errs on the safe side.
func (e *Engine[T]) newClaim(req Request, op Operation[T]) (*Record, *Claim) {
	rec := newRecord(req)
	rec.Operation, rec.Resource = op.Name(), op.Resource()
	claim := rec.claimed(time.Now().Add(e.opt.Lease))
	return rec, claim
}

// call asks the provider with a deadline that leaves the completion its share of the lease. When there is no time left it doesn't
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
	calling, end := e.opt.Observer.Start(ctx, SpanCall)
	answer = op.Call(calling)
	end(answer.Refused)
	e.opt.Observer.Step(ctx, StepAnswered)
	return answer, true
}
