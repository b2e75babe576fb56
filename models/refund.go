package models

import (
	"time"

	"github.com/google/uuid"
)

// RefundStatus is where a refund stands.
type RefundStatus string

// The states of a refund. A pending one can take days: a bank works on it.
const (
	RefundPending   RefundStatus = "pending"
	RefundSucceeded RefundStatus = "succeeded"
	RefundFailed    RefundStatus = "failed"
	RefundCanceled  RefundStatus = "canceled"
)

// Refund gives (a part of) a captured amount back.
type Refund struct {
	MerchantID   uuid.UUID `gorm:"primaryKey;type:uuid"`
	ID           uuid.UUID `gorm:"primaryKey;type:uuid"` // derived from the request's identity
	PaymentID    uuid.UUID `gorm:"type:uuid"`
	Currency     string
	KeyHash      []byte // nil: payonce's own, no request asked for it
	Amount       int64
	Reason       *string // the merchant's
	Status       RefundStatus
	StatusReason *string
	Version      int       `gorm:"default:1"`
	CreatedAt    time.Time `gorm:"default:now();autoCreateTime:false"`
	UpdatedAt    time.Time `gorm:"default:now();autoUpdateTime:false"`
}

// PublicID is the refund's id as clients and the provider see it.
func (r Refund) PublicID() string { return FormatID(PrefixRefund, r.ID) }

// NeedsReview says whether a person has to look into the refund.
func (r Refund) NeedsReview() bool { return needsReview(r.StatusReason) }
