package postgres

import (
	"github.com/google/uuid"

	"github.com/payonce/payonce/idempotency"
)

const (
	// sqlTryTarget carries the condition of every read that travels with the claim of a key, so that a copy of the request that gives up
	// never takes the target's lock.
	sqlTryTarget = `SELECT pg_try_advisory_xact_lock($1) WHERE ` + WhenMine

	sqlTarget = sqlFind + ` AND ` + WhenMine

	// sqlLockTarget never locks a record in progress: its owner must not wait to complete it.
	sqlLockTarget = sqlFind + ` AND state <> 'in_progress' FOR UPDATE`

	// sqlSpend makes a tombstone that never had a response. It has no fingerprint: no request is the one that it refuses, it refuses all.
	sqlSpend = `INSERT INTO idempotency_keys (merchant_id, key_hash, fingerprint, method, path, state, claim_id, created_at, completed_at, canceled_at)
		VALUES ($1, $2, $3, '', '', 'expired', $4, $5, $5, $5)`

	sqlMark = `UPDATE idempotency_keys SET canceled_at = $3 WHERE merchant_id = $1 AND key_hash = $2 AND state <> 'in_progress' AND canceled_at IS NULL`
)

var _ idempotency.Cancellations[*Tx] = (*Store)(nil)

// Target implements [idempotency.Cancellations]. The lock is tried in a statement of its own: what its last holder committed is seen by
// the look-up's snapshot.
func (s *Store) Target(tx *Tx, tenant idempotency.Tenant, keyHash [32]byte) *idempotency.Target {
	target := &idempotency.Target{Tenant: tenant, KeyHash: keyHash}
	tx.Read("try the target", sqlTryTarget, []any{lockKey(tenant, keyHash)}, func(scan func(...any) error) error {
		return scan(&target.Free)
	})
	s.readTarget(tx, "look the target up", s.sql.target, target)
	return target
}

// LockTarget implements [idempotency.Cancellations].
func (s *Store) LockTarget(tx *Tx, target *idempotency.Target) {
	target.Free, target.Record = false, nil
	s.readTarget(tx, "lock the target", s.sql.lockTarget, target)
}

func (s *Store) readTarget(tx *Tx, label, query string, target *idempotency.Target) {
	tx.Read(label, query, []any{uuid.UUID(target.Tenant), target.KeyHash[:]}, func(scan func(...any) error) (err error) {
		target.Record, err = s.scanRecord(scan, tx.timeline)
		return err
	})
}

// Cancel implements [idempotency.Cancellations].
func (s *Store) Cancel(tx *Tx, target *idempotency.Target) {
	key := []any{uuid.UUID(target.Tenant), target.KeyHash[:]}
	if rec := target.Record; rec != nil {
		rec.CanceledAt = tx.now
		tx.MustAffect("mark the target", s.sql.mark, append(key, tx.now)...)
		return
	}
	target.Record = &idempotency.Record{
		Tenant: target.Tenant, KeyHash: target.KeyHash, State: idempotency.Canceled, ClaimID: idempotency.NewClaimID(), Fence: 1, CanceledAt: tx.now,
	}
	rec := target.Record
	tx.add(statement{
		label: "spend the target", sql: s.sql.spend, race: primaryKey,
		args: append(key, rec.Fingerprint[:], uuid.UUID(rec.ClaimID), tx.now),
	})
}
