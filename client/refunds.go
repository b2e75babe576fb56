package payonce

import (
	"context"
	"iter"
	"net/http"
	"net/url"
	"time"
)

// Refund is money that is given back.
type Refund struct {
	ID           string    `json:"id"`
	PaymentID    string    `json:"payment_id"`
	Amount       int64     `json:"amount"`
	Currency     string    `json:"currency"`
	Status       string    `json:"status"` // pending, succeeded, failed, canceled
	StatusReason string    `json:"status_reason"`
	Reason       string    `json:"reason"`
	CreatedAt    time.Time `json:"created_at"`
	UpdatedAt    time.Time `json:"updated_at"`
}

// CreateRefund gives a part back. The zero value gives back all that is left.
type CreateRefund struct {
	Amount int64  `json:"amount,omitempty"` // 0: all that is left
	Reason string `json:"reason,omitempty"`
}

// RefundFilter says which refunds are listed.
type RefundFilter struct {
	Range

	Status    []string // any of them
	PaymentID string
}

// CreateRefund gives money back.
func (c *Client) CreateRefund(ctx context.Context, operation, paymentID string, refund CreateRefund) (*Refund, error) {
	return change[Refund](ctx, c, operation, http.MethodPost, "/v1/payments/"+url.PathEscape(paymentID)+"/refunds", refund)
}

// GetRefund reads a refund.
func (c *Client) GetRefund(ctx context.Context, id string) (*Refund, error) {
	return get[Refund](ctx, c, "/v1/refunds/"+url.PathEscape(id))
}

// RefundsOfPayment lists the refunds of a payment, newest first.
func (c *Client) RefundsOfPayment(ctx context.Context, paymentID string, r Range) iter.Seq2[*Refund, error] {
	return list[Refund](ctx, c, "/v1/payments/"+url.PathEscape(paymentID)+"/refunds", r.query())
}

// Refunds lists refunds, newest first.
func (c *Client) Refunds(ctx context.Context, f RefundFilter) iter.Seq2[*Refund, error] {
	q := f.query("payment_id", f.PaymentID)
	add(q, "status", f.Status...)
	return list[Refund](ctx, c, "/v1/refunds", q)
}
