package idempotency

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

// maxRuns bounds how often a transaction that lost a race is run.
const maxRuns = 3

// errRanInVain ends a request whose work ran while another one held the key, and must not run again.
var errRanInVain = fmt.Errorf("%w: the work ran for a key that was in use, and must not run again", ErrUnavailable)

// runLocal runs an effect whose record, writes and response commit together.
func (e *Engine[T]) runLocal(ctx context.Context, req Request, work *Local[T]) (r result) {
	ctx, cancel := context.WithTimeout(ctx, e.opt.BeginBudget)
	defer cancel()
	ctx, end := e.opt.Observer.Start(ctx, SpanTransaction)
	defer func() { end(r.err) }()
	runs := maxRuns
	if work.Once {
		if *req.ran { // a waiter tries again: its handler has consumed its request
			return e.answerAfterRun(ctx, req, errRanInVain)
		}
		runs = 1
	}
	pause, singleBatch := newBackoff(), e.fitsSingleBatch(req, work)
	for run := 1; ; run++ {
		if singleBatch {
			r = e.transactSingleBatch(ctx, req, work)
		} else {
			r = e.transactAfterLookUp(ctx, req, work)
		}
		if errors.Is(r.err, ErrCommitUnknown) {
			r = e.resolve(ctx, req)
		}
		switch {
		case r.keyUnread && work.Once:
			return e.answerAfterRun(ctx, req, r.err)
		case !r.keyUnread && !errors.Is(r.err, ErrSerialization):
			return r
		case run >= runs || !pause.wait(ctx):
			return r.lostRaces(run)
		}
		singleBatch = false // from now on the key is looked up first
	}
}

// transactAfterLookUp looks the key up in the round trip that begins the transaction, and runs the effect if it is new.
func (e *Engine[T]) transactAfterLookUp(ctx context.Context, req Request, work *Local[T]) result {
	asked := time.Now()
	tx, found, err := e.store.Begin(ctx, req, work.Reads)
	if err != nil {
		return failed(fmt.Errorf("begin: %w", err))
	}
	ended := false
	defer func() { // also when Run panics: the panic goes on, the transaction doesn't
		if !ended {
			e.store.Rollback(tx)
		}
	}()
	if found.Record != nil {
		ended = true
		e.store.Rollback(tx) // before anything else: finishing another's work must not hold this connection
		return e.answerFound(ctx, req, found.Record, asked)
	}
	if !found.Mine {
		e.notNew(req, nil)
		return failed(&InFlightError{RetryAfter: minRetry})
	}
	e.flights.executes(req.flight)
	e.opt.Observer.Step(ctx, StepBegun)
	*req.ran = true
	response, err := work.Run(ctx, tx)
	if err != nil {
		return result{outcome: Outcome{KeyUnused: true}, err: err} // rolled back without a COMMIT
	}
	ended = true
	return e.commit(ctx, tx, newRecord(req), response)
}

// commit commits a local effect together with its record.
func (e *Engine[T]) commit(ctx context.Context, tx T, rec *Record, response *Response) result {
	rec.Resource, rec.Response = response.Resource, response
	if err := e.store.Commit(ctx, tx, rec); err != nil {
		return failed(fmt.Errorf("commit: %w", err))
	}
	e.opt.Observer.Step(ctx, StepCommitted)
	return executed(rec, SourceFirst)
}

func newRecord(req Request) *Record {
	return &Record{
		Tenant: req.Tenant, KeyHash: req.KeyHash, Fingerprint: req.Fingerprint,
		// net/http's are parts of one string with the whole request line, which the caches would keep alive.
		Method: strings.Clone(req.Method), Path: strings.Clone(req.Path),
		ClaimID: req.claimID, Fence: 1,
	}
}

// committed reports whether a record was committed by an earlier run of this very request, whose COMMIT was not answered or
// was taken for rolled back, and was not taken over since.
func (r Request) committed(rec *Record) bool { return rec.ClaimID == r.claimID && rec.Fence == 1 }

// answerFound answers from the record that a first transaction met, or that stands after its COMMIT was not answered. What
// the request committed itself is no replay, and a claim of its own goes on: nothing has been sent under it yet. The
// record's lease runs at least from the moment on when it was asked for.
func (e *Engine[T]) answerFound(ctx context.Context, req Request, rec *Record, asked time.Time) result {
	if req.committed(rec) {
		switch rec.State {
		case Completed:
			return executed(rec, SourceFirst)
		case InProgress:
			return result{claim: rec.claimed(asked.Add(rec.LeaseLeft))}
		case Expired, Canceled:
		}
	}
	e.notNew(req, rec)
	return e.answerFrom(ctx, req, rec)
}

// resolve finds out what an unknown COMMIT of a first transaction came to, and answers from the record. An absent record
// means that the transaction was rolled back: ErrSerialization makes it run again.
func (e *Engine[T]) resolve(ctx context.Context, req Request) result {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), e.opt.CompletionBudget)
	defer cancel()
	asking, end := e.opt.Observer.Start(ctx, SpanResolution)
	var asked time.Time
	rec, err := untilAnswered(asking, func() (*Record, error) {
		asked = time.Now()
		return e.store.Resolve(asking, req.Tenant, req.KeyHash)
	})
	end(err)
	e.opt.Observer.Step(ctx, StepResolved)
	switch {
	case err != nil:
		return stillTaken(fmt.Errorf("resolve an unknown commit: %w", err))
	case rec == nil:
		return failed(ErrSerialization)
	}
	return e.answerFound(ctx, req, rec, asked)
}
