package models

import (
	"time"

	"github.com/google/uuid"
)

// Operation is something that payonce asks the provider to do.
type Operation string

// The operations.
const (
	OperationAuthorize Operation = "authorize"
	OperationCapture   Operation = "capture"
	OperationRefund    Operation = "refund"
	OperationVoid      Operation = "void"
)

// AttemptStatus is what is known of a call to the provider.
type AttemptStatus string

// The states of an attempt.
const (
	AttemptSent           AttemptStatus = "sent" // written before the call; also what a crash leaves behind
	AttemptSucceeded      AttemptStatus = "succeeded"
	AttemptDeclined       AttemptStatus = "declined"
	AttemptActionRequired AttemptStatus = "action_required"
	AttemptAccepted       AttemptStatus = "accepted" // the provider works on it, and ends it by itself
	AttemptFailed         AttemptStatus = "failed"
	AttemptUnknown        AttemptStatus = "unknown" // no clear answer in time: only a look-up may decide
)

// ProviderAttempt is one operation asked of the provider, written down before it is asked.
type ProviderAttempt struct {
	MerchantID        uuid.UUID `gorm:"primaryKey;type:uuid"`
	ID                uuid.UUID `gorm:"primaryKey;type:uuid"`
	PaymentID         uuid.UUID `gorm:"type:uuid"`
	Operation         Operation
	OperationID       uuid.UUID `gorm:"type:uuid"` // the payment, capture or refund
	Provider          string
	ProviderKey       string // derived from the request's identity: any copy asks under the same key
	KeyHash           []byte // the record it belongs to; nil: internal, for instance an expired authorization
	AttemptNo         int
	Status            AttemptStatus
	ProviderReference *string
	ProviderCode      *string
	HTTPStatus        *int
	ClaimID           uuid.UUID `gorm:"type:uuid"`
	Fence             int64     `gorm:"default:1"`
	LeaseUntil        *time.Time
	Sends             int       `gorm:"default:1"` // how often the request may have reached the provider, all under one key
	SentAt            time.Time `gorm:"default:now()"`
	ResolvedAt        *time.Time
	NextCheckAt       *time.Time // nil while the idempotency record is in progress: then the record is what is claimed
	Checks            int
	CheckedAt         *time.Time
	NotFoundAt        *time.Time // first "not found" of the current pair; a second one, later, allows to send again
	LookUpPosition    *string    // where the next look-up in the provider's list goes on; nil: at the beginning
}

// Open says whether the outcome is still to be found out.
func (s AttemptStatus) Open() bool { return s == AttemptSent || s == AttemptUnknown }
