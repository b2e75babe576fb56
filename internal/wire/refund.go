package wire

import "github.com/payonce/payonce/models"

// Refund is a refund as clients see it.
type Refund struct {
	ID           string  `json:"id" example:"re_3h2v9c1m8x4r7t0k5w6z1b2d3f"`
	PaymentID    string  `json:"payment_id" example:"pay_3h2v9c1m8x4r7t0k5w6z1b2d3f"`
	Amount       int64   `json:"amount" format:"int64" example:"500"` // minor units
	Currency     string  `json:"currency" example:"EUR"`
	Status       string  `json:"status" enums:"pending,succeeded,failed,canceled" example:"succeeded"`
	StatusReason *string `json:"status_reason" extensions:"x-nullable" example:"outcome_unknown"`
	Reason       *string `json:"reason" extensions:"x-nullable" example:"Returned by the customer"`
	CreatedAt    string  `json:"created_at" format:"date-time" example:"2026-11-23T12:00:00.123456Z"`
	UpdatedAt    string  `json:"updated_at" format:"date-time" example:"2026-11-23T12:00:00.123456Z"` // of the last change that shows here
}

// NewRefund renders a row.
func NewRefund(r *models.Refund) Refund {
	return Refund{
		ID: r.PublicID(), PaymentID: models.FormatID(models.PrefixPayment, r.PaymentID), Amount: r.Amount, Currency: r.Currency,
		Status: string(r.Status), StatusReason: r.StatusReason, Reason: r.Reason, CreatedAt: Time(r.CreatedAt), UpdatedAt: Time(r.UpdatedAt),
	}
}

// RefundPath is where a refund is read.
func RefundPath(id string) string { return "/v1/refunds/" + id }
