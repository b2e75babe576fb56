package payonce

import (
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"strconv"
	"time"
)

// Problem is a refusal, as the API's error documents say it (RFC 9457). Find one with errors.As. A refusal that was not
// payonce's own (a gateway's, say) has only Status and Title, and an empty Code.
type Problem struct {
	Type       string `json:"type"`
	Title      string `json:"title"`
	Status     int    `json:"status"`
	Detail     string `json:"detail"`
	Instance   string `json:"instance"` // the request's id; in a decline the payment's path
	Code       string `json:"code"`     // what to branch on; codes may be added
	Retryable  bool   `json:"retryable"`
	SafeNewKey bool   `json:"safe_new_key"`

	Links       []Link        `json:"links"`
	Errors      []FieldError  `json:"errors"`
	PaymentID   string        `json:"payment_id"`   // of a declined payment
	DeclineCode string        `json:"decline_code"` // the provider's reason
	RetryAfter  time.Duration `json:"-"`
}

// Link points at a related resource, for instance at the payment that stands in the way.
type Link struct {
	Rel  string `json:"rel"`
	Href string `json:"href"` // an absolute path without host
}

// FieldError says what is wrong with one value of a request.
type FieldError struct {
	Pointer string `json:"pointer"` // RFC 6901
	Code    string `json:"code"`
	Detail  string `json:"detail"`
}

// Codes that programs branch on. There are more: the pages under /problems explain each.
const (
	CodePaymentDeclined      = "payment-declined"
	CodeRequestInFlight      = "idempotency-request-in-flight"
	CodeIdempotencyKeyReused = "idempotency-key-reused"
	CodeKeyExpired           = "idempotency-key-expired"
	CodeKeyCanceled          = "idempotency-key-canceled"
	CodeOrderNotPayable      = "order-not-payable"
	CodeValidationFailed     = "validation-failed"
)

func (p *Problem) Error() string {
	text := fmt.Sprintf("payonce: %d %s", p.Status, p.Title)
	if p.Code != "" {
		text = fmt.Sprintf("payonce: %d %s", p.Status, p.Code)
	}
	if p.Detail != "" {
		text += ": " + p.Detail
	}
	return text
}

// Link returns the path of the first link of this relation; empty when there is none.
func (p *Problem) Link(rel string) string {
	for _, link := range p.Links {
		if link.Rel == rel {
			return link.Href
		}
	}
	return ""
}

// final: the answer says itself that nothing happened under the key and that nothing will, whatever was sent before.
func (p *Problem) final() bool { return p.Code == CodePaymentDeclined || p.Code == CodeKeyCanceled }

// beforeKey: the service refused the request before it looked its key up, or found no record of it: this copy did nothing.
func (p *Problem) beforeKey() bool {
	if p.Code == "" || p.Retryable {
		return false
	}
	switch p.Status {
	case http.StatusBadRequest, http.StatusUnauthorized, http.StatusForbidden, http.StatusMethodNotAllowed,
		http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType:
		return true
	}
	return false
}

// readProblem reads a refusal; what is no problem document of payonce's becomes one without a code.
func readProblem(status int, header http.Header, body []byte) *Problem {
	p := &Problem{}
	media, _, _ := mime.ParseMediaType(header.Get("Content-Type")) // malformed: not a problem document
	if media != "application/problem+json" || json.Unmarshal(body, p) != nil || p.Code == "" {
		p = &Problem{Title: http.StatusText(status)}
	}
	p.Status, p.RetryAfter = status, retryAfter(header.Get("Retry-After"))
	return p
}

// retryAfter reads the header's two forms (RFC 9110 section 10.2.3): seconds, or a date. 0: not there, or neither.
func retryAfter(value string) time.Duration {
	const most = 24 * 3600
	if seconds, err := strconv.Atoi(value); err == nil && seconds > 0 {
		return time.Duration(min(seconds, most)) * time.Second
	}
	if at, err := http.ParseTime(value); err == nil {
		return max(time.Until(at), 0)
	}
	return 0
}

// UnknownOutcomeError says that a call ended before its outcome was known: it may have happened, it may happen still, or not.
// The key stays in the store. Call again with the same operation and the same values to find out, or [Client.GiveUp].
type UnknownOutcomeError struct {
	Operation string
	Key       string
	Attempts  int
	Err       error // of the last attempt: a *Problem, or why there was no answer
}

func (e *UnknownOutcomeError) Error() string {
	return fmt.Sprintf("payonce: the outcome of %q is not known after %d attempts: %v", e.Operation, e.Attempts, e.Err)
}

// Unwrap is the last attempt's error.
func (e *UnknownOutcomeError) Unwrap() error { return e.Err }

var (
	// ErrOtherRequest means that the operation was begun with other values, which may have happened or may still happen. Send
	// those again, give the operation up with [Client.GiveUp], or name another operation when it is another thing to do.
	ErrOtherRequest = errors.New("payonce: the operation was begun with another request")
	// ErrNoOperation means that a call named no operation, or that the store knows no key of the one that it named.
	ErrNoOperation = errors.New("payonce: no such operation")
	// ErrProcessing means that the provider's word is not known yet. The payment or refund comes along as it is now.
	ErrProcessing = errors.New("payonce: still being found out")

	errUnnamed = fmt.Errorf("%w: the call names none", ErrNoOperation)
)
