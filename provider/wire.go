package provider

import (
	"encoding/json"
	"errors"
	"net/url"
	"strings"
	"time"
)

// The wire structs hold what is read of Stripe's objects, nothing else. Pointers distinguish a missing member from a zero.
type (
	wireIntent struct {
		Object             string            `json:"object"`
		ID                 string            `json:"id"`
		Status             string            `json:"status"`
		Amount             *int64            `json:"amount"`
		AmountCapturable   int64             `json:"amount_capturable"`
		AmountReceived     int64             `json:"amount_received"`
		Currency           string            `json:"currency"`
		CaptureMethod      string            `json:"capture_method"`
		CancellationReason string            `json:"cancellation_reason"`
		Metadata           map[string]string `json:"metadata"`
		Created            int64             `json:"created"`
		LastPaymentError   *wireError        `json:"last_payment_error"`
		NextAction         *wireNextAction   `json:"next_action"`
	}
	wireRefund struct {
		Object        string            `json:"object"`
		ID            string            `json:"id"`
		Status        string            `json:"status"`
		Amount        *int64            `json:"amount"`
		Currency      string            `json:"currency"`
		PaymentIntent string            `json:"payment_intent"`
		FailureReason string            `json:"failure_reason"`
		Metadata      map[string]string `json:"metadata"`
		Created       int64             `json:"created"`
	}
	wireNextAction struct {
		RedirectToURL *struct {
			URL string `json:"url"`
		} `json:"redirect_to_url"`
		// Without a return_url Stripe puts the same address here. The object's other members depend on its type.
		UseStripeSDK *struct {
			StripeJS json.RawMessage `json:"stripe_js"`
		} `json:"use_stripe_sdk"`
	}
	wireError struct {
		Type          string          `json:"type"`
		Code          string          `json:"code"`
		DeclineCode   string          `json:"decline_code"`
		PaymentIntent json.RawMessage `json:"payment_intent"`
	}
	wireList struct {
		Object  string            `json:"object"`
		Data    []json.RawMessage `json:"data"`
		HasMore *bool             `json:"has_more"`
	}
)

var (
	errNotJSON   = errors.New("answer is not JSON")
	errNotIntent = errors.New("answer is not a well-formed payment_intent")
	errNotRefund = errors.New("answer is not a well-formed refund")
	errNotList   = errors.New("answer is not a well-formed list")
)

// parseIntent reads one payment intent. It refuses what cannot be believed (no id, no status, an amount that is missing
// or negative, a currency that is none), but not a status that it does not know.
func (c *Client) parseIntent(body []byte) (*Intent, error) {
	var w wireIntent
	if err := json.Unmarshal(body, &w); err != nil {
		return nil, errNotIntent // the decoder's text may quote the provider's
	}
	valid := w.Object == "payment_intent" && isReference(w.ID) && c.word(w.Status) != "" && w.Amount != nil &&
		*w.Amount >= 0 && w.AmountCapturable >= 0 && w.AmountReceived >= 0 && isCurrency(w.Currency)
	if !valid {
		return nil, errNotIntent
	}
	currency := strings.ToUpper(w.Currency)
	in := &Intent{
		Reference: w.ID, Status: w.Status, Amount: fromProvider(*w.Amount, currency),
		AmountCapturable: fromProvider(w.AmountCapturable, currency), AmountReceived: fromProvider(w.AmountReceived, currency),
		Currency: currency, CaptureMethod: c.word(w.CaptureMethod),
		CancellationReason: c.word(w.CancellationReason), Metadata: w.Metadata,
		NextActionURL: w.NextAction.address(), Created: time.Unix(w.Created, 0).UTC(),
	}
	if w.LastPaymentError != nil {
		in.Code, in.DeclineCode = c.word(w.LastPaymentError.Code), c.word(w.LastPaymentError.DeclineCode)
		// A customer who fails to authenticate is an invalid_request_error there.
		in.Failed = w.LastPaymentError.Type == typeCardError || w.LastPaymentError.Type == typeInvalidRequest
	}
	return in, nil
}

// parseRefund reads one refund, by the same rules.
func (c *Client) parseRefund(body []byte) (*Refund, error) {
	var w wireRefund
	if err := json.Unmarshal(body, &w); err != nil {
		return nil, errNotRefund
	}
	valid := w.Object == "refund" && isReference(w.ID) && c.word(w.Status) != "" && w.Amount != nil && *w.Amount >= 0 &&
		isCurrency(w.Currency) && (w.PaymentIntent == "" || isReference(w.PaymentIntent))
	if !valid {
		return nil, errNotRefund
	}
	currency := strings.ToUpper(w.Currency)
	return &Refund{
		Reference: w.ID, Status: w.Status, Amount: fromProvider(*w.Amount, currency), Currency: currency, Intent: w.PaymentIntent,
		FailureReason: c.word(w.FailureReason), Metadata: w.Metadata, Created: time.Unix(w.Created, 0).UTC(),
	}, nil
}

// parseError reads Stripe's error object; nil when the body holds none.
func parseError(body []byte) *wireError {
	var w struct {
		Error *wireError `json:"error"`
	}
	if json.Unmarshal(body, &w) != nil {
		return nil
	}
	return w.Error
}

func parseList(body []byte) (wireList, error) {
	var w wireList
	if json.Unmarshal(body, &w) != nil || w.Object != "list" || w.Data == nil || w.HasMore == nil {
		return wireList{}, errNotList
	}
	if *w.HasMore && len(w.Data) == 0 {
		return wireList{}, errNotList // there would be nothing to page on from
	}
	return w, nil
}

// address is the page that the customer must visit, or "". A client is sent there, so only a plain web address will do.
func (n *wireNextAction) address() string {
	if n == nil {
		return ""
	}
	var raw string
	switch {
	case n.RedirectToURL != nil:
		raw = n.RedirectToURL.URL
	case n.UseStripeSDK != nil:
		if json.Unmarshal(n.UseStripeSDK.StripeJS, &raw) != nil {
			return ""
		}
	}
	if !isWebAddress(raw) {
		return ""
	}
	return raw
}

// isWebAddress accepts what a customer's browser may be sent to.
func isWebAddress(raw string) bool {
	u, err := url.Parse(raw)
	return err == nil && len(raw) <= 2048 && (u.Scheme == "https" || u.Scheme == "http") && u.Host != "" && u.User == nil
}

// word lets through what looks like one of the provider's codes: clients get to see some of them, so text of another
// kind, and anything that repeats the secret key, is dropped. Keys shorter than 16 bytes are no secrets (a simulator
// takes any), and could be part of an honest word.
func (c *Client) word(s string) string {
	if len(s) > 64 || (len(c.secret) >= 16 && strings.Contains(s, c.secret)) {
		return ""
	}
	for i := range len(s) {
		ok := s[i] == '_' || (s[i] >= 'a' && s[i] <= 'z') || (s[i] >= '0' && s[i] <= '9')
		if !ok {
			return ""
		}
	}
	return s
}

func isCurrency(s string) bool {
	if len(s) != 3 {
		return false
	}
	for i := range len(s) {
		if c := s[i] | 0x20; c < 'a' || c > 'z' {
			return false
		}
	}
	return true
}

// isReference accepts an id of the provider: it becomes part of a path.
func isReference(s string) bool {
	if s == "" || len(s) > 255 {
		return false
	}
	for i := range len(s) {
		c := s[i]
		ok := c == '_' || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9')
		if !ok {
			return false
		}
	}
	return true
}
