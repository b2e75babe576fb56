package models

import (
	"time"

	"github.com/google/uuid"
)

// ProviderEvent is a notification of the provider's, kept so that it counts once.
type ProviderEvent struct {
	Provider   string `gorm:"primaryKey"`
	ID         string `gorm:"primaryKey"` // the provider's
	Type       string
	MerchantID *uuid.UUID `gorm:"type:uuid"` // with PaymentID: what the metadata names, here or not
	PaymentID  *uuid.UUID `gorm:"type:uuid"`
	Object     JSON       // the intent or refund as the event shows it; nil: about something else
	CreatedAt  time.Time  `gorm:"autoCreateTime:false"` // by the provider's clock
	ReceivedAt time.Time  `gorm:"default:now()"`
	DueAt      *time.Time // when it is compared with our rows; nil: it was
	Tries      int
}
