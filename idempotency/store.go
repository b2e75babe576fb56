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

// Store is the authority. T is its transaction type: the handler's writes take it, and only the store makes it. Each part of
// the protocol has a part of it: first transactions, the ends of claims, and reads.
//
// Obligations. Begin and the reads of Finder ask the primary, never a standby. Errors wrap ErrUnavailable when the store
// could not be asked, ErrSerialization when the transaction may be run again, ErrCommitUnknown when COMMIT was sent
// and not answered. All times are taken from the store's clock.
type Store[T any] interface {
	Transactions[T]
	Claims[T]
	Finder
}

// Transactions are the first ones of a key: all of a local effect, or the claim of an operation.
type Transactions[T any] interface {
	// Begin opens a transaction, tries the key's lock without waiting, looks the key up and runs the reads queued
	// by reads, in one round trip. The caller ends the transaction with Commit, Claim or Rollback.
	Begin(ctx context.Context, req Request, reads func(T)) (T, Found, error)
	// Open returns a transaction that holds nothing and has sent nothing, for an effect whose key is most likely new. Commit or Claim
	// sends it as a single batch: it tries the key's lock without waiting, and only if the lock is its own and no record exists it
	// writes and commits. Else it returns ErrSerialization, and nothing was changed.
	Open(req Request) T
	// Commit inserts rec as completed and commits, in one round trip with the writes queued in tx. It sets ExpiresAt.
	Commit(ctx context.Context, tx T, rec *Record) error
	// Claim inserts rec as in progress with a fresh lease and commits, in one round trip with the writes queued in tx.
	Claim(ctx context.Context, tx T, rec *Record) error
	// Rollback ends the transaction without effect. It returns at once, unless the transaction holds the key's lock: then
	// it waits, bounded, because the corrected request may follow at once and must not meet its own first try.
	Rollback(tx T)
}

// Claims brings claimed records to their end. Each method writes only where the record is in progress under the
// claim's id and fence, and returns ErrClaimLost otherwise.
type Claims[T any] interface {
	// Complete completes the record with the response that writes returns, together with the writes it queues; where the response
	// names a resource, the record names that one from then on. It may run writes more than once, each time in a transaction of its
	// own. It must not use the connections that new requests wait for: what has begun has to be able to end.
	Complete(ctx context.Context, claim Claim, writes func(T) (*Response, error)) (*Record, error)
	// Release deletes the record together with the deletes that undo queues, as if it had never been claimed.
	Release(ctx context.Context, claim Claim, undo func(T)) error
	// TakeOver claims one record whose lease is over, with a new claim id and the next fence; nil if there is none.
	TakeOver(ctx context.Context, tenant Tenant, keyHash [32]byte) (*Record, error)
	// TakeOverDue claims up to limit records whose leases are over, skipping those that others are claiming.
	TakeOverDue(ctx context.Context, limit int) ([]*Record, error)
}

// Finder reads records.
type Finder interface {
	// Find reads the record; nil if none is committed.
	Find(ctx context.Context, tenant Tenant, keyHash [32]byte) (*Record, error)
	// Probe reads the record, too, and whether a transaction holds the key. It sees what was committed by any
	// transaction that no longer holds it, takes the key from no other, and writes nothing.
	Probe(ctx context.Context, tenant Tenant, keyHash [32]byte) (rec *Record, busy bool, err error)
	// Resolve waits, bounded, until no other transaction holds the key, and then reads the record in a statement of
	// its own; nil means that nothing was committed. It serves Begin's transactions after an unknown COMMIT.
	Resolve(ctx context.Context, tenant Tenant, keyHash [32]byte) (*Record, error)
	// Inspect reads the record under its row lock, waiting, bounded, for a transaction that is still writing it.
	Inspect(ctx context.Context, tenant Tenant, keyHash [32]byte) (*Record, error)
}

// Sweeper is the life of records after their completion; stores have it, too.
type Sweeper interface {
	// Expire turns up to limit completed records whose replay is over into tombstones.
	Expire(ctx context.Context, limit int) (int, error)
	// Forget deletes up to limit tombstones older than the retention of tombstones.
	Forget(ctx context.Context, limit int) (int, error)
}

// Primary is what the caches have to know about the store: its clock, and the timeline that changes when a
// standby is promoted and acknowledged commits may have been lost.
type Primary interface {
	Now() time.Time
	// Timeline is zero while it isn't known; then nothing that is cached may be believed.
	Timeline() uint32
}
