package payonce

import (
	"context"
	"iter"
	"net/http"
	"net/url"
	"time"
)

// Order is what is to be paid. Amounts are in the currency's minor unit.
type Order struct {
	ID             string            `json:"id"`
	Reference      string            `json:"reference"`
	Currency       string            `json:"currency"`
	Amount         int64             `json:"amount"`
	AmountPaid     int64             `json:"amount_paid"`
	AmountRefunded int64             `json:"amount_refunded"`
	Status         string            `json:"status"` // pending_payment, paid, partially_paid, partially_refunded, refunded, canceled
	Items          []Item            `json:"items"`
	Metadata       map[string]string `json:"metadata"`
	ExpiresAt      *time.Time        `json:"expires_at"` // until when a payment may begin; nil: for ever
	CreatedAt      time.Time         `json:"created_at"`
	UpdatedAt      time.Time         `json:"updated_at"`
}

// Item is one line of an order.
type Item struct {
	Name       string `json:"name"`
	Quantity   int64  `json:"quantity"`
	UnitAmount int64  `json:"unit_amount"` // minor units
}

// CreateOrder is a new order: with an amount, with items, or with both when the amount is their sum.
type CreateOrder struct {
	Reference string            `json:"reference,omitempty"` // unique per merchant
	Currency  string            `json:"currency"`            // ISO 4217, upper case
	Amount    int64             `json:"amount,omitempty"`
	Items     []Item            `json:"items,omitempty"`
	Metadata  map[string]string `json:"metadata,omitempty"`
	ExpiresAt *time.Time        `json:"expires_at,omitempty"`
}

// OrderFilter says which orders are listed.
type OrderFilter struct {
	Range

	Status    []string // any of them
	Reference string
}

// CreateOrder makes an order.
func (c *Client) CreateOrder(ctx context.Context, operation string, order CreateOrder) (*Order, error) {
	return change[Order](ctx, c, operation, http.MethodPost, "/v1/orders", order)
}

// GetOrder reads an order.
func (c *Client) GetOrder(ctx context.Context, id string) (*Order, error) {
	return get[Order](ctx, c, "/v1/orders/"+url.PathEscape(id))
}

// CancelOrder cancels an order of which nothing is paid or in flight.
func (c *Client) CancelOrder(ctx context.Context, operation, id string) (*Order, error) {
	return change[Order](ctx, c, operation, http.MethodPost, "/v1/orders/"+url.PathEscape(id)+"/cancel", nil)
}

// Orders lists orders, newest first.
func (c *Client) Orders(ctx context.Context, f OrderFilter) iter.Seq2[*Order, error] {
	q := f.query("reference", f.Reference)
	add(q, "status", f.Status...)
	return list[Order](ctx, c, "/v1/orders", q)
}
