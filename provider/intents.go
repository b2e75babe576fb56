package provider

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

const intentsPath = "/v1/payment_intents"

func (c *Client) intents() kind[Intent] {
	return kind[Intent]{
		client: c, path: intentsPath, parse: c.parseIntent,
		shown:     func(e *wireError) json.RawMessage { return e.PaymentIntent },
		reference: func(in *Intent) string { return in.Reference },
	}
}

// AuthorizeRequest is everything that the authorization's request is made of: equal values give equal bytes.
type AuthorizeRequest struct {
	// Key is the provider's idempotency key, 1 to 255 printable ASCII characters.
	Key string
	// PaymentID and MerchantID are our prefixed ids. They travel as metadata and are what Find matches by.
	PaymentID, MerchantID string
	// Amount is in minor units, at least 1; Currency an ISO 4217 code.
	Amount   int64
	Currency string
	// PaymentMethod is the provider's id (pm_…).
	PaymentMethod string
	// Manual holds the amount for a later capture instead of capturing it at once.
	Manual bool
	// ReturnURL is where the customer goes back to after authenticating; "" is not sent.
	ReturnURL string
}

func (r AuthorizeRequest) check() error {
	switch {
	case !isKey(r.Key):
		return errKey
	case r.PaymentID == "" || r.MerchantID == "" || r.PaymentMethod == "":
		return errors.New("payment id, merchant id and payment method must not be empty")
	case r.Amount < 1:
		return fmt.Errorf("amount %d must be at least 1", r.Amount)
	case !isCurrency(r.Currency):
		return fmt.Errorf("currency %q must be three letters", r.Currency)
	case r.ReturnURL != "" && !isWebAddress(r.ReturnURL):
		return errors.New("return URL must be an http or https address")
	}
	return nil
}

// form names the card as the only type of payment method. The alternative, automatic_payment_methods, makes Stripe ask
// for a return_url as soon as a redirecting method is switched on in the account's dashboard.
func (r AuthorizeRequest) form() (url.Values, error) {
	amount, err := toProvider(r.Amount, r.Currency)
	method := "automatic"
	if r.Manual {
		method = "manual"
	}
	form := url.Values{
		"amount":                 {strconv.FormatInt(amount, 10)},
		"capture_method":         {method},
		"confirm":                {"true"},
		"currency":               {strings.ToLower(r.Currency)},
		"metadata[merchant_id]":  {r.MerchantID},
		"metadata[payment_id]":   {r.PaymentID},
		"payment_method":         {r.PaymentMethod},
		"payment_method_types[]": {"card"},
	}
	if r.ReturnURL != "" {
		form.Set("return_url", r.ReturnURL)
	}
	return form, err
}

// Authorize creates and confirms a payment intent: one request at most, through the breaker. A request that is wrong in
// itself is NotSent.
func (c *Client) Authorize(ctx context.Context, r AuthorizeRequest) Result[Intent] {
	const op = "authorize"
	form, err := r.form()
	if err = errors.Join(r.check(), err); err != nil {
		return Result[Intent]{Outcome: NotSent, Err: fmt.Errorf("%s: %w", op, err)}
	}
	return c.intents().mutate(ctx, op, request{method: http.MethodPost, path: intentsPath, form: form, key: r.Key})
}

// isKey accepts an idempotency key of Stripe's length.
func isKey(key string) bool { return len(key) <= 255 && isHeaderToken(key) }

var (
	errKey       = errors.New("key must be 1 to 255 printable ASCII characters without spaces")
	errReference = errors.New("reference is malformed")
)

// CancelRequest names the payment intent to be canceled.
type CancelRequest struct {
	// Key is the provider's idempotency key, 1 to 255 printable ASCII characters.
	Key string
	// Reference is the provider's own id (pi_…).
	Reference string
}

// Cancel cancels a payment intent: one request at most, through the breaker. Only Answered with the status canceled
// confirms it. An intent that cannot be canceled any more is Unknown: the provider refuses, and shows the intent.
func (c *Client) Cancel(ctx context.Context, r CancelRequest) Result[Intent] {
	const op = "cancel"
	switch {
	case !isKey(r.Key):
		return Result[Intent]{Outcome: NotSent, Err: fmt.Errorf("%s: %w", op, errKey)}
	case !isReference(r.Reference):
		return Result[Intent]{Outcome: NotSent, Err: fmt.Errorf("%s: %w", op, errReference)}
	}
	res := c.intents().mutate(ctx, op, request{
		method: http.MethodPost, path: intentsPath + "/" + r.Reference + "/cancel", key: r.Key,
		form: url.Values{"cancellation_reason": {"abandoned"}},
	})
	if res.Outcome == Declined {
		return Result[Intent]{HTTPStatus: res.HTTPStatus, Err: errors.New(op + ": declined, which is no answer to a cancellation")}
	}
	return c.intents().about(op, r.Reference, res)
}

// Retrieve reads one payment intent by the provider's reference. It does not pass through the breaker. NotFound means
// that the provider itself said so.
func (c *Client) Retrieve(ctx context.Context, reference string) Result[Intent] {
	return c.intents().retrieve(ctx, "retrieve", reference)
}
