package repository

import (
	"time"

	"github.com/google/uuid"

	"github.com/payonce/payonce/idempotency/postgres"
	"github.com/payonce/payonce/models"
)

// OfPayment queues a read of the order that a payment is for.
func (r *Orders) OfPayment(tx *postgres.Tx, merchant, payment uuid.UUID) *postgres.Pending[models.Order] {
	return postgres.ReadOne(tx, "read the payment's order", orderOfPayment, []any{merchant, payment}, orderFields)
}

// LockOfPayment queues a locking read of it in a transaction that owns what it completes.
func (r *Orders) LockOfPayment(tx *postgres.Tx, merchant, payment uuid.UUID) *postgres.Pending[models.Order] {
	return postgres.ReadOne(tx, "lock the payment's order", orderOfPayment+` FOR NO KEY UPDATE`, []any{merchant, payment}, orderFields)
}

const orderOfPayment = `SELECT ` + orderColumns + ` FROM orders WHERE merchant_id = $1
	AND id = (SELECT order_id FROM payments WHERE merchant_id = $1 AND id = $2)`

// Reserve queues what a live payment holds of its order; less than zero gives it back. It can't be seen from outside, so it has no
// event, and no version of its own.
func (r *Orders) Reserve(tx *postgres.Tx, merchant, id uuid.UUID, amount int64) {
	tx.MustAffect("reserve of the order", `UPDATE orders SET amount_reserved = amount_reserved + $3 WHERE merchant_id = $1 AND id = $2`,
		merchant, id, amount)
}

// Change queues what is added to an order's amounts at a time (see [models.ChangedAt]), and its event.
func (r *Orders) Change(tx *postgres.Tx, c models.OrderChange, at time.Time, e *models.Event) {
	writeWithEvent(tx, "change the order", `UPDATE orders SET amount_reserved = amount_reserved + $8, amount_paid = amount_paid + $9,
		amount_refunded = amount_refunded + $10, version = version + 1, updated_at = $11 WHERE merchant_id = $1 AND id = $2`, e,
		c.Reserved, c.Paid, c.Refunded, at)
}
