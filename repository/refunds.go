package repository

import (
	"context"

	"github.com/google/uuid"
	"gorm.io/gorm"

	"github.com/payonce/payonce/idempotency/postgres"
	"github.com/payonce/payonce/models"
)

// Refunds are a merchant's refunds.
type Refunds struct {
	db    *gorm.DB
	whole *postgres.Database // for lists
}

// NewRefunds returns the repository.
func NewRefunds(db *postgres.Database) *Refunds { return &Refunds{db.GORM(), db} }

const refundColumns = `r.merchant_id, r.id, r.payment_id, r.currency, r.key_hash, r.amount, r.reason, r.status, r.status_reason,
	r.version, r.created_at, r.updated_at`

func refundFields(x *models.Refund) []any {
	return []any{
		&x.MerchantID, &x.ID, &x.PaymentID, &x.Currency, &x.KeyHash, &x.Amount, &x.Reason, (*string)(&x.Status), &x.StatusReason,
		&x.Version, &x.CreatedAt, &x.UpdatedAt,
	}
}

// Insert queues a refund that is about to be asked of the provider.
func (r *Refunds) Insert(tx *postgres.Tx, x *models.Refund) {
	tx.Insert("insert the refund", `INSERT INTO refunds (merchant_id, id, payment_id, currency, key_hash, amount, reason, status,
		created_at, updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9)`,
		x.MerchantID, x.ID, x.PaymentID, x.Currency, x.KeyHash, x.Amount, x.Reason, string(x.Status), x.CreatedAt)
}

// Change queues what became of a pending refund, and its event.
func (r *Refunds) Change(tx *postgres.Tx, x *models.Refund, e *models.Event) {
	writeWithEvent(tx, "change the refund", `UPDATE refunds SET status = $8, status_reason = $9, version = version + 1, updated_at = $10
		WHERE merchant_id = $1 AND id = $2 AND status = 'pending'`, e, string(x.Status), x.StatusReason, x.UpdatedAt)
}

// Delete queues the removal of a refund that surely never reached the provider.
func (r *Refunds) Delete(tx *postgres.Tx, merchant, id uuid.UUID) {
	tx.MustAffect("delete the refund", `DELETE FROM refunds WHERE merchant_id = $1 AND id = $2 AND status = 'pending'`, merchant, id)
}

// Read queues a read of one refund.
func (r *Refunds) Read(tx *postgres.Tx, merchant, id uuid.UUID) *postgres.Pending[models.Refund] {
	return postgres.ReadOne(tx, "read the refund", `SELECT `+refundColumns+` FROM refunds r WHERE r.merchant_id = $1 AND r.id = $2`,
		[]any{merchant, id}, refundFields)
}

// UnderKey queues a read of the refund that was made under a key: it stays when the key's record is gone.
func (r *Refunds) UnderKey(tx *postgres.Tx, merchant uuid.UUID, keyHash []byte) *postgres.Pending[models.Refund] {
	return postgres.ReadOne(tx, "find the key's refund", `SELECT `+refundColumns+` FROM refunds r
		WHERE r.merchant_id = $1 AND r.key_hash = $2`, []any{merchant, keyHash}, refundFields)
}

// Get reads one refund.
func (r *Refunds) Get(ctx context.Context, merchant, id uuid.UUID) (*models.Refund, error) {
	return first[models.Refund](r.db.WithContext(ctx).Where("merchant_id = ? AND id = ?", merchant, id))
}

// RefundFilter narrows a list; a nil field does not.
type RefundFilter struct {
	PaymentID *uuid.UUID
	Statuses  []string // nil: any
}

// List reads a page of refunds, newest first.
func (r *Refunds) List(ctx context.Context, merchant uuid.UUID, filter RefundFilter, page Page) ([]models.Refund, error) {
	return listAnywhere[models.Refund](ctx, r.whole, func(query *gorm.DB) *gorm.DB {
		query = query.Where("merchant_id = ?", merchant)
		if filter.PaymentID != nil {
			query = query.Where("payment_id = ?", *filter.PaymentID)
		}
		if filter.Statuses != nil {
			query = query.Where("status IN ?", filter.Statuses)
		}
		return query
	}, page)
}
