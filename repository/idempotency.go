package repository

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/payonce/payonce/idempotency"
)

// Retention says how long records live; a zero field takes its default.
type Retention struct {
	Lease      time.Duration // of a claim, default 30 s
	Replay     time.Duration // of a response, default 24 h
	Tombstones time.Duration // of a used key without its response, default one year
}

// Idempotency is the authority of the engine: records in PostgreSQL, written in the transaction of their effect.
type Idempotency struct {
	db        *Database
	authority idempotency.Authority
	retention Retention
}

var (
	_ idempotency.Store[*Unit]  = (*Idempotency)(nil)
	_ idempotency.Opener[*Unit] = (*Idempotency)(nil)
	_ idempotency.Sweeper       = (*Idempotency)(nil)
)

// NewIdempotency returns the store. The authority names the timeline that records are stamped with for the caches.
func NewIdempotency(db *Database, authority idempotency.Authority, retention Retention) *Idempotency {
	if retention.Lease <= 0 {
		retention.Lease = 30 * time.Second
	}
	if retention.Replay <= 0 {
		retention.Replay = 24 * time.Hour
	}
	if retention.Tombstones <= 0 {
		retention.Tombstones = 365 * 24 * time.Hour
	}
	return &Idempotency{db: db, authority: authority, retention: retention}
}

// lockKey is the advisory lock of a key: 64 bits of its hash and merchant. A collision costs a needless 409, no more.
func lockKey(tenant idempotency.Tenant, keyHash [32]byte) int64 {
	return int64(binary.BigEndian.Uint64(keyHash[:8]) ^ binary.BigEndian.Uint64(tenant[8:])) //nolint:gosec // any 64 bits do
}

// Begin implements [idempotency.Store].
func (s *Idempotency) Begin(ctx context.Context, req idempotency.Request, reads func(*Unit)) (*Unit, idempotency.Found, error) {
	unit := s.unit()
	found := idempotency.Found{}
	unit.queue = append(unit.queue, statement{label: "begin", sql: "BEGIN"})
	unit.Read("lock the key", sqlTryLock, []any{lockKey(req.Tenant, req.KeyHash)}, func(scan func(...any) error) error {
		return scan(&unit.now, &found.Mine, nil, nil, nil)
	})
	unit.Read("look the key up", sqlLookUp, []any{uuid.UUID(req.Tenant), req.KeyHash[:]}, func(scan func(...any) error) (err error) {
		found.Mine = false
		found.Record, err = scanRecord(skipFirst(scan), unit.timeline)
		return err
	})
	if reads != nil {
		reads(unit)
	}
	var err error
	if unit.conn, err = s.db.freshConn(ctx); err != nil {
		return nil, idempotency.Found{}, err
	}
	if err := unit.Flush(ctx); err != nil {
		unit.rollback()
		return s.beginReadOnly(ctx, req, err)
	}
	unit.now, unit.holds = unit.now.UTC(), found.Mine
	return unit, found, nil
}

// beginReadOnly still answers what is decided when the server refuses row locks: a replay needs none.
func (s *Idempotency) beginReadOnly(ctx context.Context, req idempotency.Request, cause error) (*Unit, idempotency.Found, error) {
	if !errors.Is(cause, errReadOnly) {
		return nil, idempotency.Found{}, cause
	}
	rec, err := s.Find(ctx, req.Tenant, req.KeyHash)
	if err != nil || rec == nil {
		return nil, idempotency.Found{}, cause
	}
	return s.unit(), idempotency.Found{Record: rec}, nil
}

// unit is a transaction that has sent nothing yet. The timeline is read before anything is asked: a promotion in
// between makes what is cached under it a miss.
func (s *Idempotency) unit() *Unit { return &Unit{db: s.db, timeline: s.authority.Timeline()} }

// Complete implements [idempotency.Store].
func (s *Idempotency) Complete(ctx context.Context, unit *Unit, rec *idempotency.Record) error {
	args, err := completion(rec.Response, s.retention.Replay)
	if err != nil {
		unit.rollback()
		return err
	}
	unit.returning("insert the record", sqlInsertCompleted, append(identity(rec), args...), func(scan func(...any) error) error {
		return scan(&rec.ExpiresAt)
	})
	rec.Timeline = unit.timeline
	if unit.guard != nil {
		if unit.conn, err = s.db.freshConn(ctx); err != nil {
			return err
		}
		unit.queue = append([]statement{{label: "begin", sql: "BEGIN"}, *unit.guard}, unit.queue...)
	}
	if err := unit.commit(ctx); err != nil {
		return keyTaken(err)
	}
	rec.State = idempotency.Completed
	return nil
}

// Open implements [idempotency.Opener]. The transaction's time is the watch's estimate of Postgres's clock: what is asked
// for together with COMMIT comes too late for the response.
func (s *Idempotency) Open(req idempotency.Request) *Unit {
	unit := s.unit()
	unit.now = s.authority.Now().UTC().Truncate(time.Microsecond)
	unit.guard = &statement{
		label: labelKey, sql: sqlGuardKey, args: []any{lockKey(req.Tenant, req.KeyHash), uuid.UUID(req.Tenant), req.KeyHash[:]},
	}
	return unit
}

// labelKey marks the guard whose failure means that the key is in use, or was used.
const labelKey = "the key"

func keyTaken(err error) error {
	if guard, ok := errors.AsType[*GuardError](err); ok && guard.Label == labelKey {
		return fmt.Errorf("%w: %w", idempotency.ErrSerialization, err)
	}
	return err
}

// Claim implements [idempotency.Store].
func (s *Idempotency) Claim(ctx context.Context, unit *Unit, rec *idempotency.Record) error {
	args := append(identity(rec), seconds(s.retention.Lease), rec.Operation)
	record := statement{label: "insert the record", sql: sqlInsertClaimed, args: args}
	unit.queue = append([]statement{record}, unit.queue...) // the lock order starts with the record
	if err := unit.commit(ctx); err != nil {
		return err
	}
	rec.State, rec.LeaseLeft = idempotency.InProgress, s.retention.Lease
	return nil
}

// rollbackPatience bounds how long a request without an outcome waits for its key to be free.
const rollbackPatience = 100 * time.Millisecond

// Rollback implements [idempotency.Store].
func (s *Idempotency) Rollback(unit *Unit) {
	ended := unit.rollback()
	if !unit.holds {
		return
	}
	select {
	case <-ended:
	case <-time.After(rollbackPatience):
	}
}

// Settle implements [idempotency.Store]: T2 in one round trip, on the reserved pool.
func (s *Idempotency) Settle(ctx context.Context, claim idempotency.Claim,
	writes func(*Unit) (*idempotency.Response, error),
) (*idempotency.Record, error) {
	unit := s.unit()
	response, err := writes(unit)
	if err != nil {
		return nil, err
	}
	args, err := completion(response, s.retention.Replay)
	if err != nil {
		return nil, err
	}
	var rec *idempotency.Record
	complete := statement{
		label: labelClaim, sql: sqlComplete, args: append(claimArgs(claim), args...),
		rows: func(scan func(...any) error) (err error) {
			rec, err = scanRecord(skipFirst(scan), unit.timeline)
			return err
		},
	}
	if err := unit.whole(ctx, complete); err != nil {
		return nil, claimLost(err)
	}
	return rec, nil
}

// TakeBack implements [idempotency.Settler].
func (s *Idempotency) TakeBack(ctx context.Context, claim idempotency.Claim, undo func(*Unit)) error {
	unit := s.unit()
	undo(unit)
	return claimLost(unit.whole(ctx, guardedStatement(labelClaim, sqlTakeBack, claimArgs(claim)...)))
}

// labelClaim marks the guard whose failure means that the claim is somebody else's.
const labelClaim = "the claim"

func claimLost(err error) error {
	if guard, ok := errors.AsType[*GuardError](err); ok && guard.Label == labelClaim {
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
