package models

import (
	"time"

	"github.com/google/uuid"
)

// VoidStatus is where a void stands.
type VoidStatus string

// The states of a void.
const (
	VoidPending   VoidStatus = "pending"
	VoidSucceeded VoidStatus = "succeeded"
	VoidFailed    VoidStatus = "failed"
)

// Why a void is made: the payment's status_reason when it has succeeded.
const (
	ReasonCanceledByMerchant   = "canceled_by_merchant"
	ReasonAuthorizationExpired = "authorization_expired"
	ReasonActionTimeout        = "action_timeout"
	ReasonReplaced             = "replaced_by_another_payment"
	ReasonKeyCanceled          = "idempotency_key_canceled"
)

// Void ends an authorization, or what is left of it, or a payment that waits for its customer.
type Void struct {
	MerchantID   uuid.UUID `gorm:"primaryKey;type:uuid"`
	ID           uuid.UUID `gorm:"primaryKey;type:uuid"` // derived from the request's identity
	PaymentID    uuid.UUID `gorm:"type:uuid"`
	Currency     string
	KeyHash      []byte // nil: payonce's own, no request asked for it
	Reason       string
	Releases     bool // only what is left of a partly captured authorization
	Status       VoidStatus
	StatusReason *string
	CreatedAt    time.Time `gorm:"default:now();autoCreateTime:false"`
	UpdatedAt    time.Time `gorm:"default:now();autoUpdateTime:false"`
}

// NeedsReview says whether a person has to look into the void.
func (v Void) NeedsReview() bool { return needsReview(v.StatusReason) }

// Ends is the state of a payment that the void has ended, when nothing of it was captured.
func (v Void) Ends() PaymentStatus {
	if v.Reason == ReasonAuthorizationExpired || v.Reason == ReasonActionTimeout {
		return PaymentExpired
	}
	return PaymentCanceled
}
