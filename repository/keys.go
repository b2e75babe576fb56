package repository

import (
	"context"

	"github.com/google/uuid"
	"gorm.io/gorm"

	"github.com/payonce/payonce/models"
)

// Keys shows merchants what became of their idempotency keys.
type Keys struct{ db *gorm.DB }

// NewKeys returns the repository.
func NewKeys(db *Database) *Keys { return &Keys{db.gorm} }

// Get reads a record without its response. One whose replay is over is expired, also before the cleanup says so.
func (r *Keys) Get(ctx context.Context, merchant uuid.UUID, keyHash [32]byte) (*models.IdempotencyKey, error) {
	return first[models.IdempotencyKey](r.db.WithContext(ctx).Select(`method, path, status, resource_type, resource_id, created_at,
		expires_at, CASE WHEN state = 'completed' AND expires_at <= clock_timestamp() THEN 'expired' ELSE state END AS state`).
		Where("merchant_id = ? AND key_hash = ?", merchant, keyHash[:]))
}
