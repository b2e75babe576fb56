package models

import (
	"time"

	"github.com/google/uuid"
)

// MaxWebhookEndpoints is how many endpoints a merchant may have: each event is written once more per endpoint.
const MaxWebhookEndpoints = 20

// WebhookDisabledReason is why nothing is sent to an endpoint.
type WebhookDisabledReason string

// The reasons.
const (
	WebhookDisabledByMerchant WebhookDisabledReason = "by_merchant"
	WebhookGone               WebhookDisabledReason = "gone"    // it answered 410
	WebhookFailing            WebhookDisabledReason = "failing" // for five days
)

// WebhookEndpoint is where a merchant wants its events sent.
type WebhookEndpoint struct {
	MerchantID          uuid.UUID `gorm:"primaryKey;type:uuid"`
	ID                  uuid.UUID `gorm:"primaryKey;type:uuid"`
	URL                 string
	Events              EventPatterns `gorm:"not null"`
	Description         *string
	Secret              []byte // sealed; nil: deleted
	PreviousSecret      []byte // sealed; signs as well until PreviousSecretUntil
	PreviousSecretUntil *time.Time
	Enabled             bool
	DisabledReason      *WebhookDisabledReason
	FailingSince        *time.Time // first failure since the last delivery
	DeletedAt           *time.Time
	Version             int
	CreatedAt           time.Time `gorm:"default:now();autoCreateTime:false"`
	UpdatedAt           time.Time `gorm:"default:now();autoUpdateTime:false"`
}

// Enable makes events be sent to the endpoint again. The days that it may fail begin anew; until it has taken one event it counts
// as failing all the same, so that it can't delay others.
func (e *WebhookEndpoint) Enable(now time.Time) {
	if !e.Enabled {
		e.Enabled, e.DisabledReason, e.FailingSince = true, nil, &now
	}
}

// Disable stops deliveries, for a reason. One that is disabled already keeps its first reason.
func (e *WebhookEndpoint) Disable(reason WebhookDisabledReason) {
	if e.Enabled {
		e.Enabled, e.DisabledReason = false, &reason
	}
}

// Rotate replaces the sealed secret; the one before signs as well until a time. One that was being replaced already signs no more.
func (e *WebhookEndpoint) Rotate(sealed []byte, until time.Time) {
	e.PreviousSecret, e.PreviousSecretUntil = e.Secret, &until
	e.Secret = sealed
}

// WebhookDeliveryStatus is where a delivery stands.
type WebhookDeliveryStatus string

// The states of a delivery. Any that has ended becomes pending again when it is asked for again.
const (
	DeliveryPending   WebhookDeliveryStatus = "pending"
	DeliveryDelivered WebhookDeliveryStatus = "delivered"
	DeliveryExhausted WebhookDeliveryStatus = "exhausted" // every attempt failed
	DeliveryCanceled  WebhookDeliveryStatus = "canceled"  // its endpoint was disabled or deleted
)

// WebhookDelivery is one event on its way to one endpoint.
type WebhookDelivery struct {
	MerchantID     uuid.UUID `gorm:"primaryKey;type:uuid"`
	ID             uuid.UUID `gorm:"primaryKey;type:uuid"`
	EndpointID     uuid.UUID `gorm:"type:uuid"`
	EventID        uuid.UUID `gorm:"type:uuid"`
	Status         WebhookDeliveryStatus
	Attempts       int   // that have ended, since it was last asked for
	Fence          int64 // grows with each claim
	NextAttemptAt  *time.Time
	LastAttemptAt  *time.Time
	LastError      *string
	ResponseStatus *int
	ResponseBody   *string
	CreatedAt      time.Time `gorm:"default:now();autoCreateTime:false"`
	FinishedAt     *time.Time
	Traceparent    *string // the span (W3C Trace Context) that wrote it down, noted by the database; nil: none did
}

// Parent is the traceparent of the span that wrote the delivery down; empty: none did.
func (d *WebhookDelivery) Parent() string {
	if d.Traceparent == nil {
		return ""
	}
	return *d.Traceparent
}
