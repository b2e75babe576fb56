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
	Version        int         `gorm:"default:1"`
	CreatedAt      time.Time   `gorm:"default:now();autoCreateTime:false"`
	UpdatedAt      time.Time   `gorm:"default:now();autoUpdateTime:false"`
}

// Payable returns nil when a new payment may begin, else [ErrOrderNotPayable] with the reason. The unique index
// payments_one_live_per_order has the last word.
func (o Order) Payable() error {
	if reason := o.obstacle(); reason != "" {
		return fmt.Errorf("%w: it %s", ErrOrderNotPayable, reason)
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
