package models

import (
	"time"

	"github.com/google/uuid"
)

// Event is what happened to a resource. It is written in the transaction of the change, so it is the audit log and
// the outbox at once, and never changed.
type Event struct {
	MerchantID      uuid.UUID `gorm:"primaryKey;type:uuid"`
	ID              uuid.UUID `gorm:"primaryKey;type:uuid"` // UUIDv7: ordered by time
	Type            string    // dotted, for instance payment.succeeded
	ResourceType    string
	ResourceID      uuid.UUID `gorm:"type:uuid"`
	ResourceVersion int       // what the database counted for the change
	Data            JSON      `gorm:"not null"`
	RequestID       *string
	Epoch           int64     `gorm:"default:event_epoch()"` // with Xact: see EventPosition
	Xact            int64     `gorm:"default:pg_current_xact_id()"`
	CreatedAt       time.Time `gorm:"default:now();autoCreateTime:false"`
}
