package models

import (
	"time"

	"github.com/google/uuid"
)

// Event tells what happened to a resource. It is written in the transaction of the change, so it is the audit log and
// the outbox at once, and never changed.
type Event struct {
	MerchantID      uuid.UUID `gorm:"primaryKey;type:uuid"`
	ID              uuid.UUID `gorm:"primaryKey;type:uuid"` // UUIDv7: ordered by time
	Type            string    // dotted, for instance payment.succeeded
	ResourceType    string
	ResourceID      uuid.UUID `gorm:"type:uuid"`
	ResourceVersion int
	Data            JSON `gorm:"not null"`
	RequestID       *string
	CreatedAt       time.Time `gorm:"default:now();autoCreateTime:false"`
}

// Discrepancy is something that the provider's book and ours disagree on. A person resolves it; no code guesses.
type Discrepancy struct {
	MerchantID uuid.UUID `gorm:"primaryKey;type:uuid"`
	ID         uuid.UUID `gorm:"primaryKey;type:uuid"`
	Kind       string
	PaymentID  *uuid.UUID `gorm:"type:uuid"`
	Details    JSON       `gorm:"not null"`
	FoundAt    time.Time  `gorm:"default:now()"`
	ResolvedAt *time.Time
	Resolution *string
}
