package idempotency

import (
	"context"
	"errors"
	"fmt"
)

// maxRuns bounds how often a transaction that lost a race is run.
const maxRuns = 3

// local runs an effect whose record, writes and response commit together.
func (e *Engine[T]) local(ctx context.Context, req Request, work *Local[T]) (Outcome, *Record, error) {
	ctx, cancel := context.WithTimeout(ctx, e.opt.BeginBudget)
	defer cancel()
	runs := maxRuns
	if work.Once {
		runs = 1
	}
	transaction := e.runLocal
	if e.goesWhole(req, work) {
		transaction = e.runWhole
	}
	pause := newBackoff()
	for run := 1; ; run++ {
		out, rec, err := e.resolved(ctx, req, work, transaction)
		if !errors.Is(err, ErrSerialization) {
			return out, rec, err
		}
		transaction = e.runLocal // what was sent whole asks first from now on
		if run >= runs || !pause.wait(ctx) {
			return Outcome{}, nil, fmt.Errorf("%w: lost %d races: %w", ErrUnavailable, run, err)
		}
	}
}

// resolved runs a transaction once, and finds out what became of a COMMIT without an answer.
func (e *Engine[T]) resolved(ctx context.Context, req Request, work *Local[T],
	run func(context.Context, Request, *Local[T]) (Outcome, *Record, error),
) (Outcome, *Record, error) {
	out, rec, err := run(ctx, req, work)
	if errors.Is(err, ErrCommitUnknown) {
		return e.resolve(ctx, req, rec)
	}
	return out, rec, err
}

func (e *Engine[T]) runLocal(ctx context.Context, req Request, work *Local[T]) (Outcome, *Record, error) {
	tx, found, err := e.store.Begin(ctx, req, work.Reads)
	if err != nil {
		return Outcome{}, nil, fmt.Errorf("begin: %w", err)
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
		return e.seen(ctx, req, found.Record)
	}
	if !found.Mine {
		return Outcome{}, nil, &InFlightError{RetryAfter: minRetry}
	}
	e.opt.Observer.Step(ctx, StepBegun)
	response, err := work.Run(ctx, tx)
	if err != nil {
		return Outcome{}, nil, err
	}
	rec := newRecord(req)
	rec.Resource, rec.Response = response.Resource, response
	ended = true
	if err := e.store.Complete(ctx, tx, rec); err != nil {
		rec.State = "" // nothing that is not known to be committed is ever published
		return Outcome{}, rec, fmt.Errorf("complete: %w", err)
	}
	e.opt.Observer.Step(ctx, StepCommitted)
	return first(rec)
}

func newRecord(req Request) *Record {
	return &Record{
		Tenant: req.Tenant, KeyHash: req.KeyHash, Fingerprint: req.Fingerprint, Method: req.Method, Path: req.Path,
		ClaimID: NewClaimID(), Fence: 1,
	}
}

func first(rec *Record) (Outcome, *Record, error) {
	return Outcome{Response: rec.Response, Level: LevelFirst, ExpiresAt: rec.ExpiresAt}, rec, nil
}

// resolve finds out what an unknown COMMIT of a first transaction came to. An absent record means that it was rolled
// back, reported as ErrSerialization so that the caller runs the transaction again; a record with our claim id is
// ours, and any other is its holder's.
func (e *Engine[T]) resolve(ctx context.Context, req Request, mine *Record) (Outcome, *Record, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), e.opt.CompletionBudget)
	defer cancel()
	rec, err := untilAnswered(ctx, func() (*Record, error) { return e.store.Resolve(ctx, req.Tenant, req.KeyHash) })
	e.opt.Observer.Step(ctx, StepResolved)
	switch {
	case err != nil:
		return Outcome{}, nil, &openError{fmt.Errorf("resolve an unknown commit: %w", err)}
	case rec == nil:
		return Outcome{}, nil, ErrSerialization
	case rec.ClaimID == mine.ClaimID && rec.State == Completed:
		return first(rec)
	case rec.ClaimID == mine.ClaimID && rec.State == InProgress:
		return Outcome{}, rec, errClaimed
	}
	return e.seen(ctx, req, rec)
}

// errClaimed is resolve's word to external: the claim stands and is ours.
var errClaimed = errors.New("the claim is committed")
