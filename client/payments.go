package payonce

import (
	"context"
	"iter"
	"net/http"
	"net/url"
	"time"
)

// The states of a payment. The API may add to them.
const (
	PaymentProcessing        = "processing"
	PaymentRequiresAction    = "requires_action"
	PaymentRequiresCapture   = "requires_capture"
	PaymentPartiallyCaptured = "partially_captured"
	PaymentSucceeded         = "succeeded"
	PaymentFailed            = "failed"
	PaymentCanceled          = "canceled"
	PaymentExpired           = "expired"
)

// Payment is the payment of an order. Amounts are in the currency's minor unit.
type Payment struct {
	ID                     string            `json:"id"`
	OrderID                string            `json:"order_id"`
	Status                 string            `json:"status"`
	StatusReason           string            `json:"status_reason"`
	Amount                 int64             `json:"amount"`
	Currency               string            `json:"currency"`
	AmountAuthorized       int64             `json:"amount_authorized"`
	AmountCaptured         int64             `json:"amount_captured"`
	AmountRefunded         int64             `json:"amount_refunded"`
	AuthorizationExpiresAt *time.Time        `json:"authorization_expires_at"` // while something can be captured
	CaptureMethod          string            `json:"capture_method"`
	PaymentMethod          string            `json:"payment_method"`
	Description            string            `json:"description"`
	Metadata               map[string]string `json:"metadata"`
	NextAction             *NextAction       `json:"next_action"` // while it is requires_action
	CreatedAt              time.Time         `json:"created_at"`
	UpdatedAt              time.Time         `json:"updated_at"`
}

// NextAction is what the customer has to do before the payment can go on.
type NextAction struct {
	Type        string     `json:"type"`
	RedirectURL string     `json:"redirect_url"`
	ExpiresAt   *time.Time `json:"expires_at"`
}

// Ended reports whether the payment ended without taking money: its order may be paid anew.
func (p *Payment) Ended() bool {
	return p.Status == PaymentFailed || p.Status == PaymentCanceled || p.Status == PaymentExpired
}

// known reports whether waiting tells more soon. A payment that needs review waits for a person.
func (p *Payment) known() bool {
	return p.Status != PaymentProcessing || p.StatusReason == "needs_review"
}

// CreatePayment pays an order; the amount is the order's.
type CreatePayment struct {
	OrderID       string            `json:"order_id"`
	PaymentMethod string            `json:"payment_method"`
	CaptureMethod string            `json:"capture_method,omitempty"` // automatic, which is the default, or manual
	ReturnURL     string            `json:"return_url,omitempty"`     // where the customer comes back to after authenticating
	Description   string            `json:"description,omitempty"`
	Metadata      map[string]string `json:"metadata,omitempty"`
}

// PaymentFilter says which payments are listed.
type PaymentFilter struct {
	Range

	Status  []string // any of them
	OrderID string
}

// Capture is a part of a payment that was taken.
type Capture struct {
	ID           string    `json:"id"`
	PaymentID    string    `json:"payment_id"`
	Amount       int64     `json:"amount"`
	Currency     string    `json:"currency"`
	Status       string    `json:"status"` // pending, succeeded, failed
	StatusReason string    `json:"status_reason"`
	Final        bool      `json:"final"` // what was left of the authorization was released
	CreatedAt    time.Time `json:"created_at"`
	UpdatedAt    time.Time `json:"updated_at"`
}

// CreateCapture takes a part of what is held. The zero value takes all that is left.
type CreateCapture struct {
	Amount int64 `json:"amount,omitempty"` // 0: all that is left
	Final  *bool `json:"final,omitempty"`  // nil: true, what is left then is released
}

// PaymentAttempt is one thing that the provider was asked for.
type PaymentAttempt struct {
	Operation         string     `json:"operation"` // authorize, capture, refund, void
	Status            string     `json:"status"`
	ProviderReference string     `json:"provider_reference"`
	ProviderCode      string     `json:"provider_code"`
	Sends             int        `json:"sends"`
	Checks            int        `json:"checks"`
	SentAt            time.Time  `json:"sent_at"`
	ResolvedAt        *time.Time `json:"resolved_at"`
	NextCheckAt       *time.Time `json:"next_check_at"`
}

// CreatePayment pays an order and returns the answer as it was given first: a payment that is processing may be known by
// now. Most callers want [Client.Pay].
func (c *Client) CreatePayment(ctx context.Context, operation string, payment CreatePayment) (*Payment, error) {
	return change[Payment](ctx, c, operation, http.MethodPost, "/v1/payments", payment)
}

// GetPayment reads a payment.
func (c *Client) GetPayment(ctx context.Context, id string) (*Payment, error) {
	return get[Payment](ctx, c, "/v1/payments/"+url.PathEscape(id))
}

// Payments lists payments, newest first.
func (c *Client) Payments(ctx context.Context, f PaymentFilter) iter.Seq2[*Payment, error] {
	q := f.query("order_id", f.OrderID)
	add(q, "status", f.Status...)
	return list[Payment](ctx, c, "/v1/payments", q)
}

// PaymentAttempts reads what the provider was asked for.
func (c *Client) PaymentAttempts(ctx context.Context, id string) ([]PaymentAttempt, error) {
	all, err := get[page[PaymentAttempt]](ctx, c, "/v1/payments/"+url.PathEscape(id)+"/attempts")
	if err != nil {
		return nil, err
	}
	return all.Data, nil
}

// CapturePayment takes what is held, or a part of it.
func (c *Client) CapturePayment(ctx context.Context, operation, id string, capture CreateCapture) (*Payment, error) {
	return change[Payment](ctx, c, operation, http.MethodPost, "/v1/payments/"+url.PathEscape(id)+"/capture", capture)
}

// Captures lists the captures of a payment, newest first.
func (c *Client) Captures(ctx context.Context, paymentID string, r Range) iter.Seq2[*Capture, error] {
	return list[Capture](ctx, c, "/v1/payments/"+url.PathEscape(paymentID)+"/captures", r.query())
}

// CancelPayment voids what is held, or ends a payment that waits for its customer.
func (c *Client) CancelPayment(ctx context.Context, operation, id string) (*Payment, error) {
	return change[Payment](ctx, c, operation, http.MethodPost, "/v1/payments/"+url.PathEscape(id)+"/cancel", nil)
}

// ConfirmPayment asks the provider how the customer's authentication went, when the customer is back.
func (c *Client) ConfirmPayment(ctx context.Context, operation, id string) (*Payment, error) {
	return change[Payment](ctx, c, operation, http.MethodPost, "/v1/payments/"+url.PathEscape(id)+"/confirm", nil)
}
