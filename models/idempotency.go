package models

import (
	"time"

	"github.com/google/uuid"
)

// IdempotencyState is where a record stands in its life.
type IdempotencyState string

// The states of a record. There is no way back: a trigger refuses any other arrow.
const (
	IdempotencyInProgress IdempotencyState = "in_progress"
	IdempotencyCompleted  IdempotencyState = "completed"
	IdempotencyExpired    IdempotencyState = "expired" // a tombstone: the response is dropped, the key stays refused
	// IdempotencyCanceled is a tombstone that never had a response: the key was given up before a request with it was executed. It is
	// read so; the column says expired.
	IdempotencyCanceled IdempotencyState = "canceled"
)

// IdempotencyKey is the record of one key of one merchant: who works on it, and what the first answer was.
type IdempotencyKey struct {
	MerchantID   uuid.UUID `gorm:"primaryKey;type:uuid"`
	KeyHash      []byte    `gorm:"primaryKey;not null"` // SHA-256 of the client's key
	Fingerprint  []byte    `gorm:"not null"`            // version byte and SHA-256 of the request
	Method       string
	Path         string
	State        IdempotencyState
	Operation    *Operation // what to resume after a crash; nil for requests with local effects only
	ClaimID      uuid.UUID  `gorm:"type:uuid"`
	Fence        int64      `gorm:"default:1"`
	LeaseUntil   *time.Time
	ResourceType *string
	ResourceID   *uuid.UUID `gorm:"type:uuid"`
	Status       *int       // of the stored response: 2xx or 402
	Headers      JSON
	Body         []byte
	CreatedAt    time.Time `gorm:"default:clock_timestamp();autoCreateTime:false"`
	CompletedAt  *time.Time
	ExpiresAt    *time.Time
	CanceledAt   *time.Time // when the key was given up
	Sealed       *string    // why Body is sealed: "response" or "secret"; nil: it isn't
}
