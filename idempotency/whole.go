package idempotency

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"
)

// lookFirst is for how long every key that the gate doesn't know is looked up before anything else, after one of them was
// known to the store: a gate that lost its values shows none of many keys that exist.
const lookFirst = 2 * time.Second

// guess remembers until when. Its zero point is the engine's start, on the monotonic clock.
type guess struct {
	since time.Time
	until atomic.Int64
}

func newGuess() guess { return guess{since: time.Now()} }

// wrong notes that a key was not new.
func (g *guess) wrong() { g.until.Store(int64(time.Since(g.since) + lookFirst)) }

// doubtful tells whether that was a short while ago.
func (g *guess) doubtful() bool { return int64(time.Since(g.since)) < g.until.Load() }

// looked answers from a record of a key that the gate doesn't know, while such keys are often known. It is a plain read
// without a transaction: what it doesn't find is decided by the transaction that follows. done is false then.
func (e *Engine[T]) looked(ctx context.Context, req Request) (out Outcome, rec *Record, done bool, err error) {
	if !req.unseen || !e.guess.doubtful() {
		return Outcome{}, nil, false, nil
	}
	ctx, cancel := context.WithTimeout(ctx, e.opt.BeginBudget)
	defer cancel()
	rec, err = e.store.Find(ctx, req.Tenant, req.KeyHash)
	switch {
	case err != nil:
		return Outcome{}, nil, true, fmt.Errorf("find: %w", err)
	case rec == nil:
		return Outcome{}, nil, false, nil
	}
	e.guess.wrong()
	out, rec, err = e.seen(ctx, req, rec)
	return out, rec, true, err
}

// goesWhole tells whether a local effect is sent in one transaction without a look-up before it: its key is most likely
// new, it needs no reads, and it may be run again.
func (e *Engine[T]) goesWhole(req Request, work *Local[T]) bool {
	return e.opener != nil && req.unseen && work.Reads == nil && !work.Once
}

// runWhole runs an effect in a transaction that is sent in one round trip. That the key is new is still decided by the
// store, in that transaction. ErrSerialization means that nothing happened and that the key has to be asked for first:
// also when the work refuses, because a key that was used before has another answer.
func (e *Engine[T]) runWhole(ctx context.Context, req Request, work *Local[T]) (Outcome, *Record, error) {
	tx := e.opener.Open(req)
	e.opt.Observer.Step(ctx, StepBegun)
	response, err := work.Run(ctx, tx)
	if err != nil {
		return Outcome{}, nil, ErrSerialization
	}
	rec := newRecord(req)
	rec.Resource, rec.Response = response.Resource, response
	if err := e.store.Complete(ctx, tx, rec); err != nil {
		if errors.Is(err, ErrSerialization) {
			e.guess.wrong()
		}
		rec.State = "" // nothing that is not known to be committed is ever published
		return Outcome{}, rec, err
	}
	e.opt.Observer.Step(ctx, StepCommitted)
	return first(rec)
}
