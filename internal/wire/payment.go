package wire

import (
	"encoding/json"
	"time"

	"github.com/payonce/payonce/models"
)

// Payment is a payment as clients see it.
type Payment struct {
	ID                     string          `json:"id" example:"pay_3h2v9c1m8x4r7t0k5w6z1b2d3f"`
	OrderID                string          `json:"order_id" example:"ord_01jd8x7w4n9q2m5k3r6t8v0y1z"`
	Status                 string          `json:"status" enums:"processing,requires_action,requires_capture,partially_captured,succeeded,failed,canceled,expired" example:"succeeded"`
	StatusReason           *string         `json:"status_reason" extensions:"x-nullable" example:"outcome_unknown"`
	Amount                 int64           `json:"amount" format:"int64" example:"1999"` // minor units
	Currency               string          `json:"currency" example:"EUR"`
	AmountAuthorized       int64           `json:"amount_authorized" format:"int64" example:"1999"`
	AmountCaptured         int64           `json:"amount_captured" format:"int64" example:"1999"`
	AmountRefunded         int64           `json:"amount_refunded" format:"int64" example:"0"`
	AuthorizationExpiresAt *string         `json:"authorization_expires_at" extensions:"x-nullable" format:"date-time" example:"2026-11-30T12:00:00.123456Z"` // while something can be captured
	CaptureMethod          string          `json:"capture_method" enums:"automatic,manual" example:"automatic"`
	PaymentMethod          string          `json:"payment_method" example:"pm_card_visa"`
	Description            *string         `json:"description" extensions:"x-nullable" example:"Two coffees"`
	Metadata               json.RawMessage `json:"metadata" swaggertype:"object,string"`
	NextAction             *NextAction     `json:"next_action" extensions:"x-nullable"` // while status is requires_action
	CreatedAt              string          `json:"created_at" format:"date-time" example:"2026-11-23T12:00:00.123456Z"`
	UpdatedAt              string          `json:"updated_at" format:"date-time" example:"2026-11-23T12:00:00.123456Z"` // of the last change that shows here
}

// NextAction is what the customer has to do before the payment can go on.
type NextAction struct {
	Type        string `json:"type" enums:"redirect_to_url" example:"redirect_to_url"`
	RedirectURL string `json:"redirect_url" example:"https://bank.example/authenticate"`
	// The payment is canceled at the provider then, and expired.
	ExpiresAt *string `json:"expires_at" extensions:"x-nullable" format:"date-time" example:"2026-11-23T13:00:00.123456Z"`
}

// NewPayment renders a row.
func NewPayment(p *models.Payment) Payment {
	out := Payment{
		ID: models.FormatID(models.PrefixPayment, p.ID), OrderID: models.FormatID(models.PrefixOrder, p.OrderID),
		Status: string(p.Status), StatusReason: p.StatusReason, Amount: p.Amount, Currency: p.Currency,
		AmountAuthorized: p.AmountAuthorized, AmountCaptured: p.AmountCaptured, AmountRefunded: p.AmountRefunded,
		CaptureMethod: string(p.CaptureMethod), PaymentMethod: p.PaymentMethod, Description: p.Description,
		Metadata: metadata(p.Metadata), CreatedAt: Time(p.CreatedAt), UpdatedAt: Time(p.UpdatedAt),
	}
	if p.Status == models.PaymentRequiresCapture || p.Status == models.PaymentPartiallyCaptured {
		out.AuthorizationExpiresAt = optionalTime(p.AuthorizationExpiresAt)
	}
	if p.Status == models.PaymentRequiresAction && p.NextActionURL != nil {
		out.NextAction = &NextAction{Type: "redirect_to_url", RedirectURL: *p.NextActionURL, ExpiresAt: optionalTime(p.NextActionExpiresAt)}
	}
	return out
}

// PaymentPath is where a payment is read.
func PaymentPath(id string) string { return "/v1/payments/" + id }

// Time renders a time as RFC 3339 in UTC with microseconds, as Postgres stores it.
func Time(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000000Z") }
