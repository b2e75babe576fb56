package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/payonce/payonce/idempotency"
)

// Find implements [idempotency.Finder].
func (s *Store) Find(ctx context.Context, tenant idempotency.Tenant, keyHash [32]byte) (*idempotency.Record, error) {
	tx := s.newTx()
	found := s.record(tx, "find the record", s.sql.find, uuid.UUID(tenant), keyHash[:])
	err := tx.autocommit(ctx, s.db.freshConn)
	return *found, err
}

// Probe implements [idempotency.Finder], in one round trip. The lock is tried in a statement of its own before the record
// is read: a transaction that held the key until then is seen by the second one's snapshot. It is shared and ends with
// the batch, so that it hardly ever keeps the key from another request.
func (s *Store) Probe(ctx context.Context, tenant idempotency.Tenant, keyHash [32]byte) (*idempotency.Record, bool, error) {
	tx := s.newTx()
	free := false
	tx.Read("try the key", `SELECT pg_try_advisory_xact_lock_shared($1)`, []any{lockKey(tenant, keyHash)}, func(scan func(...any) error) error {
		return scan(&free)
	})
	found := s.record(tx, "find the record", s.sql.find, uuid.UUID(tenant), keyHash[:])
	tx.queue = append(opening(), tx.queue...)
	var err error
	if tx.conn, err = s.db.freshConn(ctx); err != nil {
		return nil, false, err
	}
	err = readOnly(tx.commit(ctx))
	return *found, !free, err
}

// Resolve implements [idempotency.Finder]. The lock is waited for in a statement of its own, so that the look-up's
// snapshot is taken when the old backend has ended.
func (s *Store) Resolve(ctx context.Context, tenant idempotency.Tenant, keyHash [32]byte) (*idempotency.Record, error) {
	tx := s.newTx()
	lock := statement{label: "wait for the key", sql: `SELECT pg_advisory_xact_lock($1)`, args: []any{lockKey(tenant, keyHash)}}
	found := s.record(tx, "find the record", s.sql.find, uuid.UUID(tenant), keyHash[:])
	err := readOnly(tx.singleBatch(ctx, lock))
	return *found, err
}

// Inspect implements [idempotency.Finder].
func (s *Store) Inspect(ctx context.Context, tenant idempotency.Tenant, keyHash [32]byte) (*idempotency.Record, error) {
	tx := s.newTx()
	found := s.record(tx, "inspect the record", s.sql.inspect, uuid.UUID(tenant), keyHash[:])
	err := readOnly(tx.singleBatch(ctx))
	return *found, err
}

// TakeOver implements [idempotency.Claims].
func (s *Store) TakeOver(ctx context.Context, tenant idempotency.Tenant, keyHash [32]byte) (*idempotency.Record, error) {
	taken, err := s.takeOver(ctx, s.sql.takeOver, seconds(s.options.Lease), uuid.UUID(tenant), keyHash[:])
	if err != nil || len(taken) == 0 {
		return nil, err
	}
	return taken[0], nil
}

// TakeOverDue implements [idempotency.Claims].
func (s *Store) TakeOverDue(ctx context.Context, limit int) ([]*idempotency.Record, error) {
	return s.takeOver(ctx, s.sql.takeOverDue, seconds(s.options.Lease), limit)
}

// takeOver is a transaction of one statement. When its answer is lost the lease was renewed although no process goes on,
// and the record is taken over again when the lease is over.
func (s *Store) takeOver(ctx context.Context, query string, args ...any) ([]*idempotency.Record, error) {
	tx := s.newTx()
	var taken []*idempotency.Record
	tx.Returning("take over", query, args, func(scan func(...any) error) error {
		rec, err := s.scanRecord(scan, tx.timeline)
		taken = append(taken, rec)
		return err
	})
	err := tx.autocommit(ctx, s.db.reservedConn)
	return taken, err
}

// Expire implements [idempotency.Sweeper].
func (s *Store) Expire(ctx context.Context, limit int) (int, error) {
	return s.sweep(ctx, s.sql.expire, limit)
}

// Forget implements [idempotency.Sweeper].
func (s *Store) Forget(ctx context.Context, limit int) (int, error) {
	return s.sweep(ctx, s.sql.forget, limit, seconds(s.options.Tombstones))
}

// CleanupDue returns for how long the record that waits longest for Expire is due, and the tombstone that waits longest for Forget; zero
// where none is.
func (s *Store) CleanupDue(ctx context.Context) (expire, forget time.Duration, err error) {
	var ages [2]float64
	err = s.db.Autocommit(ctx, func(tx *Tx) {
		tx.Read("see what is to be cleaned up", s.sql.cleanupDue, []any{seconds(s.options.Tombstones)}, func(scan func(...any) error) error {
			return scan(&ages[0], &ages[1])
		})
	})
	return time.Duration(ages[0] * float64(time.Second)), time.Duration(ages[1] * float64(time.Second)), err
}

func (s *Store) sweep(ctx context.Context, query string, args ...any) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, releaseBudget)
	defer cancel()
	result, err := replanned{s.db.reserved}.ExecContext(ctx, query, args...)
	if err != nil {
		return 0, classify("sweep", err, false)
	}
	swept, err := result.RowsAffected()
	return int(swept), err //nolint:wrapcheck // pgx never fails here
}

// record queues a look-up of one record.
func (s *Store) record(tx *Tx, label, query string, args ...any) **idempotency.Record {
	found := new(*idempotency.Record)
	tx.Read(label, query, args, func(scan func(...any) error) (err error) {
		*found, err = s.scanRecord(scan, tx.timeline)
		return err
	})
	return found
}

// readOnly turns an unknown COMMIT of a transaction without writes into what it is: no answer.
func readOnly(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%w: %v", idempotency.ErrUnavailable, err) //nolint:errorlint // hides ErrCommitUnknown on purpose
}
