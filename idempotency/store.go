package idempotency

import (
	"context"
	"time"
)

// Found is what a transaction's first round trip learned about its key.
type Found struct {
	Mine   bool    // the key's lock is held by this transaction and no record exists
	Record *Record // nil when none is committed
}

// Store is the authority. T is its transaction type: the handler's writes take it, and only the store makes it.
//
// Obligations. Begin, Find and Inspect read the primary, never a standby. Errors wrap ErrUnavailable when the store
// could not be asked, ErrSerialization when the transaction may be run again, ErrCommitUnknown when COMMIT was sent
// and not answered. All times are taken from the store's clock.
type Store[T any] interface {
	// Begin opens a transaction, tries the key's lock without waiting, looks the key up and runs the reads queued
	// by reads, in one round trip. The caller ends the transaction with Complete, Claim or Rollback.
	Begin(ctx context.Context, req Request, reads func(T)) (T, Found, error)
	// Complete inserts rec as completed and commits, in one round trip with the writes queued in tx. It sets ExpiresAt.
	Complete(ctx context.Context, tx T, rec *Record) error
	// Claim inserts rec as in progress with a fresh lease and commits, in one round trip with the writes queued in tx.
	Claim(ctx context.Context, tx T, rec *Record) error
	// Rollback ends the transaction without effect. It returns at once, unless the transaction holds the key's lock: then
	// it waits, bounded, because the corrected request may follow at once and must not meet its own first try.
	Rollback(tx T)

	Settler[T]
	Finder
}

// Opener is a Store that can begin a transaction without asking anything first. A local effect whose key is most likely
// new costs one round trip then.
type Opener[T any] interface {
	// Open returns a transaction that holds nothing and has sent nothing. Complete sends it whole: it tries the key's lock
	// without waiting, looks the key up, and only if the lock is its own and no record exists it writes and commits. Else
	// Complete returns ErrSerialization, and nothing was changed. A transaction that is not completed needs no Rollback.
	Open(req Request) T
}

// Settler brings claimed records to their end. Each method writes only where the record is in progress under the
// claim's id and fence, and returns ErrClaimLost otherwise.
type Settler[T any] interface {
	// Settle completes the record with the response that writes returns, together with the writes it queues. It must
	// not use the connections that new requests wait for: what has begun has to be able to end.
	Settle(ctx context.Context, claim Claim, writes func(T) (*Response, error)) (*Record, error)
	// TakeBack deletes the record together with the deletes that undo queues, as if it had never been claimed.
	TakeBack(ctx context.Context, claim Claim, undo func(T)) error
	// TakeOver claims one record whose lease is over, with a new claim id and the next fence; nil if there is none.
	TakeOver(ctx context.Context, tenant Tenant, keyHash [32]byte) (*Record, error)
	// TakeOverDue claims up to limit records whose leases are over, skipping those that others are claiming.
	TakeOverDue(ctx context.Context, limit int) ([]*Record, error)
}

// Finder reads records.
type Finder interface {
	// Find reads the record; nil if none is committed.
	Find(ctx context.Context, tenant Tenant, keyHash [32]byte) (*Record, error)
	// Resolve waits, bounded, until no other transaction holds the key, and then reads the record in a statement of
	// its own; nil means that nothing was committed. It serves Begin's transactions after an unknown COMMIT.
	Resolve(ctx context.Context, tenant Tenant, keyHash [32]byte) (*Record, error)
	// Inspect reads the record under its row lock, waiting, bounded, for a transaction that is still writing it.
	Inspect(ctx context.Context, tenant Tenant, keyHash [32]byte) (*Record, error)
}

// Sweeper is the life after completion.
type Sweeper interface {
	// Expire turns up to limit completed records whose replay is over into tombstones.
	Expire(ctx context.Context, limit int) (int, error)
	// Forget deletes up to limit tombstones older than the retention of tombstones.
	Forget(ctx context.Context, limit int) (int, error)
}

// Entry is what the fast path says about an arrival.
type Entry struct {
	Admission Admission
	Record    *Record  // a completed value that authenticated itself; nil on a miss
	Hinted    bool     // another request set a hint less than a second ago
	Token     [16]byte // of the hint this request owns; zero if none
	// Unseen says that the hint is this request's own and that nothing stood in its place, so that the key is most likely
	// new. It proves nothing, and the authority decides as ever; it only is asked in the way that suits a new key.
	Unseen bool
}

// Gate is the fast path before the authority. It may refuse and it may replay; it never grants.
//
// Obligations. No method blocks longer than the gate's own time-outs, and none returns an error: a gate that is away
// lets everything through to the authority. Values it returns have been verified.
type Gate interface {
	// Admit counts a request against the limiter inside the process only.
	Admit(limiter string) Admission
	// Enter counts the request against the shared limiter, looks the key up and sets a hint, in one round trip.
	Enter(ctx context.Context, req Request) Entry
	// Publish offers a completed record, replacing a hint, and returns as soon as it is known to stand, or cannot.
	Publish(ctx context.Context, rec *Record)
	// Leave removes the hint if it is still this request's own.
	Leave(ctx context.Context, req Request, token [16]byte)
}

// Memory is L1: completed, immutable records in the process, bounded by bytes.
type Memory interface {
	Get(tenant Tenant, keyHash [32]byte) *Record
	Put(rec *Record)
}

// Authority tells what the caches have to know about the store: its clock, and the timeline that changes when a
// standby is promoted and acknowledged commits may have been lost.
type Authority interface {
	Now() time.Time
	Timeline() uint32
}
