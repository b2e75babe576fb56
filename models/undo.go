package models

import (
	"fmt"
	"time"

	"github.com/google/uuid"
)

// UndoEffect is what there was to undo of a payment.
type UndoEffect string

// The effects of giving up on a payment's key.
const (
	UndoNone     UndoEffect = "none"     // the payment had failed
	UndoVoided   UndoEffect = "voided"   // nothing of it is held any more, and nothing was captured
	UndoRefunded UndoEffect = "refunded" // what was captured is given back
)

// Undo is a payment whose key was given up.
type Undo struct {
	MerchantID  uuid.UUID  `gorm:"primaryKey;type:uuid"`
	PaymentID   uuid.UUID  `gorm:"primaryKey;type:uuid"`
	Key         string     // that was given up
	Tries       int        // that were begun
	OperationID *uuid.UUID `gorm:"type:uuid"` // the void or refund under way, and the last one when it has ended
	RequestedAt time.Time  `gorm:"default:now()"`
	NextTryAt   *time.Time // nil while one is under way, and when it has ended
	EndedAt     *time.Time
	Effect      *UndoEffect
}

// Undone reports whether nothing of a payment is left, and what that came to.
func (p Payment) Undone() (UndoEffect, bool) {
	switch {
	case p.Status == PaymentFailed:
		return UndoNone, true
	case !p.Live():
		return UndoVoided, true
	case p.Status == PaymentSucceeded && p.AmountRefunded == p.AmountCaptured:
		return UndoRefunded, true
	}
	return "", false
}

// Undoable returns nil when giving up on the payment's key can undo it: nothing of it was refunded yet. Else it is
// [ErrPaymentNotCancelable] with the reason.
func (p Payment) Undoable() error {
	if p.AmountRefunded+p.AmountRefunding > 0 {
		return fmt.Errorf("%w: refunds of it were taken already", ErrPaymentNotCancelable)
	}
	return nil
}
