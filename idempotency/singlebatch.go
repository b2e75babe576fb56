package idempotency

import (
	"context"
	"errors"
	"fmt"
)

// findBeforeWrite answers from the record of a key that the fast path doesn't know, while such keys are often known. It is a plain
// read without a transaction: what it doesn't find is decided by the transaction that follows.
func (e *Engine[T]) findBeforeWrite(ctx context.Context, req Request) (r result, found bool) {
	if !req.unseen || !e.trust.suspected(req.Tenant) {
		return result{}, false
	}
	ctx, cancel := context.WithTimeout(ctx, e.opt.BeginBudget)
	defer cancel()
	rec, err := e.store.Find(ctx, req.Tenant, req.KeyHash)
	switch {
	case err != nil:
		return failed(fmt.Errorf("find: %w", err)), true
	case rec == nil:
		return result{}, false
	}
	if !req.assumed {
		e.notNew(req, rec)
	}
	r = e.answerFrom(ctx, req, rec)
	r.cachedHere = req.assumed && r.record == rec
	return r, true
}

// notNew notes that a look-up has met a key, or its record, that was taken for new. A fast path that was not asked is asked from now on. Where
// it was and didn't know an outcome that it should have, the store is asked first for a while.
func (e *Engine[T]) notNew(req Request, rec *Record) {
	switch {
	case req.assumed:
		e.opt.FastPath.WasKnown(req.Tenant)
	case req.unseen && rec != nil && rec.State == Completed:
		e.trust.suspect(req.Tenant)
	}
}

// fitsSingleBatch reports whether a local effect is sent in one batch, without a look-up before it: its key is most likely
// new, it needs no reads, and it may be run again, or leaves no trace when it was run in vain.
func (e *Engine[T]) fitsSingleBatch(req Request, work *Local[T]) bool {
	return req.unseen && work.Reads == nil && (!work.Once || work.TxOnly)
}

// transactSingleBatch runs an effect in a transaction that is sent in one round trip. That the key is new is still decided by
// the store, in that transaction. Where nothing happened, the key has to be asked for: also when the work refuses, because
// a key that was used before has another answer.
func (e *Engine[T]) transactSingleBatch(ctx context.Context, req Request, work *Local[T]) (r result) {
	tx := e.store.Open(req)
	e.opt.Observer.Step(ctx, StepBegun)
	completes, returned := false, false
	defer func() {
		if completes {
			return
		}
		e.store.Rollback(tx)
		if !returned && work.Once { // a panic
			if answer, known := e.answerAfterPanic(ctx, req); known && recover() != nil {
				r = answer
			}
		}
	}()
	*req.ran = true
	response, err := work.Run(ctx, tx)
	returned = true
	if err != nil {
		return result{err: err, keyUnread: true}
	}
	completes = true
	r = e.commit(ctx, tx, newRecord(req), response)
	if errors.Is(r.err, ErrSerialization) {
		return result{err: fmt.Errorf("%w: %w", ErrUnavailable, r.err), keyUnread: true}
	}
	return r
}

// claimSingleBatch claims a key in one round trip, for an operation that reads nothing. Where it isn't decided, nothing happened and the key
// has to be looked up: it is taken, or the operation refuses or panics, which a key that was used before must not see.
func (e *Engine[T]) claimSingleBatch(ctx context.Context, req Request, op Operation[T]) (r result, decided bool) {
	tx := e.store.Open(req)
	prepared := false
	defer func() {
		if !prepared {
			e.store.Rollback(tx)
			_ = recover() // Prepare runs once more behind the look-up, if the key is new
		}
	}()
	rec, claim := e.newClaim(req, op)
	e.opt.Observer.Step(ctx, StepBegun)
	if err := op.Prepare(ctx, tx, *claim); err != nil {
		return result{}, false
	}
	prepared = true
	switch err := e.store.Claim(ctx, tx, rec); {
	case errors.Is(err, ErrSerialization):
		return result{}, false
	case err != nil:
		return failed(fmt.Errorf("claim: %w", err)), true
	}
	return result{claim: claim}, true
}

var errPanicked = errors.New("the work panicked")

// answerAfterPanic looks the key of work up that panicked. known is true when the key was in use or used before: then its
// request is answered by that. Else the panic goes on as if nothing had been asked.
func (e *Engine[T]) answerAfterPanic(ctx context.Context, req Request) (r result, known bool) {
	r = e.answerAfterRun(ctx, req, errPanicked)
	known = !errors.Is(r.err, errPanicked) && !errors.Is(r.err, ErrUnavailable)
	if known {
		e.opt.Log.WarnContext(ctx, "work that ran for a key that was taken panicked; the key's own answer was given", "path", req.Path)
	}
	return r, known
}

// answerAfterRun answers a request whose work has run in vain and must not run again. A record that is there is its answer,
// and so is that the key is in use. When the key is free, the work's own refusal stands, or the race that it lost.
func (e *Engine[T]) answerAfterRun(ctx context.Context, req Request, cause error) result {
	tx, found, err := e.store.Begin(ctx, req, nil)
	if err != nil {
		return failed(fmt.Errorf("look the key up: %w", err))
	}
	e.store.Rollback(tx)
	switch {
	case found.Record != nil:
		e.notNew(req, found.Record)
		return e.answerFrom(ctx, req, found.Record)
	case !found.Mine:
		e.notNew(req, nil)
		return failed(&InFlightError{RetryAfter: minRetry})
	}
	return result{outcome: Outcome{KeyUnused: true}, err: cause}
}
