package repository

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"gorm.io/gorm"

	"github.com/payonce/payonce/idempotency"
	"github.com/payonce/payonce/models"
)

// Orders are a merchant's orders. Every query names the merchant: another one's order doesn't exist.
type Orders struct{ db *gorm.DB }

// NewOrders returns the repository.
func NewOrders(db *Database) *Orders { return &Orders{db.gorm} }

const orderColumns = `merchant_id, id, reference, currency, items, amount_total, amount_reserved, amount_paid,
	amount_refunded, canceled_at, status, metadata, version, created_at, updated_at`

func orderFields(o *models.Order) []any {
	return []any{
		&o.MerchantID, &o.ID, &o.Reference, &o.Currency, &o.Items, &o.AmountTotal, &o.AmountReserved, &o.AmountPaid,
		&o.AmountRefunded, &o.CanceledAt, (*string)(&o.Status), &o.Metadata, &o.Version, &o.CreatedAt, &o.UpdatedAt,
	}
}

// Lock queues a locking read that may travel with the claim of a key.
func (r *Orders) Lock(u *Unit, merchant, id uuid.UUID) *Later[models.Order] {
	return later(u, "lock the order",
		`SELECT `+orderColumns+` FROM orders WHERE merchant_id = $1 AND id = $2 AND `+WhenMine+` FOR UPDATE`,
		[]any{merchant, id}, orderFields)
}

// ByReference queues a read of the order that has a reference, to name it to whoever uses the reference again.
func (r *Orders) ByReference(u *Unit, merchant uuid.UUID, reference string) *Later[models.Order] {
	return later(u, "find the order by reference",
		`SELECT `+orderColumns+` FROM orders WHERE merchant_id = $1 AND reference = $2`,
		[]any{merchant, reference}, orderFields)
}

// Insert queues a new order. Its status is derived by Postgres.
func (r *Orders) Insert(u *Unit, o *models.Order) {
	u.Insert("insert the order", `INSERT INTO orders (merchant_id, id, reference, currency, items, amount_total, metadata,
		created_at, updated_at) VALUES ($1, $2, $3, $4, $5::jsonb, $6, coalesce($7::jsonb, '{}'), $8, $8)`,
		o.MerchantID, o.ID, o.Reference, o.Currency, text(o.Items), o.AmountTotal, text(o.Metadata), o.CreatedAt)
}

// Cancel queues the cancellation of an order that was read at the given version.
func (r *Orders) Cancel(u *Unit, o *models.Order, at time.Time) {
	u.Guard("cancel the order", `UPDATE orders SET canceled_at = $4, version = version + 1, updated_at = $4
		WHERE merchant_id = $1 AND id = $2 AND version = $3`, o.MerchantID, o.ID, o.Version, at)
}

// Move queues a change of an order's amounts: reserved by live payments, and paid.
func (r *Orders) Move(u *Unit, merchant, id uuid.UUID, reserved, paid int64) {
	u.Guard("move the order's amounts", `UPDATE orders SET amount_reserved = amount_reserved + $3, amount_paid = amount_paid + $4,
		version = version + 1, updated_at = now() WHERE merchant_id = $1 AND id = $2`, merchant, id, reserved, paid)
}

// Get reads one order.
func (r *Orders) Get(ctx context.Context, merchant, id uuid.UUID) (*models.Order, error) {
	return first[models.Order](r.db.WithContext(ctx).Where("merchant_id = ? AND id = ?", merchant, id))
}

// OrderFilter narrows a list; a zero field does not.
type OrderFilter struct {
	Status    string
	Reference string
}

// List reads a page of orders, newest first.
func (r *Orders) List(ctx context.Context, merchant uuid.UUID, filter OrderFilter, page Page) ([]models.Order, error) {
	query := r.db.WithContext(ctx).Where("merchant_id = ?", merchant)
	if filter.Status != "" {
		query = query.Where("status = ?", filter.Status)
	}
	if filter.Reference != "" {
		query = query.Where("reference = ?", filter.Reference)
	}
	return list[models.Order](query, page)
}

// Page is a part of a list, newest first. One row more than Limit is read, so that the caller knows whether the list
// goes on.
type Page struct {
	Limit    int
	BeforeAt time.Time // with BeforeID: only rows older than this one; zero: from the newest
	BeforeID uuid.UUID
}

func list[M any](query *gorm.DB, page Page) ([]M, error) {
	if !page.BeforeAt.IsZero() {
		query = query.Where("(created_at, id) < (?, ?)", page.BeforeAt, page.BeforeID)
	}
	rows := []M{}
	if err := query.Order("created_at DESC, id DESC").Limit(page.Limit + 1).Find(&rows).Error; err != nil {
		return nil, unavailable("list", err)
	}
	return rows, nil
}

// first reads one row by its whole key.
func first[M any](query *gorm.DB) (*M, error) {
	row := new(M)
	if err := query.Take(row).Error; err != nil {
		return nil, unavailable("get", err)
	}
	return row, nil
}

// unavailable tells a missing row from a store that is away.
func unavailable(operation string, err error) error {
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return ErrNotFound
	}
	return fmt.Errorf("%s: %w: %w", operation, idempotency.ErrUnavailable, err)
}

// text passes JSON as text, which every exec mode of pgx sends in the same way.
func text(j models.JSON) any {
	if j == nil {
		return nil
	}
	return string(j)
}
