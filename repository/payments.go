package repository

import (
	"context"

	"github.com/google/uuid"
	"gorm.io/gorm"

	"github.com/payonce/payonce/models"
)

// Payments are a merchant's payments and their captures.
type Payments struct{ db *gorm.DB }

// NewPayments returns the repository.
func NewPayments(db *Database) *Payments { return &Payments{db.gorm} }

// Insert queues a payment that is about to be asked of the provider.
func (r *Payments) Insert(u *Unit, p *models.Payment) {
	u.Insert("insert the payment", `INSERT INTO payments (merchant_id, id, order_id, currency, idempotency_key_hash, capture_method,
		provider, payment_method, status, amount, description, metadata, created_at, updated_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, coalesce($12::jsonb, '{}'), $13, $13)`,
		p.MerchantID, p.ID, p.OrderID, p.Currency, p.IdempotencyKeyHash, string(p.CaptureMethod),
		p.Provider, p.PaymentMethod, string(p.Status), p.Amount, p.Description, text(p.Metadata), p.CreatedAt)
}

// Change queues a payment's new state, provided that it still is what it was when it was read. The trigger
// payments_guard counts the version up and refuses any arrow that is not in the table of transitions.
func (r *Payments) Change(u *Unit, p *models.Payment, from models.PaymentStatus, version int) {
	u.Guard("change the payment", `UPDATE payments SET status = $3, status_reason = $4, provider_reference = $5,
		amount_authorized = $6, amount_captured = $7, authorization_expires_at = $8, next_action_url = $11
		WHERE merchant_id = $1 AND id = $2 AND status = $9 AND version = $10`,
		p.MerchantID, p.ID, string(p.Status), p.StatusReason, p.ProviderReference,
		p.AmountAuthorized, p.AmountCaptured, p.AuthorizationExpiresAt, string(from), version, p.NextActionURL)
}

// Delete queues the removal of a payment that surely never reached the provider.
func (r *Payments) Delete(u *Unit, merchant, id uuid.UUID) {
	u.Guard("delete the payment", `DELETE FROM payments WHERE merchant_id = $1 AND id = $2 AND status = 'processing'`, merchant, id)
}

// InsertCapture queues a capture.
func (r *Payments) InsertCapture(u *Unit, c *models.Capture) {
	u.Insert("insert the capture", `INSERT INTO captures (merchant_id, id, payment_id, currency, key_hash, amount, is_final, status,
		created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
		c.MerchantID, c.ID, c.PaymentID, c.Currency, c.KeyHash, c.Amount, c.IsFinal, string(c.Status), c.CreatedAt)
}

const paymentColumns = `merchant_id, id, order_id, currency, idempotency_key_hash, capture_method, provider, provider_reference,
	payment_method, status, status_reason, amount, amount_authorized, amount_capturing, amount_captured, amount_voided,
	amount_refunding, amount_refunded, authorization_expires_at, next_action_url, description, metadata, version, created_at,
	updated_at`

func paymentFields(p *models.Payment) []any {
	return []any{
		&p.MerchantID, &p.ID, &p.OrderID, &p.Currency, &p.IdempotencyKeyHash, (*string)(&p.CaptureMethod), &p.Provider,
		&p.ProviderReference, &p.PaymentMethod, (*string)(&p.Status), &p.StatusReason, &p.Amount, &p.AmountAuthorized,
		&p.AmountCapturing, &p.AmountCaptured, &p.AmountVoided, &p.AmountRefunding, &p.AmountRefunded,
		&p.AuthorizationExpiresAt, &p.NextActionURL, &p.Description, &p.Metadata, &p.Version, &p.CreatedAt, &p.UpdatedAt,
	}
}

// Read queues a read of one payment.
func (r *Payments) Read(u *Unit, merchant, id uuid.UUID) *Later[models.Payment] {
	return later(u, "read the payment", `SELECT `+paymentColumns+` FROM payments WHERE merchant_id = $1 AND id = $2`,
		[]any{merchant, id}, paymentFields)
}

// UnderKey queues a read of the payment that was made under a key: it stays when the key's record is gone.
func (r *Payments) UnderKey(u *Unit, merchant uuid.UUID, keyHash []byte) *Later[models.Payment] {
	return later(u, "find the key's payment", `SELECT id, status FROM payments WHERE merchant_id = $1 AND idempotency_key_hash = $2`,
		[]any{merchant, keyHash}, func(p *models.Payment) []any { return []any{&p.ID, (*string)(&p.Status)} })
}

// LiveForOrder queues a read of the payment that keeps an order from being paid again.
func (r *Payments) LiveForOrder(u *Unit, merchant, order uuid.UUID) *Later[models.Payment] {
	return later(u, "find the live payment", `SELECT id, status FROM payments WHERE merchant_id = $1 AND order_id = $2
		AND status NOT IN ('canceled', 'failed', 'expired')`, []any{merchant, order},
		func(p *models.Payment) []any { return []any{&p.ID, (*string)(&p.Status)} })
}

// Get reads one payment.
func (r *Payments) Get(ctx context.Context, merchant, id uuid.UUID) (*models.Payment, error) {
	return first[models.Payment](r.db.WithContext(ctx).Where("merchant_id = ? AND id = ?", merchant, id))
}

// ByKey reads the payment that was made under a key, also when the key's record is gone.
func (r *Payments) ByKey(ctx context.Context, merchant uuid.UUID, keyHash [32]byte) (*models.Payment, error) {
	return first[models.Payment](r.db.WithContext(ctx).Where("merchant_id = ? AND idempotency_key_hash = ?", merchant, keyHash[:]))
}

// PaymentFilter narrows a list; a zero field does not.
type PaymentFilter struct {
	OrderID uuid.UUID
	Status  string
}

// List reads a page of payments, newest first.
func (r *Payments) List(ctx context.Context, merchant uuid.UUID, filter PaymentFilter, page Page) ([]models.Payment, error) {
	query := r.db.WithContext(ctx).Where("merchant_id = ?", merchant)
	if filter.OrderID != uuid.Nil {
		query = query.Where("order_id = ?", filter.OrderID)
	}
	if filter.Status != "" {
		query = query.Where("status = ?", filter.Status)
	}
	return list[models.Payment](query, page)
}
