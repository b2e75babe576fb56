package repository

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/payonce/payonce/idempotency/postgres"
	"github.com/payonce/payonce/models"
)

// Undos are the payments whose key was given up.
type Undos struct{ db *postgres.Database }

// NewUndos returns the repository.
func NewUndos(db *postgres.Database) *Undos { return &Undos{db} }

const selectUndo = `SELECT merchant_id, payment_id, key, tries, operation_id, requested_at, next_try_at, ended_at, effect FROM undos `

func undoFields(u *models.Undo) []any {
	return []any{
		&u.MerchantID, &u.PaymentID, &u.Key, &u.Tries, &u.OperationID, &u.RequestedAt, &u.NextTryAt, &u.EndedAt, &u.Effect,
	}
}

// OfPayment queues a read of a payment's undo.
func (r *Undos) OfPayment(tx *postgres.Tx, merchant, payment uuid.UUID) *postgres.Pending[models.Undo] {
	return postgres.ReadOne(tx, "read the undo", selectUndo+`WHERE merchant_id = $1 AND payment_id = $2`, []any{merchant, payment}, undoFields)
}

// OfOperation queues a read of the undo that a void or refund is for.
func (r *Undos) OfOperation(tx *postgres.Tx, merchant, operation uuid.UUID) *postgres.Pending[models.Undo] {
	return postgres.ReadOne(tx, "find the undo", selectUndo+`WHERE merchant_id = $1 AND operation_id = $2`, []any{merchant, operation}, undoFields)
}

// Request queues an undo that a job begins, when the payment's own outcome is known.
func (r *Undos) Request(tx *postgres.Tx, u *models.Undo) {
	tx.Insert("request the undo", `INSERT INTO undos (merchant_id, payment_id, key, requested_at, next_try_at) VALUES ($1, $2, $3, $4, $4)`,
		u.MerchantID, u.PaymentID, u.Key, u.RequestedAt)
}

// Begin queues that an undo is under way: its next try, or its first. No other one may be, and none may have ended.
func (r *Undos) Begin(tx *postgres.Tx, u *models.Undo) {
	tx.MustAffect("begin the undo", `INSERT INTO undos AS u (merchant_id, payment_id, key, tries, operation_id, requested_at)
		VALUES ($1, $2, $3, $4 + 1, $5, $6) ON CONFLICT (merchant_id, payment_id) DO UPDATE
		SET tries = excluded.tries, operation_id = excluded.operation_id, next_try_at = NULL
		WHERE u.operation_id IS NULL AND u.ended_at IS NULL AND u.tries = $4`,
		u.MerchantID, u.PaymentID, u.Key, u.Tries, u.OperationID, u.RequestedAt)
}

// Withdraw queues that a try surely had no effect. What had been requested before it is due again, and nothing is left otherwise.
func (r *Undos) Withdraw(tx *postgres.Tx, u *models.Undo) {
	if u.Tries == 0 {
		tx.MustAffect("withdraw the undo", `DELETE FROM undos WHERE merchant_id = $1 AND payment_id = $2 AND operation_id = $3 AND ended_at IS NULL`,
			u.MerchantID, u.PaymentID, u.OperationID)
		return
	}
	r.Again(tx, u, 0)
}

// Again queues that a try has ended and that something of the payment is left: another one is due in a while.
func (r *Undos) Again(tx *postgres.Tx, u *models.Undo, in time.Duration) {
	tx.MustAffect("plan the next try", `UPDATE undos SET operation_id = NULL, next_try_at = clock_timestamp() + make_interval(secs => $4::float8)
		WHERE merchant_id = $1 AND payment_id = $2 AND operation_id = $3 AND ended_at IS NULL`,
		u.MerchantID, u.PaymentID, u.OperationID, seconds(in))
}

// End queues that nothing of the payment is left, at a time by Postgres's clock; nil: now.
func (r *Undos) End(tx *postgres.Tx, u *models.Undo, effect models.UndoEffect, at *time.Time) {
	tx.MustAffect("end the undo", `UPDATE undos SET ended_at = coalesce($5::timestamptz, clock_timestamp()), effect = $4, next_try_at = NULL
		WHERE merchant_id = $1 AND payment_id = $2 AND operation_id IS NOT DISTINCT FROM $3::uuid AND ended_at IS NULL`,
		u.MerchantID, u.PaymentID, u.OperationID, string(effect), at)
}

// Oldest returns the age of the oldest undo that has not ended; zero when all have.
func (r *Undos) Oldest(ctx context.Context) (time.Duration, error) {
	var age float64
	err := r.db.GORM().WithContext(ctx).Raw(`SELECT coalesce(extract(epoch FROM clock_timestamp() - min(requested_at)), 0)::float8
		FROM undos WHERE ended_at IS NULL`).Scan(&age).Error
	if err != nil {
		return 0, postgres.ReadError("find the oldest undo", err)
	}
	return time.Duration(age * float64(time.Second)), nil
}

// Due finds up to limit undos to be tried: nothing of their payments is under way. Each is then put off for a while, so that those
// that can't be done keep no other one waiting.
func (r *Undos) Due(ctx context.Context, pause time.Duration, limit int) ([]models.Undo, error) {
	var due []models.Undo
	err := r.db.Autocommit(ctx, func(tx *postgres.Tx) {
		tx.Returning("find due undos", `WITH due AS (SELECT u.merchant_id, u.payment_id FROM undos u
				JOIN payments p ON p.merchant_id = u.merchant_id AND p.id = u.payment_id
				WHERE u.next_try_at <= now() AND p.status <> 'processing'
				ORDER BY u.next_try_at LIMIT $1 FOR UPDATE OF u SKIP LOCKED)
			UPDATE undos u SET next_try_at = clock_timestamp() + make_interval(secs => $2::float8) FROM due
			WHERE u.merchant_id = due.merchant_id AND u.payment_id = due.payment_id
			RETURNING u.merchant_id, u.payment_id, u.key, u.tries, u.operation_id, u.requested_at, u.next_try_at, u.ended_at, u.effect`,
			[]any{limit, seconds(pause)}, func(scan func(...any) error) error {
				var u models.Undo
				err := scan(undoFields(&u)...)
				due = append(due, u)
				return err
			})
	})
	return due, err
}
