package models

import (
	"errors"
	"testing"
	"time"
)

func states() []PaymentStatus {
	return []PaymentStatus{
		PaymentProcessing, PaymentRequiresAction, PaymentRequiresCapture, PaymentPartiallyCaptured,
		PaymentSucceeded, PaymentCanceled, PaymentFailed, PaymentExpired,
	}
}

func TestAStateFollowsNeitherItselfNorAFinalOne(t *testing.T) {
	t.Parallel()
	for _, s := range states() {
		if s.CanBecome(s) {
			t.Errorf("%s can become itself", s)
		}
		final := !s.Live() || s == PaymentSucceeded
		if final != (len(s.Next()) == 0) {
			t.Errorf("%s: final is %t, but next are %q", s, final, s.Next())
		}
		for _, next := range s.Next() {
			if !s.CanBecome(next) {
				t.Errorf("%s can't become %s, which Next lists", s, next)
			}
		}
	}
	if PaymentStatus("").CanBecome(PaymentSucceeded) {
		t.Error("an unknown state has a successor")
	}
}

func TestAPaymentIsLiveUntilItFailedWasCanceledOrExpired(t *testing.T) {
	t.Parallel()
	dead := map[PaymentStatus]bool{PaymentCanceled: true, PaymentFailed: true, PaymentExpired: true}
	for _, s := range states() {
		if live := (Payment{Status: s}).Live(); live == dead[s] {
			t.Errorf("%s: live is %t", s, live)
		}
	}
}

func TestAnAttemptIsOpenWhileItsOutcomeIsUnknown(t *testing.T) {
	t.Parallel()
	for status, want := range map[AttemptStatus]bool{
		AttemptSent: true, AttemptUnknown: true,
		AttemptSucceeded: false, AttemptDeclined: false, AttemptActionRequired: false, AttemptFailed: false,
	} {
		if status.Open() != want {
			t.Errorf("%s: open is %t", status, !want)
		}
	}
}

func TestAnOrderIsPaidOrCanceledOnlyWhileNothingIsPaidOrUnderWay(t *testing.T) {
	t.Parallel()
	now := time.Now()
	for name, c := range map[string]struct {
		order Order
		free  bool
	}{
		"new":            {Order{AmountTotal: 10}, true},
		"under way":      {Order{AmountTotal: 10, AmountReserved: 10}, false},
		"paid":           {Order{AmountTotal: 10, AmountPaid: 10}, false},
		"partially paid": {Order{AmountTotal: 10, AmountPaid: 4}, false},
		"refunded":       {Order{AmountTotal: 10, AmountPaid: 10, AmountRefunded: 10}, false},
		"canceled":       {Order{AmountTotal: 10, CanceledAt: &now}, false},
	} {
		payable, cancelable := c.order.Payable(now), c.order.Cancelable()
		if c.free && (payable != nil || cancelable != nil) {
			t.Errorf("%s: Payable = %v, Cancelable = %v", name, payable, cancelable)
		}
		if !c.free && (!errors.Is(payable, ErrOrderNotPayable) || !errors.Is(cancelable, ErrOrderNotCancelable)) {
			t.Errorf("%s: Payable = %v, Cancelable = %v", name, payable, cancelable)
		}
	}
}
