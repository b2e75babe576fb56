package provider

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

const intentsPath = "/v1/payment_intents"

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
}

func (r AuthorizeRequest) check() error {
	switch {
	case len(r.Key) > 255 || !isHeaderToken(r.Key):
		return errors.New("authorize: key must be 1 to 255 printable ASCII characters without spaces")
	case r.PaymentID == "" || r.MerchantID == "" || r.PaymentMethod == "":
		return errors.New("authorize: payment id, merchant id and payment method must not be empty")
	case r.Amount < 1:
		return fmt.Errorf("authorize: amount %d must be at least 1", r.Amount)
	case !isCurrency(r.Currency):
		return fmt.Errorf("authorize: currency %q must be three letters", r.Currency)
	}
	return nil
}

// form names the card as the only type of payment method. The alternative, automatic_payment_methods, makes Stripe ask
// for a return_url as soon as a redirecting method is switched on in the account's dashboard.
func (r AuthorizeRequest) form() url.Values {
	method := "automatic"
	if r.Manual {
		method = "manual"
	}
	return url.Values{
		"amount":                 {strconv.FormatInt(r.Amount, 10)},
		"capture_method":         {method},
		"confirm":                {"true"},
		"currency":               {strings.ToLower(r.Currency)},
		"metadata[merchant_id]":  {r.MerchantID},
		"metadata[payment_id]":   {r.PaymentID},
		"payment_method":         {r.PaymentMethod},
		"payment_method_types[]": {"card"},
	}
}

// Authorize creates and confirms a payment intent: one request at most, through the breaker. A request that is wrong in
// itself is NotSent.
func (c *Client) Authorize(ctx context.Context, r AuthorizeRequest) Result {
	if err := r.check(); err != nil {
		return Result{Outcome: NotSent, Err: err}
	}
	return c.mutate(ctx, "authorize", request{method: http.MethodPost, path: intentsPath, form: r.form(), key: r.Key})
}

// Retrieve reads one payment intent by the provider's reference. It does not pass through the breaker. NotFound means
// that the provider itself said so.
func (c *Client) Retrieve(ctx context.Context, reference string) Result {
	const op = "retrieve"
	if !isReference(reference) {
		return Result{Outcome: NotSent, Err: errors.New(op + ": reference is malformed")}
	}
	return c.lookUp(ctx, op, func(ctx context.Context) Result {
		res := c.judge(op, c.do(ctx, request{method: http.MethodGet, path: intentsPath + "/" + reference}))
		switch {
		case res.Outcome == Answered && res.Intent.Reference != reference:
			return Result{HTTPStatus: res.HTTPStatus, Err: errors.New(op + ": answer is about another payment intent")}
		case res.Outcome == Refused && res.HTTPStatus == http.StatusNotFound && res.Code == codeResourceMissing:
			return Result{Outcome: NotFound, HTTPStatus: res.HTTPStatus, Code: res.Code}
		}
		return res
	})
}

// lookUp runs one reading operation with the total deadline, observed, without the breaker. A look-up cannot be declined:
// what claims so is no answer to it, and must not end a payment.
func (c *Client) lookUp(ctx context.Context, op string, ask func(context.Context) Result) Result {
	start := time.Now()
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	res := ask(ctx)
	if res.Outcome == Declined {
		res = Result{HTTPStatus: res.HTTPStatus, Err: errors.New(op + ": declined, which is no answer to a look-up")}
	}
	c.observe(op, res.Outcome, time.Since(start))
	return res
}
