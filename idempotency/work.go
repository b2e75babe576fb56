package idempotency

import "context"

// Work is what a request wants done once: exactly one of the two fields is set.
type Work[T any] struct {
	Local    *Local[T]
	External Operation[T]
}

// binding is work that is read from its request when it is first needed, and then kept.
type binding[T any] struct {
	bind  func() (Work[T], error)
	done  bool
	bound Work[T]
	err   error
}

func (b *binding[T]) read() (Work[T], error) {
	if !b.done {
		b.bound, b.err = b.bind()
		b.done = true
	}
	return b.bound, b.err
}

// operation names what was read; empty for a local effect, and for work that was not read.
func (b *binding[T]) operation() string {
	if b.bound.External == nil {
		return ""
	}
	return b.bound.External.Name()
}

// Local is an effect inside the store only: it commits together with its record and its response.
type Local[T any] struct {
	// Reads queues the reads that Run needs, to travel with the look-up of the key. They must carry the store's condition for
	// them, because they run before it is known whether the key is new. May be nil.
	Reads func(tx T)
	// Run queues the writes and returns the response. An error means that nothing happened and spends no key. It may be
	// run again, at most 3 times, after a lost race, and must not touch anything but tx. A [PrerequisiteError] names what has to be
	// done first.
	Run func(ctx context.Context, tx T) (*Response, error)
	// Once forbids to run Run again: it wraps a plain handler that has already consumed its request.
	Once bool
	// TxOnly promises of a Run that must not run again that nothing but tx shows its effect. It may then run before the
	// key was looked up; when the key turns out to be taken, the transaction is rolled back and Run's response dropped.
	TxOnly bool
}

// Instead is what Run of a [Local] returns for an error where what it has read asks for an operation: nothing of the Local is committed, and the
// operation is executed for the request in its place. Only what the operation's own transaction reads counts for it.
type Instead[T any] struct{ Operation Operation[T] }

func (i *Instead[T]) Error() string { return "an operation is to be executed: " + i.Operation.Name() }

// Operation is an effect outside the store: claimed in one transaction, called, completed in another.
type Operation[T any] interface {
	// Name is kept with the record, so that recovery knows what to resume.
	Name() string
	// Resource is what the operation makes or changes.
	Resource() Resource
	// Ready is asked before anything is written; an error ends the request without effect.
	Ready() error
	// Reads queues conditional reads, as Local.Reads does.
	Reads(tx T)
	// Prepare checks what was read and queues the writes that go with the claim. A [PrerequisiteError] names what has to be
	// done first.
	Prepare(ctx context.Context, tx T, claim Claim) error
	// Call asks the provider, exactly once, and returns before the context's deadline. The operation keeps what it learned.
	Call(ctx context.Context) Answer
	Completer[T]
	// Undo queues the deletes of what Prepare wrote.
	Undo(tx T)
}

// ReadsNothing marks an [Operation] whose Reads queues nothing. The claim of a key that is most likely new is sent in one round trip
// then: Prepare runs before the key was looked up. When the key turns out to be taken, or Prepare refuses, what it queued is dropped, and for a
// new key it runs again.
type ReadsNothing interface{ ReadsNothing() }

// Completer ends an operation whose outcome was asked for.
type Completer[T any] interface {
	// Complete queues the writes that follow from what the operation learned, or, where the answer is not known, those of an
	// unknown outcome. It returns the response. What it has to read first, under locks, costs one more round trip. It runs again
	// after a transaction that was rolled back (a lost race, an unknown COMMIT that turned out to be none, a migration that it met),
	// and queues the same writes then.
	Complete(ctx context.Context, tx T, answer Answer) (*Response, error)
}

// Resumption is an operation whose first owner is gone: it is not called again, but looked up and completed.
type Resumption[T any] interface {
	// LookUp asks the provider what became of an earlier Call; it has no effect there. The operation keeps what it learned.
	LookUp(ctx context.Context) Answer
	Completer[T]
}

// Answer says whether asking the provider told anything. What it told is the operation's own, which keeps it for Complete.
type Answer struct {
	// Known: there is something for Complete to store. Without it nothing is claimed, and the outcome is unknown. What the store
	// refuses to take is completed once more as not known.
	Known bool
	// Refused is set when the call surely had no effect: it never reached the provider, or was refused as a request.
	// It is the error that the client gets when the claim is released.
	Refused error
}

// Resumer makes the rest of the operation of a record whose first owner is gone.
type Resumer[T any] interface {
	Resume(ctx context.Context, rec *Record) (Resumption[T], error)
}
