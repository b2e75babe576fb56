package provider

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"
	"unicode/utf8"
)

const (
	refundsPath = "/v1/refunds"
	// maxMetadata is the length of a metadata value, in characters.
	maxMetadata = 500
)

// Refund is the provider's refund, reduced to what payonce decides by. Amounts are in minor units.
type Refund struct {
	// Reference is the provider's own id (re_…).
	Reference string
	// Status is the provider's word: pending, requires_action, succeeded, failed, canceled, or one that payonce does not
	// know. A refund that succeeded may still fail later, when the customer's bank sends the money back.
	Status string
	Amount int64
	// Currency is an ISO 4217 code in upper case.
	Currency string
	// Intent is the reference of the payment intent; "" where the provider names none.
	Intent string
	// FailureReason is the provider's word for why it failed, "" otherwise.
	FailureReason string
	Metadata      map[string]string
	// Created is the provider's clock, in whole seconds, UTC.
	Created time.Time
}

func (c *Client) refunds() kind[Refund] {
	return kind[Refund]{
		client: c, path: refundsPath, parse: c.parseRefund,
		// An error may show the intent, which says nothing about a refund of it.
		shown:     func(*wireError) json.RawMessage { return nil },
		reference: func(r *Refund) string { return r.Reference },
	}
}

// RefundRequest is everything that a refund's request is made of: equal values give equal bytes.
type RefundRequest struct {
	// Key is the provider's idempotency key, 1 to 255 printable ASCII characters.
	Key string
	// Reference is the intent's (pi_…).
	Reference string
	// Amount is in minor units, at least 1; Currency an ISO 4217 code. It is not sent: the refund has the payment's.
	Amount   int64
	Currency string
	// OperationID, PaymentID and MerchantID are our prefixed ids. They travel as metadata and are what FindRefund matches by.
	OperationID, PaymentID, MerchantID string
	// Reason is text of at most 500 characters, "" for none. It travels as metadata, because the provider's own reasons are a
	// short list.
	Reason string
}

func (r RefundRequest) check() error {
	switch {
	case !isKey(r.Key):
		return errKey
	case !isReference(r.Reference):
		return errReference
	case r.OperationID == "" || r.PaymentID == "" || r.MerchantID == "":
		return errOwnIDs
	case !isCurrency(r.Currency):
		return fmt.Errorf("currency %q must be three letters", r.Currency)
	case r.Amount < 1:
		return fmt.Errorf("amount %d must be at least 1", r.Amount)
	case utf8.RuneCountInString(r.Reason) > maxMetadata:
		return fmt.Errorf("reason must have at most %d characters", maxMetadata)
	}
	return nil
}

func (r RefundRequest) form() (url.Values, error) {
	amount, err := toProvider(r.Amount, r.Currency)
	form := url.Values{
		"amount":                 {strconv.FormatInt(amount, 10)},
		"metadata[merchant_id]":  {r.MerchantID},
		"metadata[operation_id]": {r.OperationID},
		"metadata[payment_id]":   {r.PaymentID},
		"payment_intent":         {r.Reference},
	}
	if r.Reason != "" {
		form.Set("metadata[reason]", r.Reason)
	}
	return form, err
}

// Refund gives captured money back: one request at most, through the breaker. Answered says that a refund was made, not that
// it succeeded: its status does.
func (c *Client) Refund(ctx context.Context, r RefundRequest) Result[Refund] {
	const op = "refund"
	form, err := r.form()
	if err = errors.Join(r.check(), err); err != nil {
		return Result[Refund]{Outcome: NotSent, Err: fmt.Errorf("%s: %w", op, err)}
	}
	res := c.refunds().mutate(ctx, op, request{method: http.MethodPost, path: refundsPath, form: form, key: r.Key})
	if made := res.Object; made != nil && made.Intent != "" && made.Intent != r.Reference {
		return Result[Refund]{HTTPStatus: res.HTTPStatus, Err: errors.New(op + ": answer is about another payment intent")}
	}
	return res
}

// RetrieveRefund reads one refund by the provider's reference. It does not pass through the breaker. NotFound means that the
// provider itself said so.
func (c *Client) RetrieveRefund(ctx context.Context, reference string) Result[Refund] {
	return c.refunds().retrieve(ctx, "retrieve_refund", reference)
}
