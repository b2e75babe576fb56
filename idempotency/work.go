package idempotency

import "context"

// Work is what a request wants done once: exactly one of the two fields is set.
type Work[T any] struct {
	Local    *Local[T]
	External Operation[T]
}

// Local is an effect inside the store only: it commits together with its record and its response.
type Local[T any] struct {
	// Reads queues the reads that Run needs, to travel with the look-up of the key. They must carry the store's guard,
	// because they run before anybody knows whether the key is new. May be nil.
	Reads func(tx T)
	// Run queues the writes and returns the response. An error means that nothing happened and spends no key. It may be
	// run again, at most 3 times, after a lost race, and must not touch anything but tx.
	Run func(ctx context.Context, tx T) (*Response, error)
	// Once forbids to run Run again: it wraps a plain handler that has already consumed its request.
	Once bool
}

// Operation is an effect outside the store: claimed in one transaction, called, settled in another.
type Operation[T any] interface {
	// Name is kept with the record, so that recovery knows what to resume.
	Name() string
	// Resource is what the operation makes or changes.
	Resource() Resource
	// Ready is asked before anything is written; an error ends the request without effect.
	Ready() error
	// Reads queues guarded reads, as Local.Reads does.
	Reads(tx T)
	// Prepare checks what was read and queues the writes that go with the claim.
	Prepare(ctx context.Context, tx T, claim Claim) error
	// Call asks the provider, exactly once, and returns before the context's deadline.
	Call(ctx context.Context) Answer
	// LookUp asks the provider what became of an earlier Call; it has no effect there.
	LookUp(ctx context.Context) Answer
	// Settle queues the writes that follow from the answer and returns the response. It runs again after an unknown
	// COMMIT that turned out to be rolled back, and queues the same writes then.
	Settle(tx T, answer Answer) (*Response, error)
	// Undo queues the deletes that take Prepare's writes back.
	Undo(tx T)
}

// Answer is what a provider's call came to.
type Answer struct {
	// Truth is the operation's own and handed back to Settle. Nil claims nothing: the outcome is unknown.
	Truth any
	// Refused is set when the call surely had no effect: it never reached the provider, or was refused as a request.
	// It is the error that the client gets when the claim is taken back.
	Refused error
}

// Resumer makes the operation of a record whose first holder is gone.
type Resumer[T any] interface {
	Resume(ctx context.Context, rec *Record) (Operation[T], error)
}
