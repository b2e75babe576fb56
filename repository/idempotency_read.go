package repository

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"github.com/payonce/payonce/idempotency"
)

// Find implements [idempotency.Finder].
func (s *Idempotency) Find(ctx context.Context, tenant idempotency.Tenant, keyHash [32]byte) (*idempotency.Record, error) {
	unit := s.unit()
	found := unit.record("find the record", sqlFind, uuid.UUID(tenant), keyHash[:])
	err := unit.alone(ctx, s.db.freshConn)
	return *found, err
}

// Resolve implements [idempotency.Finder]. The lock is waited for in a statement of its own, so that the look-up's
// snapshot is taken when the old backend has ended.
func (s *Idempotency) Resolve(ctx context.Context, tenant idempotency.Tenant, keyHash [32]byte) (*idempotency.Record, error) {
	unit := s.unit()
	lock := statement{label: "wait for the key", sql: `SELECT pg_advisory_xact_lock($1)`, args: []any{lockKey(tenant, keyHash)}}
	found := unit.record("find the record", sqlFind, uuid.UUID(tenant), keyHash[:])
	err := readOnly(unit.whole(ctx, lock))
	return *found, err
}

// Inspect implements [idempotency.Finder].
func (s *Idempotency) Inspect(ctx context.Context, tenant idempotency.Tenant, keyHash [32]byte) (*idempotency.Record, error) {
	unit := s.unit()
	found := unit.record("inspect the record", sqlInspect, uuid.UUID(tenant), keyHash[:])
	err := readOnly(unit.whole(ctx))
	return *found, err
}

// TakeOver implements [idempotency.Settler].
func (s *Idempotency) TakeOver(ctx context.Context, tenant idempotency.Tenant, keyHash [32]byte) (*idempotency.Record, error) {
	taken, err := s.takeOver(ctx, sqlTakeOver, seconds(s.retention.Lease), uuid.UUID(tenant), keyHash[:])
	if err != nil || len(taken) == 0 {
		return nil, err
	}
	return taken[0], nil
}

// TakeOverDue implements [idempotency.Settler].
func (s *Idempotency) TakeOverDue(ctx context.Context, limit int) ([]*idempotency.Record, error) {
	return s.takeOver(ctx, sqlTakeOverDue, seconds(s.retention.Lease), limit)
}

// takeOver is a transaction of one statement. When its answer is lost the lease was renewed for nobody, and somebody
// takes over later.
func (s *Idempotency) takeOver(ctx context.Context, query string, args ...any) ([]*idempotency.Record, error) {
	unit := s.unit()
	var taken []*idempotency.Record
	unit.returning("take over", query, args, func(scan func(...any) error) error {
		rec, err := scanRecord(scan, unit.timeline)
		taken = append(taken, rec)
		return err
	})
	err := unit.alone(ctx, s.db.reservedConn)
	return taken, err
}

// Expire implements [idempotency.Sweeper].
func (s *Idempotency) Expire(ctx context.Context, limit int) (int, error) {
	return s.sweep(ctx, sqlExpire, limit)
}

// Forget implements [idempotency.Sweeper].
func (s *Idempotency) Forget(ctx context.Context, limit int) (int, error) {
	return s.sweep(ctx, sqlForget, limit, seconds(s.retention.Tombstones))
}

func (s *Idempotency) sweep(ctx context.Context, query string, args ...any) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, releaseBudget)
	defer cancel()
	result, err := s.db.reserved.ExecContext(ctx, query, args...)
	if err != nil {
		return 0, classify("sweep", err, false)
	}
	swept, err := result.RowsAffected()
	return int(swept), err //nolint:wrapcheck // pgx never fails here
}

// record queues a look-up of one record.
func (u *Unit) record(label, query string, args ...any) **idempotency.Record {
	found := new(*idempotency.Record)
	u.Read(label, query, args, func(scan func(...any) error) (err error) {
		*found, err = scanRecord(scan, u.timeline)
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
