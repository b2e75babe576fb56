package payonce

import (
	"context"
	"fmt"
	"net/http"
)

// Pay pays an order and returns the payment as it is now, when the provider's word is known.
//
// A decline is a [*Problem], and the same operation then pays with another card. A payment that ended without taking money
// ([Payment.Ended]) is returned without an error; its key is released, too. When the provider's word takes longer than
// Elapsed, the error is [ErrProcessing], and calling again waits on.
func (c *Client) Pay(ctx context.Context, operation string, p CreatePayment) (*Payment, error) {
	first := &Payment{}
	key, err := c.once(ctx, operation, http.MethodPost, "/v1/payments", p, first)
	if err != nil {
		return nil, err
	}
	payment, err := c.WaitForPayment(ctx, first.ID)
	if err != nil {
		return payment, err
	}
	if payment.Ended() {
		// The provider's last word: an order has one live payment at most, and this one is none.
		if err := c.opt.Store.Release(context.WithoutCancel(ctx), operation, key); err != nil {
			return payment, fmt.Errorf("payonce: release the key of %q: %w", operation, err)
		}
	}
	return payment, nil
}

// WaitForPayment reads a payment until it is not processing any more, or needs a person's review. When that takes longer
// than Elapsed, it returns the payment as it is, and [ErrProcessing].
func (c *Client) WaitForPayment(ctx context.Context, id string) (payment *Payment, _ error) {
	err := c.poll(ctx, func() (known bool, err error) {
		if payment, err = c.GetPayment(ctx, id); err != nil {
			return false, err
		}
		return payment.known(), nil
	})
	return payment, err
}

// WaitForRefund reads a refund until the provider's word is known. A refund that the bank takes days for stays pending, with
// another reason than outcome_unknown.
func (c *Client) WaitForRefund(ctx context.Context, id string) (refund *Refund, _ error) {
	err := c.poll(ctx, func() (known bool, err error) {
		if refund, err = c.GetRefund(ctx, id); err != nil {
			return false, err
		}
		return refund.Status != "pending" || refund.StatusReason != "outcome_unknown", nil
	})
	return refund, err
}
