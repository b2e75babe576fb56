package models

import (
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
)

// OrderStatus is derived from an order's amounts by Postgres; nothing writes it.
type OrderStatus string

// The states of an order.
const (
	OrderPendingPayment    OrderStatus = "pending_payment"
	OrderPaid              OrderStatus = "paid"
	OrderPartiallyPaid     OrderStatus = "partially_paid"
	OrderPartiallyRefunded OrderStatus = "partially_refunded"
	OrderRefunded          OrderStatus = "refunded"
	OrderCanceled          OrderStatus = "canceled"
)

var (
	// ErrOrderNotPayable means that an order is canceled, or that a payment of it exists or is under way.
	ErrOrderNotPayable = errors.New("the order can't be paid")
	// ErrOrderExpired is an [ErrOrderNotPayable]: no payment of the order began in time.
	ErrOrderExpired = fmt.Errorf("%w: it has expired", ErrOrderNotPayable)
	// ErrOrderNotCancelable means that an order is canceled already, or paid, or that a payment is under way.
	ErrOrderNotCancelable = errors.New("the order can't be canceled")
)

// Order is what a merchant's customer owes. Amounts are minor units of Currency.
type Order struct {
	MerchantID     uuid.UUID `gorm:"primaryKey;type:uuid"`
	ID             uuid.UUID `gorm:"primaryKey;type:uuid"`
	Reference      *string
	Currency       string
	Items          JSON
	AmountTotal    int64
	AmountReserved int64 // held by live payments, not yet captured
	AmountPaid     int64 // captured
	AmountRefunded int64
	CanceledAt     *time.Time
	Status         OrderStatus `gorm:"->"` // generated column: a write would be refused
	Metadata       JSON        `gorm:"not null;default:'{}'"`
	ExpiresAt      *time.Time  // until when a payment may begin; nil: for ever
	Version        int         `gorm:"default:1"`
	CreatedAt      time.Time   `gorm:"default:now();autoCreateTime:false"`
	UpdatedAt      time.Time   `gorm:"default:now();autoUpdateTime:false"`
}

// OrderChange is what happens to an order's amounts: each is added to what is there.
type OrderChange struct{ Reserved, Paid, Refunded int64 }

// After returns the order as it is after a change, with the status that Postgres derives; only the row's own version is left.
func (o Order) After(c OrderChange) Order {
	o.AmountReserved += c.Reserved
	o.AmountPaid += c.Paid
	o.AmountRefunded += c.Refunded
	o.Status = o.derived()
	return o
}

// derived is the generated column orders.status.
func (o Order) derived() OrderStatus {
	switch {
	case o.CanceledAt != nil:
		return OrderCanceled
	case o.AmountPaid == 0:
		return OrderPendingPayment
	case o.AmountRefunded == o.AmountPaid:
		return OrderRefunded
	case o.AmountRefunded > 0:
		return OrderPartiallyRefunded
	case o.AmountPaid < o.AmountTotal:
		return OrderPartiallyPaid
	}
	return OrderPaid
}

// Payable returns nil when a new payment may begin now, else [ErrOrderNotPayable] with the reason. The time is Postgres's, of
// the transaction that locks the order. The unique index payments_one_live_per_order has the last word.
func (o Order) Payable(now time.Time) error {
	if reason := o.obstacle(); reason != "" {
		return fmt.Errorf("%w: it %s", ErrOrderNotPayable, reason)
	}
	if o.Expired(now) {
		return ErrOrderExpired
	}
	return nil
}

// Expired says whether the time is over in which a payment of the order may begin.
func (o Order) Expired(now time.Time) bool { return o.ExpiresAt != nil && !now.Before(*o.ExpiresAt) }

// MaxOrderLife is how far ahead an order's end may lie.
const MaxOrderLife = 366 * 24 * time.Hour

// CheckExpiry returns nil for an end that an order made now may have.
func CheckExpiry(expires, now time.Time) error {
	switch {
	case !expires.After(now):
		return fmt.Errorf("is not in the future: it is %s now", now.UTC().Format(time.RFC3339))
	case expires.Sub(now) > MaxOrderLife:
		return fmt.Errorf("is more than %d days ahead", MaxOrderLife/(24*time.Hour))
	}
	return nil
}

// Cancelable returns nil while nothing is paid or in flight, else [ErrOrderNotCancelable] with the reason.
func (o Order) Cancelable() error {
	if reason := o.obstacle(); reason != "" {
		return fmt.Errorf("%w: it %s", ErrOrderNotCancelable, reason)
	}
	return nil
}

// obstacle reads the amounts, not Status: an order changed in memory has no new Status until Postgres derives it.
func (o Order) obstacle() string {
	switch {
	case o.CanceledAt != nil:
		return "is canceled"
	case o.AmountPaid > 0:
		return "is paid"
	case o.AmountReserved > 0:
		return "has a payment under way"
	}
	return ""
}
