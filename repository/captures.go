package repository

import (
	"context"

	"github.com/google/uuid"
	"gorm.io/gorm"

	"github.com/payonce/payonce/idempotency/postgres"
	"github.com/payonce/payonce/models"
)

// Captures are a merchant's captures.
type Captures struct{ db *gorm.DB }

// NewCaptures returns the repository.
func NewCaptures(db *postgres.Database) *Captures { return &Captures{db.GORM()} }

const captureColumns = `c.merchant_id, c.id, c.payment_id, c.currency, c.key_hash, c.amount, c.is_final, c.status, c.status_reason,
	c.version, c.created_at, c.updated_at`

func captureFields(c *models.Capture) []any {
	return []any{
		&c.MerchantID, &c.ID, &c.PaymentID, &c.Currency, &c.KeyHash, &c.Amount, &c.IsFinal, (*string)(&c.Status), &c.StatusReason,
		&c.Version, &c.CreatedAt, &c.UpdatedAt,
	}
}

// Insert queues a capture that is about to be asked of the provider.
func (r *Captures) Insert(tx *postgres.Tx, c *models.Capture) {
	tx.Insert("insert the capture", `INSERT INTO captures (merchant_id, id, payment_id, currency, key_hash, amount, is_final, status,
		created_at, updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9)`,
		c.MerchantID, c.ID, c.PaymentID, c.Currency, c.KeyHash, c.Amount, c.IsFinal, string(c.Status), c.CreatedAt)
}

// InsertMade queues a capture that was made together with its authorization, and its event.
func (r *Captures) InsertMade(tx *postgres.Tx, c *models.Capture, e *models.Event) {
	writeWithEvent(tx, "insert the automatic capture", `INSERT INTO captures (merchant_id, id, payment_id, currency, amount, is_final,
		status, created_at, updated_at) VALUES ($1, $2, $8, $9, $10, $11, $12, $13, $13)`, e,
		c.PaymentID, c.Currency, c.Amount, c.IsFinal, string(c.Status), c.CreatedAt)
}

// Change queues what became of a pending capture, and its event.
func (r *Captures) Change(tx *postgres.Tx, c *models.Capture, e *models.Event) {
	writeWithEvent(tx, "change the capture", `UPDATE captures SET status = $8, status_reason = $9, version = version + 1, updated_at = $10
		WHERE merchant_id = $1 AND id = $2 AND status = 'pending'`, e, string(c.Status), c.StatusReason, c.UpdatedAt)
}

// Delete queues the removal of a capture that surely never reached the provider.
func (r *Captures) Delete(tx *postgres.Tx, merchant, id uuid.UUID) {
	tx.MustAffect("delete the capture", `DELETE FROM captures WHERE merchant_id = $1 AND id = $2 AND status = 'pending'`, merchant, id)
}

// Read queues a read of one capture.
func (r *Captures) Read(tx *postgres.Tx, merchant, id uuid.UUID) *postgres.Pending[models.Capture] {
	return postgres.ReadOne(tx, "read the capture", `SELECT `+captureColumns+` FROM captures c WHERE c.merchant_id = $1 AND c.id = $2`,
		[]any{merchant, id}, captureFields)
}

// UnderKey queues a read of the capture that was made under a key: it stays when the key's record is gone.
func (r *Captures) UnderKey(tx *postgres.Tx, merchant uuid.UUID, keyHash []byte) *postgres.Pending[models.Capture] {
	return postgres.ReadOne(tx, "find the key's capture", `SELECT `+captureColumns+` FROM captures c
		WHERE c.merchant_id = $1 AND c.key_hash = $2`, []any{merchant, keyHash}, captureFields)
}

// List reads a page of a payment's captures, newest first.
func (r *Captures) List(ctx context.Context, merchant, payment uuid.UUID, page Page) ([]models.Capture, error) {
	return list[models.Capture](r.db.WithContext(ctx).Where("merchant_id = ? AND payment_id = ?", merchant, payment), page)
}
