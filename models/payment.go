package models

import (
	"slices"
	"time"

	"github.com/google/uuid"
)

// PaymentStatus is where a payment stands.
type PaymentStatus string

// The states of a payment.
const (
	PaymentProcessing        PaymentStatus = "processing"
	PaymentRequiresAction    PaymentStatus = "requires_action"
	PaymentRequiresCapture   PaymentStatus = "requires_capture"
	PaymentPartiallyCaptured PaymentStatus = "partially_captured"
	PaymentSucceeded         PaymentStatus = "succeeded"
	PaymentCanceled          PaymentStatus = "canceled"
	PaymentFailed            PaymentStatus = "failed"
	PaymentExpired           PaymentStatus = "expired"
)

// CaptureMethod says who asks for the capture.
type CaptureMethod string

// The capture methods.
const (
	CaptureAutomatic CaptureMethod = "automatic" // with the authorization
	CaptureManual    CaptureMethod = "manual"    // by a request of its own
)

// Reasons of a payment's status that payonce itself gives; the others are the provider's decline codes.
const (
	ReasonOutcomeUnknown       = "outcome_unknown"
	ReasonNeedsReview          = "needs_review"
	ReasonAuthorizationExpired = "authorization_expired"
)

// Payment is one attempt to be paid for an order. Amounts are minor units of Currency.
type Payment struct {
	MerchantID             uuid.UUID `gorm:"primaryKey;type:uuid"`
	ID                     uuid.UUID `gorm:"primaryKey;type:uuid"` // derived from the request's identity, see [DerivedID]
	OrderID                uuid.UUID `gorm:"type:uuid"`
	Currency               string
	IdempotencyKeyHash     []byte `gorm:"not null"` // outlives the idempotency record
	CaptureMethod          CaptureMethod
	Provider               string
	ProviderReference      *string
	PaymentMethod          string // a token, never a card number
	Status                 PaymentStatus
	StatusReason           *string
	Amount                 int64
	AmountAuthorized       int64
	AmountCapturing        int64 // reserved by captures in flight
	AmountCaptured         int64
	AmountVoided           int64
	AmountRefunding        int64 // reserved by refunds in flight
	AmountRefunded         int64
	AuthorizationExpiresAt *time.Time
	NextActionURL          *string // where the payer goes while Status is requires_action
	Description            *string
	Metadata               JSON      `gorm:"not null;default:'{}'"`
	Version                int       `gorm:"default:1"`
	CreatedAt              time.Time `gorm:"default:now();autoCreateTime:false"`
	UpdatedAt              time.Time `gorm:"default:now();autoUpdateTime:false"`
}

// PaymentTransition is a row of payment_transitions, the table that the trigger payments_guard reads. A test compares
// it with [PaymentStatus.Next].
type PaymentTransition struct {
	FromStatus PaymentStatus `gorm:"primaryKey"`
	ToStatus   PaymentStatus `gorm:"primaryKey"`
}

// Next lists the states that may follow; none for a final state. Nothing leads from succeeded or failed to anywhere:
// refunds show in the amounts, and a failed payment is followed by another payment.
func (s PaymentStatus) Next() []PaymentStatus {
	switch s {
	case PaymentProcessing:
		return []PaymentStatus{PaymentRequiresAction, PaymentRequiresCapture, PaymentSucceeded, PaymentFailed, PaymentCanceled}
	case PaymentRequiresAction:
		return []PaymentStatus{
			PaymentProcessing, PaymentSucceeded, PaymentRequiresCapture, PaymentCanceled, PaymentFailed, PaymentExpired,
		}
	case PaymentRequiresCapture:
		return []PaymentStatus{PaymentPartiallyCaptured, PaymentSucceeded, PaymentCanceled, PaymentExpired}
	case PaymentPartiallyCaptured:
		return []PaymentStatus{PaymentSucceeded}
	default:
		return nil
	}
}

// CanBecome says whether next may follow s. A state does not follow itself: staying is not a transition.
func (s PaymentStatus) CanBecome(next PaymentStatus) bool { return slices.Contains(s.Next(), next) }

// Live says whether a payment in this state keeps its order from being paid by another one.
func (s PaymentStatus) Live() bool {
	return s != PaymentCanceled && s != PaymentFailed && s != PaymentExpired
}

// Live says whether the payment keeps its order from being paid by another one. Succeeded is live: an order is paid once.
func (p Payment) Live() bool { return p.Status.Live() }
