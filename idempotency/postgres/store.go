package postgres

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/payonce/payonce/idempotency"
)

// StoreOptions say where the table is and how long records live; a zero field takes its default.
type StoreOptions struct {
	Schema     string        // where schema.Migrate made the table; empty: where search_path finds it
	Lease      time.Duration // of a claim, default 30 s
	Replay     time.Duration // of a response, default 24 h
	Tombstones time.Duration // of a used key without its response, default one year

	Sealer  Sealer // of responses that show a secret; without one they are refused
	SealAll bool   // seal the body of every response
}

// Store is the authority of the engine: records in PostgreSQL, written in the transaction of their effect.
type Store struct {
	db      *Database
	primary idempotency.Primary
	options StoreOptions
	sql     *recordSQL
}

var (
	_ idempotency.Store[*Tx] = (*Store)(nil)
	_ idempotency.Sweeper    = (*Store)(nil)
)

// NewStore returns the store. The primary names the timeline that records are stamped with for the caches.
func NewStore(db *Database, primary idempotency.Primary, options StoreOptions) *Store {
	if options.Lease <= 0 {
		options.Lease = 30 * time.Second
	}
	if options.Replay <= 0 {
		options.Replay = 24 * time.Hour
	}
	if options.Tombstones <= 0 {
		options.Tombstones = 365 * 24 * time.Hour
	}
	return &Store{db: db, primary: primary, options: options, sql: sqlIn(options.Schema)}
}

// Lease is how long a claim is held before others may take it over.
func (s *Store) Lease() time.Duration { return s.options.Lease }

// lockKey is the advisory lock of a key: 64 bits of its hash and merchant. A collision costs a needless 409, no more.
func lockKey(tenant idempotency.Tenant, keyHash [32]byte) int64 {
	return int64(binary.BigEndian.Uint64(keyHash[:8]) ^ binary.BigEndian.Uint64(tenant[8:])) //nolint:gosec // any 64 bits do
}

// Begin implements [idempotency.Transactions].
func (s *Store) Begin(ctx context.Context, req idempotency.Request, reads func(*Tx)) (*Tx, idempotency.Found, error) {
	tx := s.newTx()
	found := idempotency.Found{}
	tx.queue = append(tx.queue, beginStatement())
	tx.Read("lock the key", sqlTryLock, []any{lockKey(req.Tenant, req.KeyHash)}, func(scan func(...any) error) error {
		return scan(&tx.now, &found.Mine, nil)
	})
	tx.Read("look the key up", s.sql.lookUp, []any{uuid.UUID(req.Tenant), req.KeyHash[:]}, func(scan func(...any) error) (err error) {
		found.Mine = false
		found.Record, err = s.scanRecord(skipFirst(scan), tx.timeline)
		return err
	})
	if reads != nil {
		reads(tx)
	}
	if err := tx.begin(ctx, s.db.freshConn); err != nil {
		return s.beginReadOnly(ctx, req, err)
	}
	tx.now, tx.holds = tx.now.UTC(), found.Mine
	return tx, found, nil
}

// beginReadOnly still answers what is decided when the server refuses row locks: a replay needs none.
func (s *Store) beginReadOnly(ctx context.Context, req idempotency.Request, cause error) (*Tx, idempotency.Found, error) {
	if !errors.Is(cause, errReadOnly) {
		return nil, idempotency.Found{}, cause
	}
	rec, err := s.Find(ctx, req.Tenant, req.KeyHash)
	if err != nil || rec == nil {
		return nil, idempotency.Found{}, cause
	}
	return s.newTx(), idempotency.Found{Record: rec}, nil
}

// newTx is a transaction that has sent nothing yet. The timeline is read before anything is asked: a promotion in
// between makes what is cached under it a miss.
func (s *Store) newTx() *Tx { return &Tx{db: s.db, timeline: s.primary.Timeline()} }

// primaryKey refuses a second record of a key: the first one was committed after the key was looked up.
const primaryKey = "idempotency_keys_pkey"

// Commit implements [idempotency.Transactions].
func (s *Store) Commit(ctx context.Context, tx *Tx, rec *idempotency.Record) error {
	args, err := s.completion(rec.Tenant, rec.KeyHash, rec.Response)
	if err != nil {
		tx.rollback()
		return err
	}
	record := statement{
		label: labelRecord, sql: s.sql.insertCompleted, args: append(identity(rec), args...), race: primaryKey,
		rows: func(scan func(...any) error) error { return scan(&rec.ExpiresAt) },
	}
	rec.Timeline = tx.timeline
	if tx.early != nil {
		record.sql = s.sql.insertFirst
		err = tx.commitFirst(ctx, record, rec)
	} else {
		tx.add(record)
		err = keyTaken(tx.commit(ctx))
	}
	if err != nil {
		return err
	}
	rec.State = idempotency.Completed
	return nil
}

// commitFirst commits a transaction of which nothing was sent yet, in one batch that begins with the record: its statement takes the
// key's lock as well.
func (tx *Tx) commitFirst(ctx context.Context, record statement, rec *idempotency.Record) (err error) {
	begins := tx.early
	if tx.conn, err = begins.take(ctx); err != nil {
		return err
	}
	record.args = append(record.args, lockKey(rec.Tenant, rec.KeyHash))
	tx.queue, tx.early = append([]statement{begins.first[0], record}, tx.queue...), nil
	err = tx.commit(ctx)
	if err != nil && takesNoWrites(err) { // the key was not looked up; what is known is replayed all the same
		return fmt.Errorf("%w: %w", idempotency.ErrSerialization, err)
	}
	return keyTaken(err)
}

// Open implements [idempotency.Transactions]. The transaction's time is the monitor's estimate of Postgres's clock: what is asked
// for together with COMMIT comes too late for the response.
func (s *Store) Open(req idempotency.Request) *Tx {
	tx := s.newTx()
	tx.now = s.primary.Now().UTC().Truncate(time.Microsecond)
	free := statement{
		label: labelKey, sql: s.sql.checkKey, args: []any{lockKey(req.Tenant, req.KeyHash), uuid.UUID(req.Tenant), req.KeyHash[:]},
	}
	tx.early = &early{first: []statement{beginStatement(), free}, take: s.db.freshConn, failed: keyTaken, holds: true}
	return tx
}

// labelKey and labelRecord mark the statements whose failure means that the key is in use, or was used.
const (
	labelKey    = "the key"
	labelRecord = "insert the record"
)

func keyTaken(err error) error {
	if failed, ok := errors.AsType[*NotAffectedError](err); ok && (failed.Label == labelKey || failed.Label == labelRecord) {
		return fmt.Errorf("%w: %w", idempotency.ErrSerialization, err)
	}
	return err
}

// Claim implements [idempotency.Transactions].
func (s *Store) Claim(ctx context.Context, tx *Tx, rec *idempotency.Record) error {
	args := append(identity(rec), seconds(s.options.Lease), rec.Operation)
	record := statement{label: labelRecord, sql: s.sql.insertClaimed, args: args, race: primaryKey}
	var err error
	if tx.early != nil {
		record.sql = s.sql.claimFirst
		err = tx.commitFirst(ctx, record, rec)
	} else {
		tx.queue = append([]statement{record}, tx.queue...) // the lock order starts with the record
		err = tx.commit(ctx)
	}
	if err != nil {
		return err
	}
	rec.State, rec.LeaseLeft = idempotency.InProgress, s.options.Lease
	return nil
}

// rollbackPatience bounds how long a request without an outcome waits for its key to be free.
const rollbackPatience = 100 * time.Millisecond

// Rollback implements [idempotency.Transactions].
func (s *Store) Rollback(tx *Tx) {
	ended := tx.rollback()
	if !tx.holds {
		return
	}
	select {
	case <-ended:
	case <-time.After(rollbackPatience):
	}
}

// Complete implements [idempotency.Claims]: the completion transaction in one round trip, on the reserved pool; in one more for
// each Flush in writes. The first of those takes the record's row lock, under the claim. What met a migration is run once more: the
// provider has answered, and its answer must not be lost to that.
func (s *Store) Complete(ctx context.Context, claim idempotency.Claim,
	writes func(*Tx) (*idempotency.Response, error),
) (*idempotency.Record, error) {
	rec, err := s.complete(ctx, claim, writes)
	if metMigration(err) {
		return s.complete(ctx, claim, writes)
	}
	return rec, err
}

func (s *Store) complete(ctx context.Context, claim idempotency.Claim,
	writes func(*Tx) (*idempotency.Response, error),
) (*idempotency.Record, error) {
	tx := s.newTx()
	tx.now = s.primary.Now().UTC().Truncate(time.Microsecond)
	tx.early = &early{
		first: opening(statement{label: labelClaim, sql: s.sql.holdClaim, args: claimArgs(claim)}), take: s.db.reservedConn, failed: claimLost,
	}
	defer tx.rollback() // of one that a read has begun and nothing ended
	response, err := writes(tx)
	if err != nil {
		return nil, err
	}
	args, err := s.completion(claim.Tenant, claim.KeyHash, response)
	if err != nil {
		return nil, err
	}
	var rec *idempotency.Record
	complete := statement{
		label: labelClaim, sql: s.sql.complete, args: append(append(claimArgs(claim), args...), resource(response.Resource)...),
		rows: func(scan func(...any) error) (err error) {
			rec, err = s.scanRecord(skipFirst(scan), tx.timeline)
			return err
		},
	}
	if err := tx.singleBatchWith(ctx, []statement{beginStatement()}, complete); err != nil {
		return nil, claimLost(err)
	}
	return rec, nil
}

// Release implements [idempotency.Claims].
func (s *Store) Release(ctx context.Context, claim idempotency.Claim, undo func(*Tx)) error {
	tx := s.newTx()
	undo(tx)
	return claimLost(tx.singleBatch(ctx, mustAffect(labelClaim, s.sql.release, claimArgs(claim)...)))
}

// labelClaim marks the statement whose failure means that the claim has another owner.
const labelClaim = "the claim"

func claimLost(err error) error {
	if failed, ok := errors.AsType[*NotAffectedError](err); ok && failed.Label == labelClaim {
		return idempotency.ErrClaimLost
	}
	return err
}

// skipFirst drops the first column, which is there for what it does and not for what it says.
func skipFirst(scan func(dest ...any) error) func(dest ...any) error {
	return func(dest ...any) error {
		return scan(append([]any{nil}, dest...)...)
	}
}
