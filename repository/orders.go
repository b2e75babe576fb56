package repository

import (
	"context"
	"time"

	"github.com/google/uuid"
	"gorm.io/gorm"

	"github.com/payonce/payonce/idempotency/postgres"
	"github.com/payonce/payonce/models"
)

// Orders are a merchant's orders. Every query names the merchant: another one's order doesn't exist.
type Orders struct {
	db    *gorm.DB
	whole *postgres.Database // for lists
}

// NewOrders returns the repository.
func NewOrders(db *postgres.Database) *Orders { return &Orders{db.GORM(), db} }

const orderColumns = `merchant_id, id, reference, currency, items, amount_total, amount_reserved, amount_paid,
	amount_refunded, canceled_at, status, metadata, expires_at, version, created_at, updated_at`

func orderFields(o *models.Order) []any {
	return []any{
		&o.MerchantID, &o.ID, &o.Reference, &o.Currency, &o.Items, &o.AmountTotal, &o.AmountReserved, &o.AmountPaid,
		&o.AmountRefunded, &o.CanceledAt, (*string)(&o.Status), &o.Metadata, &o.ExpiresAt, &o.Version, &o.CreatedAt, &o.UpdatedAt,
	}
}

// Lock queues a locking read that may travel with the claim of a key.
func (r *Orders) Lock(tx *postgres.Tx, merchant, id uuid.UUID) *postgres.Pending[models.Order] {
	return postgres.ReadOne(tx, "lock the order",
		`SELECT `+orderColumns+` FROM orders WHERE merchant_id = $1 AND id = $2 AND `+postgres.WhenMine+` FOR UPDATE`,
		[]any{merchant, id}, orderFields)
}

// ByReference queues a read of the order that has a reference, to name it to a client that uses the reference again.
func (r *Orders) ByReference(tx *postgres.Tx, merchant uuid.UUID, reference string) *postgres.Pending[models.Order] {
	return postgres.ReadOne(tx, "find the order by reference",
		`SELECT `+orderColumns+` FROM orders WHERE merchant_id = $1 AND reference = $2`,
		[]any{merchant, reference}, orderFields)
}

// Insert queues a new order and its event. Its status is derived by Postgres.
func (r *Orders) Insert(tx *postgres.Tx, o *models.Order, e *models.Event) {
	writeWithEvent(tx, "insert the order", `INSERT INTO orders (merchant_id, id, reference, currency, items, amount_total, metadata,
		created_at, updated_at, expires_at) VALUES ($1, $2, $8, $9, $10::jsonb, $11, coalesce($12::jsonb, '{}'), $13, $13, $14)`, e,
		o.Reference, o.Currency, text(o.Items), o.AmountTotal, text(o.Metadata), o.CreatedAt, o.ExpiresAt)
	tx.RaceFor("orders_reference_uq") // read by ByReference
}

// Cancel queues the cancellation of an order that is not canceled yet, and its event. The CHECK
// orders_canceled_unpaid refuses one that is paid or has a payment under way.
func (r *Orders) Cancel(tx *postgres.Tx, at time.Time, e *models.Event) {
	writeWithEvent(tx, "cancel the order", `UPDATE orders SET canceled_at = $8, version = version + 1, updated_at = $8
		WHERE merchant_id = $1 AND id = $2 AND canceled_at IS NULL`, e, at)
}

// Get reads one order.
func (r *Orders) Get(ctx context.Context, merchant, id uuid.UUID) (*models.Order, error) {
	return first[models.Order](r.db.WithContext(ctx).Where("merchant_id = ? AND id = ?", merchant, id))
}

// OrderFilter narrows a list; a nil field does not. Fields are pointers so that no value counts as "not filtered".
type OrderFilter struct {
	Statuses  []string // any of them
	Reference *string
}

// List reads a page of orders, newest first.
func (r *Orders) List(ctx context.Context, merchant uuid.UUID, filter OrderFilter, page Page) ([]models.Order, error) {
	return listAnywhere[models.Order](ctx, r.whole, func(query *gorm.DB) *gorm.DB {
		query = query.Where("merchant_id = ?", merchant)
		if filter.Statuses != nil {
			query = query.Where("status IN ?", filter.Statuses)
		}
		if filter.Reference != nil {
			query = query.Where("reference = ?", *filter.Reference)
		}
		return query
	}, page)
}

// first reads one row by its whole key.
func first[M any](query *gorm.DB) (*M, error) {
	row := new(M)
	if err := query.Take(row).Error; err != nil {
		return nil, postgres.ReadError("get", err)
	}
	return row, nil
}

// text passes JSON as text, which every exec mode of pgx sends in the same way.
func text(j models.JSON) any {
	if j == nil {
		return nil
	}
	return string(j)
}
