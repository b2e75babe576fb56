package provider

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
)

// CaptureRequest is everything that a capture's request is made of: equal values give equal bytes.
type CaptureRequest struct {
	// Key is the provider's idempotency key, 1 to 255 printable ASCII characters.
	Key string
	// Reference is the intent's (pi_…).
	Reference string
	// Amount is in minor units of Currency, an ISO 4217 code. 0 is allowed with Final only, for an intent of which a part was captured: it releases the
	// rest (Stripe's documentation, "Capture a payment multiple times").
	Amount   int64
	Currency string
	// Final releases what is left behind this capture. Without it the rest stays held, where the account has multicapture.
	Final bool
	// OperationID, PaymentID and MerchantID are our prefixed ids. They become the intent's metadata: its operation_id is
	// that of the latest capture, so a look-up compares it.
	OperationID, PaymentID, MerchantID string
}

func (r CaptureRequest) check() error {
	switch {
	case !isKey(r.Key):
		return errKey
	case !isReference(r.Reference):
		return errReference
	case r.OperationID == "" || r.PaymentID == "" || r.MerchantID == "":
		return errOwnIDs
	case !isCurrency(r.Currency):
		return fmt.Errorf("currency %q must be three letters", r.Currency)
	case r.Amount < 0 || (r.Amount == 0 && !r.Final):
		return fmt.Errorf("amount %d must be at least 1, or 0 with a final capture", r.Amount)
	}
	return nil
}

var errOwnIDs = errors.New("operation id, payment id and merchant id must not be empty")

func (r CaptureRequest) form() (url.Values, error) {
	amount, err := toProvider(r.Amount, r.Currency)
	return url.Values{
		"amount_to_capture":      {strconv.FormatInt(amount, 10)},
		"final_capture":          {strconv.FormatBool(r.Final)},
		"metadata[merchant_id]":  {r.MerchantID},
		"metadata[operation_id]": {r.OperationID},
		"metadata[payment_id]":   {r.PaymentID},
	}, err
}

// Capture takes money that is held: one request at most, through the breaker. Answered shows the intent as it is then;
// Refused shows it, too, where the provider said in which state it is.
func (c *Client) Capture(ctx context.Context, r CaptureRequest) Result[Intent] {
	const op = "capture"
	form, err := r.form()
	if err = errors.Join(r.check(), err); err != nil {
		return Result[Intent]{Outcome: NotSent, Err: fmt.Errorf("%s: %w", op, err)}
	}
	held := c.intents()
	held.known = true
	return held.about(op, r.Reference, held.mutate(ctx, op, request{
		method: http.MethodPost, path: intentsPath + "/" + r.Reference + "/capture", form: form, key: r.Key,
	}))
}
