package repository

import (
	"context"
	"time"

	"github.com/google/uuid"
	"gorm.io/gorm"

	"github.com/payonce/payonce/idempotency/postgres"
	"github.com/payonce/payonce/models"
)

// Payments are a merchant's payments.
type Payments struct {
	db    *gorm.DB
	whole *postgres.Database // for lists
}

// NewPayments returns the repository.
func NewPayments(db *postgres.Database) *Payments { return &Payments{db.GORM(), db} }

// Insert queues a payment that is about to be asked of the provider.
func (r *Payments) Insert(tx *postgres.Tx, p *models.Payment) {
	tx.Insert("insert the payment", `INSERT INTO payments (merchant_id, id, order_id, currency, idempotency_key_hash, capture_method,
		provider, payment_method, status, amount, description, metadata, created_at, updated_at, return_url)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, coalesce($12::jsonb, '{}'), $13, $13, $14)`,
		p.MerchantID, p.ID, p.OrderID, p.Currency, p.IdempotencyKeyHash, string(p.CaptureMethod),
		p.Provider, p.PaymentMethod, string(p.Status), p.Amount, p.Description, text(p.Metadata), p.CreatedAt, p.ReturnURL)
}

// Change queues what happens to a payment that is in the state p.Status at a time (see [models.ChangedAt]), and its event. The trigger
// payments_guard counts the version up and refuses any arrow that is not in the table of transitions. No version that was
// read before is compared: the state, and the claim of the attempt that is resolved in the same transaction, are the conditions.
func (r *Payments) Change(tx *postgres.Tx, p *models.Payment, c models.PaymentChange, at time.Time, e *models.Event) {
	writeWithEvent(tx, "change the payment", `UPDATE payments SET status = $8, status_reason = $9, next_action_url = $10,
		provider_reference = coalesce($11, provider_reference),
		authorization_expires_at = coalesce($12, authorization_expires_at),
		amount_authorized = amount_authorized + $13, amount_captured = amount_captured + $14, amount_voided = amount_voided + $15,
		amount_refunded = amount_refunded + $16, amount_capturing = amount_capturing + $17, amount_refunding = amount_refunding + $18,
		next_action_expires_at = coalesce($21, next_action_expires_at), updated_at = $19
		WHERE merchant_id = $1 AND id = $2 AND status = $20`, e,
		string(c.Status), c.StatusReason, c.NextActionURL, c.ProviderReference, c.AuthorizationExpiresAt, c.Authorized, c.Captured,
		c.Voided, c.Refunded, c.Capturing, c.Refunding, at, string(p.Status), c.NextActionExpiresAt)
}

// Reserve queues what captures and refunds hold of a payment while they are under way; less than zero gives it back. It can't be seen
// from outside, so it has no event, and no version of its own.
func (r *Payments) Reserve(tx *postgres.Tx, merchant, id uuid.UUID, capturing, refunding int64) {
	tx.MustAffect("reserve of the payment", `UPDATE payments SET amount_capturing = amount_capturing + $3,
		amount_refunding = amount_refunding + $4 WHERE merchant_id = $1 AND id = $2`, merchant, id, capturing, refunding)
}

// Delete queues the removal of a payment that surely never reached the provider.
func (r *Payments) Delete(tx *postgres.Tx, merchant, id uuid.UUID) {
	tx.MustAffect("delete the payment", `DELETE FROM payments WHERE merchant_id = $1 AND id = $2 AND status = 'processing'`, merchant, id)
}

const paymentColumns = `merchant_id, id, order_id, currency, idempotency_key_hash, capture_method, provider, provider_reference,
	payment_method, status, status_reason, amount, amount_authorized, amount_capturing, amount_captured, amount_voided,
	amount_refunding, amount_refunded, authorization_expires_at, next_action_url, next_action_expires_at, return_url, description, metadata, version,
	created_at, updated_at`

func paymentFields(p *models.Payment) []any {
	return []any{
		&p.MerchantID, &p.ID, &p.OrderID, &p.Currency, &p.IdempotencyKeyHash, (*string)(&p.CaptureMethod), &p.Provider,
		&p.ProviderReference, &p.PaymentMethod, (*string)(&p.Status), &p.StatusReason, &p.Amount, &p.AmountAuthorized,
		&p.AmountCapturing, &p.AmountCaptured, &p.AmountVoided, &p.AmountRefunding, &p.AmountRefunded,
		&p.AuthorizationExpiresAt, &p.NextActionURL, &p.NextActionExpiresAt, &p.ReturnURL, &p.Description, &p.Metadata, &p.Version,
		&p.CreatedAt, &p.UpdatedAt,
	}
}

// Read queues a read of one payment.
func (r *Payments) Read(tx *postgres.Tx, merchant, id uuid.UUID) *postgres.Pending[models.Payment] {
	return postgres.ReadOne(tx, "read the payment", `SELECT `+paymentColumns+` FROM payments WHERE merchant_id = $1 AND id = $2`,
		[]any{merchant, id}, paymentFields)
}

// Lock queues a locking read that travels with the claim of a key. The lock lets rows that point to the payment be written beside it.
func (r *Payments) Lock(tx *postgres.Tx, merchant, id uuid.UUID) *postgres.Pending[models.Payment] {
	return postgres.ReadOne(tx, "lock the payment", `SELECT `+paymentColumns+` FROM payments WHERE merchant_id = $1 AND id = $2 AND `+
		postgres.WhenMine+` FOR NO KEY UPDATE`, []any{merchant, id}, paymentFields)
}

// LockHeld queues a locking read in a transaction that owns what it completes.
func (r *Payments) LockHeld(tx *postgres.Tx, merchant, id uuid.UUID) *postgres.Pending[models.Payment] {
	return postgres.ReadOne(tx, "lock the payment", `SELECT `+paymentColumns+` FROM payments WHERE merchant_id = $1 AND id = $2
		FOR NO KEY UPDATE`, []any{merchant, id}, paymentFields)
}

// OfCapture queues a read of the payment that a capture is of; OfRefund and OfVoid do the same.
func (r *Payments) OfCapture(tx *postgres.Tx, merchant, id uuid.UUID) *postgres.Pending[models.Payment] {
	return r.of(tx, "captures", merchant, id)
}

// OfRefund queues a read of the payment that a refund is of.
func (r *Payments) OfRefund(tx *postgres.Tx, merchant, id uuid.UUID) *postgres.Pending[models.Payment] {
	return r.of(tx, "refunds", merchant, id)
}

// OfVoid queues a read of the payment that a void is of.
func (r *Payments) OfVoid(tx *postgres.Tx, merchant, id uuid.UUID) *postgres.Pending[models.Payment] {
	return r.of(tx, "voids", merchant, id)
}

func (r *Payments) of(tx *postgres.Tx, table string, merchant, id uuid.UUID) *postgres.Pending[models.Payment] {
	return postgres.ReadOne(tx, "read the payment", `SELECT `+paymentColumns+` FROM payments WHERE merchant_id = $1
		AND id = (SELECT payment_id FROM `+table+` WHERE merchant_id = $1 AND id = $2)`, []any{merchant, id}, paymentFields)
}

// UnderKey queues a read of the payment that was made under a key: it stays when the key's record is gone.
func (r *Payments) UnderKey(tx *postgres.Tx, merchant uuid.UUID, keyHash []byte) *postgres.Pending[models.Payment] {
	return postgres.ReadOne(tx, "find the key's payment", `SELECT id, status FROM payments WHERE merchant_id = $1 AND idempotency_key_hash = $2`,
		[]any{merchant, keyHash}, func(p *models.Payment) []any { return []any{&p.ID, (*string)(&p.Status)} })
}

// LiveForOrder queues a read of the payment that keeps an order from being paid again.
func (r *Payments) LiveForOrder(tx *postgres.Tx, merchant, order uuid.UUID) *postgres.Pending[models.Payment] {
	return postgres.ReadOne(tx, "find the live payment", `SELECT id, status FROM payments WHERE merchant_id = $1 AND order_id = $2
		AND status NOT IN ('canceled', 'failed', 'expired')`, []any{merchant, order},
		func(p *models.Payment) []any { return []any{&p.ID, (*string)(&p.Status)} })
}

// Get reads one payment.
func (r *Payments) Get(ctx context.Context, merchant, id uuid.UUID) (*models.Payment, error) {
	return first[models.Payment](r.db.WithContext(ctx).Where("merchant_id = ? AND id = ?", merchant, id))
}

// OldestWaiting returns the age of the oldest payment that waits for its customer; zero when none does.
func (r *Payments) OldestWaiting(ctx context.Context) (time.Duration, error) {
	var age float64
	err := r.db.WithContext(ctx).Raw(`SELECT coalesce(extract(epoch FROM clock_timestamp() - min(created_at)), 0)::float8
		FROM payments WHERE status = 'requires_action'`).Scan(&age).Error
	if err != nil {
		return 0, postgres.ReadError("find the oldest payment that waits", err)
	}
	return time.Duration(age * float64(time.Second)), nil
}

// PaymentFilter narrows a list; a nil field does not. Fields are pointers so that no value counts as "not filtered".
type PaymentFilter struct {
	OrderID  *uuid.UUID
	Statuses []string // any of them
}

// List reads a page of payments, newest first.
func (r *Payments) List(ctx context.Context, merchant uuid.UUID, filter PaymentFilter, page Page) ([]models.Payment, error) {
	return listAnywhere[models.Payment](ctx, r.whole, func(query *gorm.DB) *gorm.DB {
		query = query.Where("merchant_id = ?", merchant)
		if filter.OrderID != nil {
			query = query.Where("order_id = ?", *filter.OrderID)
		}
		if filter.Statuses != nil {
			query = query.Where("status IN ?", filter.Statuses)
		}
		return query
	}, page)
}
