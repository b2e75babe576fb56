package repository

import (
	"context"

	"github.com/google/uuid"
	"gorm.io/gorm"

	"github.com/payonce/payonce/idempotency/postgres"
	"github.com/payonce/payonce/models"
)

// IdempotencyKeys shows merchants what became of their idempotency keys.
type IdempotencyKeys struct{ db *gorm.DB }

// NewIdempotencyKeys returns the repository.
func NewIdempotencyKeys(db *postgres.Database) *IdempotencyKeys { return &IdempotencyKeys{db.GORM()} }

// Get reads a record without its response. One whose replay is over is expired, also before the cleanup says so.
func (r *IdempotencyKeys) Get(ctx context.Context, merchant uuid.UUID, keyHash [32]byte) (*models.IdempotencyKey, error) {
	return first[models.IdempotencyKey](r.db.WithContext(ctx).Select(`method, path, status, resource_type, resource_id, created_at,
		expires_at, coalesce(canceled_at, (SELECT ended_at FROM undos u WHERE u.merchant_id = idempotency_keys.merchant_id
			AND u.payment_id = resource_id AND operation = 'authorize')) AS canceled_at, CASE WHEN state = 'completed' AND expires_at <= clock_timestamp() THEN 'expired'
		WHEN canceled_at IS NOT NULL AND status IS NULL THEN 'canceled' ELSE state END AS state`).
		Where("merchant_id = ? AND key_hash = ?", merchant, keyHash[:]))
}

// UsedFor queues a read of the id of the payment that a key captured, refunded or voided something of: the row stays when the key's record is gone.
func (r *IdempotencyKeys) UsedFor(tx *postgres.Tx, merchant uuid.UUID, keyHash []byte) *postgres.Pending[models.Payment] {
	return postgres.ReadOne(tx, "find what the key was used for", `SELECT payment_id FROM captures WHERE merchant_id = $1 AND key_hash = $2
		UNION ALL SELECT payment_id FROM voids WHERE merchant_id = $1 AND key_hash = $2
		UNION ALL SELECT payment_id FROM refunds WHERE merchant_id = $1 AND key_hash = $2 LIMIT 1`, []any{merchant, keyHash},
		func(p *models.Payment) []any { return []any{&p.ID} })
}
