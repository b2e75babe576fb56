package idempotency

import (
	"errors"
	"fmt"
)

// result is how a request ended, on each path through the engine.
type result struct {
	outcome Outcome
	err     error
	record  *Record // what was learned of the key, for the caches and for copies of the request; nothing that isn't committed

	// keyTaken: the key stays taken, or may be. A claim stands that recovery has to finish, or a COMMIT was not answered. The
	// marker before such a key is left alone; it ends by itself.
	keyTaken bool
	// keyUnread: the work ran before its key was looked up, and left nothing behind. What err says holds only if the key is
	// free: one that was used before has another answer.
	keyUnread bool
	// cachedHere: the fast path was not asked for the key, and has not known such keys for a while. The record is published to it only if
	// this process can't remember it.
	cachedHere bool
	// claim is this request's own, and committed. The request has not ended: its operation is to be called.
	claim *Claim
}

func failed(err error) result { return result{err: err} }

// stillTaken is a failure that leaves its key taken.
func stillTaken(err error) result { return result{err: err, keyTaken: true} }

// executed is an outcome that was made, and not replayed.
func executed(rec *Record, source Source) result {
	return result{outcome: Outcome{Response: rec.Response, Source: source, ExpiresAt: rec.ExpiresAt}, record: rec}
}

// replay answers a request with a finished record, or says why not. The fingerprint is compared before anything is
// shown: a key that was used for another request reveals nothing of it. An expired key says so whatever the request, and so does one
// that was given up, which no request has.
func replay(req Request, rec *Record, source Source) result {
	switch {
	case rec.State == Expired:
		return result{record: rec, err: &ExpiredError{rec.Resource}}
	case rec.State == Canceled:
		return result{record: rec, err: &CanceledError{}}
	case !req.same(rec.Fingerprint):
		return result{record: rec, err: ErrReused}
	}
	return executed(rec, source)
}

// lostRaces ends a request whose transaction was rolled back so often. What the work said before its key was looked up is told as
// a text only: it holds for a free key, and must not be taken for the request's answer.
func (r result) lostRaces(runs int) result {
	if r.keyUnread {
		return failed(fmt.Errorf("%w: lost %d races: %v", ErrUnavailable, runs, r.err)) //nolint:errorlint // see above
	}
	return result{err: fmt.Errorf("%w: lost %d races: %w", ErrUnavailable, runs, r.err), keyTaken: r.keyTaken}
}

// inFlight is the error of a request that meets another one with its key; nil for any other.
func (r result) inFlight() *InFlightError {
	inFlight, _ := errors.AsType[*InFlightError](r.err)
	return inFlight
}

// end is what an observer is told of a request.
func (r result) end(method, route, operation string) End {
	if operation == "" && r.record != nil {
		operation = r.record.Operation
	}
	return End{Method: method, Route: route, Operation: operation, Source: r.outcome.Source, Label: r.label(), Err: r.err}
}

// label names the end of a request for metrics.
func (r result) label() string {
	if r.err == nil {
		return string(r.outcome.Source)
	}
	if r.inFlight() != nil {
		return RefusalConflict
	}
	if _, ok := errors.AsType[*ExpiredError](r.err); ok {
		return RefusalExpired
	}
	if _, ok := errors.AsType[*CanceledError](r.err); ok {
		return RefusalCanceled
	}
	if _, ok := errors.AsType[*LimitedError](r.err); ok {
		return RefusalLimited
	}
	switch {
	case errors.Is(r.err, ErrReused):
		return RefusalReused
	case errors.Is(r.err, ErrUnavailable):
		return RefusalUnavailable
	}
	return RefusalNone
}
