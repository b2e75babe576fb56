package wire

import (
	"time"

	"github.com/payonce/payonce/models"
)

// Attempt is one thing that the provider was asked for, as clients see it.
type Attempt struct {
	Operation         string  `json:"operation" enums:"authorize,capture,refund,void" example:"authorize"`
	Status            string  `json:"status" enums:"sent,succeeded,declined,action_required,accepted,failed,unknown" example:"succeeded"`
	ProviderReference *string `json:"provider_reference" extensions:"x-nullable" example:"pi_3h2v9c1m8x4r7t0k"`
	ProviderCode      *string `json:"provider_code" extensions:"x-nullable" example:"card_declined"`
	Sends             int     `json:"sends" example:"1"`  // how often the request may have reached the provider, always under one key
	Checks            int     `json:"checks" example:"0"` // how often it was looked up
	SentAt            string  `json:"sent_at" format:"date-time" example:"2026-11-23T12:00:00.123456Z"`
	ResolvedAt        *string `json:"resolved_at" extensions:"x-nullable" format:"date-time" example:"2026-11-23T12:00:01.123456Z"`
	NextCheckAt       *string `json:"next_check_at" extensions:"x-nullable" format:"date-time"`
}

// NewAttempt renders a row.
func NewAttempt(a *models.ProviderAttempt) Attempt {
	return Attempt{
		Operation: string(a.Operation), Status: string(a.Status), ProviderReference: a.ProviderReference, ProviderCode: a.ProviderCode,
		Sends: a.Sends, Checks: a.Checks, SentAt: Time(a.SentAt), ResolvedAt: optionalTime(a.ResolvedAt), NextCheckAt: optionalTime(a.NextCheckAt),
	}
}

func optionalTime(t *time.Time) *string {
	if t == nil {
		return nil
	}
	text := Time(*t)
	return &text
}
