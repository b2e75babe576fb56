package idempotency

import (
	"context"
	"errors"
	"sync/atomic"
	"time"
)

// askFirst is for how long every key is looked up before anything is written, after one that looked new was not: a gate
// that lost its values shows none of many keys that exist, and to fail at each of them would cost more than to ask.
const askFirst = 2 * time.Second

// asking remembers until when. Its zero point is the engine's start, on the monotonic clock.
type asking struct {
	since time.Time
	until atomic.Int64
}

func (a *asking) now() bool { return int64(time.Since(a.since)) < a.until.Load() }

func (a *asking) begin() { a.until.Store(int64(time.Since(a.since) + askFirst)) }

// likelyNew tells whether a local effect goes to the store whole, without a look-up before it. It needs no reads then, and
// it may be run again.
func (e *Engine[T]) likelyNew(req Request, work *Local[T]) bool {
	return e.opener != nil && req.unseen && work.Reads == nil && !work.Once && !e.asking.now()
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
			e.asking.begin()
		}
		rec.State = "" // nothing that is not known to be committed is ever published
		return Outcome{}, rec, err
	}
	e.opt.Observer.Step(ctx, StepCommitted)
	return first(rec)
}
