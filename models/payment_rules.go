package models

import (
	"errors"
	"fmt"
	"time"
)

var (
	// ErrPaymentNotCapturable means that nothing of a payment can be captured.
	ErrPaymentNotCapturable = errors.New("the payment can't be captured")
	// ErrPaymentNotCancelable means that there is no authorization to void, and no customer to wait for.
	ErrPaymentNotCancelable = errors.New("the payment can't be canceled")
	// ErrPaymentNotRefundable means that nothing of a payment was captured.
	ErrPaymentNotRefundable = errors.New("the payment can't be refunded")
)

// AmountTooLargeError says that more was asked for than is left. Amounts are minor units of Currency.
type AmountTooLargeError struct {
	Asked, Left int64
	Currency    string
}

func (e *AmountTooLargeError) Error() string {
	return fmt.Sprintf("amount %d %s is more than the %d %s that are left", e.Asked, e.Currency, e.Left, e.Currency)
}

// CaptureOf is how much a capture takes: the amount that was asked for, all that is left when none was (0), or an error: an
// [AmountTooLargeError], or [ErrPaymentNotCapturable] with the reason.
func (p Payment) CaptureOf(asked int64, now time.Time) (int64, error) {
	if p.Status != PaymentRequiresCapture && p.Status != PaymentPartiallyCaptured {
		return 0, fmt.Errorf("%w: it is %s", ErrPaymentNotCapturable, p.Status)
	}
	if p.AuthorizationExpiresAt != nil && !now.Before(*p.AuthorizationExpiresAt) {
		return 0, fmt.Errorf("%w: its authorization has expired", ErrPaymentNotCapturable)
	}
	return p.portion(asked, p.Left(), ErrPaymentNotCapturable)
}

// RefundOf is how much a refund gives back: the amount that was asked for, all that is left when none was (0), or an error: an
// [AmountTooLargeError], or [ErrPaymentNotRefundable] with the reason.
func (p Payment) RefundOf(asked int64) (int64, error) {
	if p.AmountCaptured == 0 {
		return 0, fmt.Errorf("%w: nothing of it is captured", ErrPaymentNotRefundable)
	}
	return p.portion(asked, p.Refundable(), ErrPaymentNotRefundable)
}

func (p Payment) portion(asked, left int64, none error) (int64, error) {
	switch {
	case asked > left:
		return 0, &AmountTooLargeError{asked, left, p.Currency}
	case asked == 0 && left == 0:
		return 0, fmt.Errorf("%w: nothing is left", none)
	case asked == 0:
		return left, nil
	}
	return asked, nil
}

// Cancelable returns nil when the payment's authorization, or what is left of it, can be voided, or when it waits for its customer;
// else [ErrPaymentNotCancelable] with the reason.
func (p Payment) Cancelable() error {
	switch p.Status {
	case PaymentRequiresAction, PaymentRequiresCapture, PaymentPartiallyCaptured:
		return nil
	}
	return fmt.Errorf("%w: it is %s", ErrPaymentNotCancelable, p.Status)
}

// Endable is Cancelable for a reason that payonce itself ends payments for: nil only while the payment is in the state that the reason
// is about. A customer who came back in time keeps what was authorized.
func (p Payment) Endable(reason string) error {
	err, waiting := p.Cancelable(), p.Status == PaymentRequiresAction
	switch reason {
	case ReasonActionTimeout, ReasonReplaced:
		if err == nil && !waiting {
			return fmt.Errorf("%w: its customer has come back", ErrPaymentNotCancelable)
		}
	case ReasonAuthorizationExpired:
		if err == nil && waiting {
			return fmt.Errorf("%w: nothing of it is authorized", ErrPaymentNotCancelable)
		}
	}
	return err
}

// Left is what can still be captured.
func (p Payment) Left() int64 {
	return p.AmountAuthorized - p.AmountCaptured - p.AmountCapturing - p.AmountVoided
}

// Refundable is what can still be refunded: refunds under way count as made.
func (p Payment) Refundable() int64 { return p.AmountCaptured - p.AmountRefunded - p.AmountRefunding }

func needsReview(reason *string) bool { return reason != nil && *reason == ReasonNeedsReview }
