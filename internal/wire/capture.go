package wire

import "github.com/payonce/payonce/models"

// Capture is a capture as clients see it.
type Capture struct {
	ID           string  `json:"id" example:"cap_3h2v9c1m8x4r7t0k5w6z1b2d3f"`
	PaymentID    string  `json:"payment_id" example:"pay_3h2v9c1m8x4r7t0k5w6z1b2d3f"`
	Amount       int64   `json:"amount" format:"int64" example:"1999"` // minor units
	Currency     string  `json:"currency" example:"EUR"`
	Status       string  `json:"status" enums:"pending,succeeded,failed" example:"succeeded"`
	StatusReason *string `json:"status_reason" extensions:"x-nullable" example:"outcome_unknown"`
	Final        bool    `json:"final" example:"true"` // what was left of the authorization was released
	CreatedAt    string  `json:"created_at" format:"date-time" example:"2026-11-23T12:00:00.123456Z"`
	UpdatedAt    string  `json:"updated_at" format:"date-time" example:"2026-11-23T12:00:00.123456Z"` // of the last change that shows here
}

// NewCapture renders a row.
func NewCapture(c *models.Capture) Capture {
	return Capture{
		ID: c.PublicID(), PaymentID: models.FormatID(models.PrefixPayment, c.PaymentID), Amount: c.Amount, Currency: c.Currency,
		Status: string(c.Status), StatusReason: c.StatusReason, Final: c.IsFinal, CreatedAt: Time(c.CreatedAt), UpdatedAt: Time(c.UpdatedAt),
	}
}
