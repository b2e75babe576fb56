package models

import (
	"time"

	"github.com/google/uuid"
)

// CaptureStatus is where a capture stands.
type CaptureStatus string

// The states of a capture.
const (
	CapturePending   CaptureStatus = "pending"
	CaptureSucceeded CaptureStatus = "succeeded"
	CaptureFailed    CaptureStatus = "failed"
)

// Capture takes (a part of) an authorized amount. An automatic payment has exactly one.
type Capture struct {
	MerchantID   uuid.UUID `gorm:"primaryKey;type:uuid"`
	ID           uuid.UUID `gorm:"primaryKey;type:uuid"` // derived from the request's identity, or from the automatic payment's id
	PaymentID    uuid.UUID `gorm:"type:uuid"`
	Currency     string
	KeyHash      []byte // nil: automatic, there was no request of its own
	Amount       int64
	IsFinal      bool // what is left of the authorization is released
	Status       CaptureStatus
	StatusReason *string
	Version      int       `gorm:"default:1"`
	CreatedAt    time.Time `gorm:"default:now();autoCreateTime:false"`
	UpdatedAt    time.Time `gorm:"default:now();autoUpdateTime:false"`
}

// PublicID is the capture's id as clients and the provider see it.
func (c Capture) PublicID() string { return FormatID(PrefixCapture, c.ID) }

// NeedsReview says whether a person has to look into the capture.
func (c Capture) NeedsReview() bool { return needsReview(c.StatusReason) }
