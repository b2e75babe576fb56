package idempotency

import (
	"context"
	"errors"
	"time"
)

// prerequisiteBudget bounds what is done before the work can be: a client waits for it.
const prerequisiteBudget = 15 * time.Second

// PrerequisiteError is returned by Local.Run and by Operation.Prepare where something outside the transaction has to be done first: to
// ask a provider, say, which must hold no connection. The transaction is rolled back, the prerequisite done, and the work run once
// more: a prerequisite that is missing again is the end, with Err. A replay never gets here.
type PrerequisiteError struct {
	// Do does it as far as it can: what became of it, the second run sees. It may run more than once for a key, also at once
	// (in several replicas), and ends with its context.
	Do func(ctx context.Context)
	// Err is the request's error when the second run finds it missing as well.
	Err error
}

func (e *PrerequisiteError) Error() string { return e.Err.Error() }
func (e *PrerequisiteError) Unwrap() error { return e.Err }

// withPrerequisite runs a first transaction, and once more when something else had to be done before it.
func (e *Engine[T]) withPrerequisite(ctx context.Context, run func() result) result {
	r := run()
	missing, found := errors.AsType[*PrerequisiteError](r.err)
	if !found {
		return r
	}
	doing, cancel := context.WithTimeout(ctx, min(prerequisiteBudget, e.opt.Lease))
	defer cancel()
	missing.Do(doing)
	return run()
}
