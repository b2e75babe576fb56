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
	ReasonOutcomeUnknown     = "outcome_unknown"
	ReasonNeedsReview        = "needs_review"
	ReasonResolvedByOperator = "resolved_by_operator" // a person marked it failed
)

// Payment is one attempt to be paid for an order. Amounts are minor units of Currency.
type Payment struct {
	MerchantID             uuid.UUID `gorm:"primaryKey;type:uuid"`
	ID                     uuid.UUID `gorm:"primaryKey;type:uuid"` // derived from the request's identity, see idempotency.DeriveUUID
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
	NextActionURL          *string    // where the customer goes while Status is requires_action
	NextActionExpiresAt    *time.Time // until when the customer is waited for
	ReturnURL              *string    // where the customer goes back to after that; part of what the provider is asked
	Description            *string
	Metadata               JSON      `gorm:"not null;default:'{}'"`
	Version                int       `gorm:"default:1"`
	CreatedAt              time.Time `gorm:"default:now();autoCreateTime:false"`
	UpdatedAt              time.Time `gorm:"default:now();autoUpdateTime:false"`
}

// PaymentChange is what happens to a payment. Amounts are added to what is there and never set: two operations on one payment
// can't lose each other's amount, and the table's CHECKs refuse a sum that must not be.
type PaymentChange struct {
	Status                 PaymentStatus
	StatusReason           *string    // nil: none any more
	NextActionURL          *string    // nil: none any more
	ProviderReference      *string    // nil: as it was
	AuthorizationExpiresAt *time.Time // nil: as it was
	NextActionExpiresAt    *time.Time // nil: as it was

	// Added to the amounts of these names.
	Authorized, Capturing, Captured, Voided, Refunding, Refunded int64
}

// Unchanged is a change that leaves all but amounts as it is.
func (p Payment) Unchanged() PaymentChange {
	return PaymentChange{Status: p.Status, StatusReason: p.StatusReason, NextActionURL: p.NextActionURL}
}

// After returns the payment as it is after a change. Only the row's own version is left as it was: the database counts it.
func (p Payment) After(c PaymentChange) Payment {
	p.Status, p.StatusReason, p.NextActionURL = c.Status, c.StatusReason, c.NextActionURL
	if c.ProviderReference != nil {
		p.ProviderReference = c.ProviderReference
	}
	if c.AuthorizationExpiresAt != nil {
		p.AuthorizationExpiresAt = c.AuthorizationExpiresAt
	}
	if c.NextActionExpiresAt != nil {
		p.NextActionExpiresAt = c.NextActionExpiresAt
	}
	p.AmountAuthorized += c.Authorized
	p.AmountCapturing += c.Capturing
	p.AmountCaptured += c.Captured
	p.AmountVoided += c.Voided
	p.AmountRefunding += c.Refunding
	p.AmountRefunded += c.Refunded
	return p
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

// NeedsReview says whether a person has to look into the payment.
func (p Payment) NeedsReview() bool { return needsReview(p.StatusReason) }

// Undecided says whether the provider has not decided yet about the payment's authorization, or its customer has not.
func (p Payment) Undecided() bool {
	return p.Status == PaymentProcessing || p.Status == PaymentRequiresAction
}

// Moving says whether something about the payment may have no outcome yet.
func (p Payment) Moving() bool {
	switch p.Status {
	case PaymentProcessing, PaymentRequiresAction, PaymentRequiresCapture, PaymentPartiallyCaptured: // the last two: a void may be
		return true
	}
	return p.AmountRefunding > 0
}

// PublicID is the payment's id as clients and the provider see it.
func (p Payment) PublicID() string { return FormatID(PrefixPayment, p.ID) }

// Live says whether the payment keeps its order from being paid by another one. Succeeded is live: an order is paid once.
func (p Payment) Live() bool { return p.Status.Live() }
