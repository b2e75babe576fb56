package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/payonce/payonce/idempotency"
)

// Tombstone is all that is left of a used key: no response, and of the client's key only its hash.
type Tombstone struct {
	Tenant      idempotency.Tenant
	KeyHash     [32]byte
	Fingerprint [33]byte // zero where the key was given up before a request had it
	Method      string
	Path        string
	Operation   string // "": effects in this database only
	ClaimID     [16]byte
	Fence       int64
	Resource    idempotency.Resource
	Status      int // 0: there never was a response
	CreatedAt   time.Time
	CompletedAt time.Time
	ExpiresAt   *time.Time // when its replay ended; nil: there was none
	CanceledAt  *time.Time // when it was given up
}

const (
	// whereForgettable: a time that is later than the retention allows changes nothing. least() skips NULL, which is no such time.
	whereForgettable = ` WHERE state = 'expired' AND completed_at < least(now() - make_interval(secs => $2), $3::timestamptz)`

	sqlForgetInto = `WITH due AS (SELECT merchant_id, key_hash FROM idempotency_keys` + whereForgettable + `
			ORDER BY completed_at LIMIT $1 FOR UPDATE SKIP LOCKED)
		DELETE FROM idempotency_keys k USING due WHERE k.merchant_id = due.merchant_id AND k.key_hash = due.key_hash
		RETURNING k.merchant_id, k.key_hash, k.fingerprint, k.method, k.path, coalesce(k.operation, ''), k.claim_id, k.fence,
			coalesce(k.resource_type, ''), k.resource_id, coalesce(k.status, 0), k.created_at, k.completed_at, k.expires_at, k.canceled_at`

	sqlForgettable = `SELECT count(*) FROM (SELECT FROM idempotency_keys` + whereForgettable + ` LIMIT $1) due`
)

// Forgettable counts the tombstones that [Store.ForgetInto] would take, up to limit.
func (s *Store) Forgettable(ctx context.Context, limit int, before time.Time) (n int, err error) {
	err = s.db.Autocommit(ctx, func(tx *Tx) {
		tx.Read("count tombstones", s.sql.forgettable, s.forgettable(limit, before), func(scan func(...any) error) error { return scan(&n) })
	})
	return n, err
}

// ForgetInto deletes up to limit tombstones whose retention is over and that were completed before a time (zero: any), oldest
// first, and returns how many. keep is given all of them, in a transaction that has deleted them and is not committed: what it returns
// an error for stays. It must have made them durable elsewhere when it returns, within 5 s, and may queue writes in the
// transaction, which commit with the deletion. After an error that is [idempotency.ErrCommitUnknown] they may be deleted or not: what
// keep wrote in the transaction tells. Tombstones that another transaction holds are left out.
func (s *Store) ForgetInto(ctx context.Context, limit int, before time.Time, keep func(context.Context, *Tx, []Tombstone) error) (int, error) {
	var taken []Tombstone
	err := s.db.Run(ctx, func(tx *Tx) {
		tx.Returning("take tombstones", s.sql.forgetInto, s.forgettable(limit, before), func(scan func(...any) error) error {
			t, err := scanTombstone(scan)
			taken = append(taken, t)
			return err
		})
	}, func(ctx context.Context, tx *Tx) error {
		if len(taken) == 0 {
			return nil
		}
		return keep(ctx, tx, taken)
	})
	if err != nil {
		return 0, err
	}
	return len(taken), nil
}

func (s *Store) forgettable(limit int, before time.Time) []any {
	var until *time.Time
	if !before.IsZero() {
		until = &before
	}
	return []any{limit, seconds(s.options.Tombstones), until}
}

func scanTombstone(scan func(dest ...any) error) (t Tombstone, err error) {
	var keyHash, fingerprint []byte
	var resource *uuid.UUID
	err = scan((*uuid.UUID)(&t.Tenant), &keyHash, &fingerprint, &t.Method, &t.Path, &t.Operation, (*uuid.UUID)(&t.ClaimID), &t.Fence,
		&t.Resource.Type, &resource, &t.Status, &t.CreatedAt, &t.CompletedAt, &t.ExpiresAt, &t.CanceledAt)
	if err != nil {
		return t, fmt.Errorf("scan the tombstone: %w", err)
	}
	copy(t.KeyHash[:], keyHash)
	copy(t.Fingerprint[:], fingerprint)
	if resource != nil {
		t.Resource.ID = *resource
	}
	return t, nil
}
