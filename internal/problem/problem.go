// Package problem holds the service's error documents (RFC 9457): what each of them means, what it promises about the
// idempotency key, how it is written, and the page that explains it to people.
//
// Two members carry the promise. "retryable" says that the same request with the same key may succeed later;
// "safe_new_key" says that a new key cannot double the effect. That is known and never assumed: this request looked its
// key's record up, there was none, and nothing of this request goes on; or the payment was declined.
package problem

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strconv"
	"time"
)

// ContentType is the media type of every error document (RFC 9457 section 3).
const ContentType = "application/problem+json"

// Problem is one error document. New makes it complete; the With methods add to it. Its members are written in the order
// of the fields. A Problem holds only what the client may see.
type Problem struct {
	Type       string `json:"type"` // the path of the page that explains it, /problems/{code}
	Title      string `json:"title"`
	Status     int    `json:"status"`
	Detail     string `json:"detail,omitempty"`
	Instance   string `json:"instance,omitempty"` // the request's id, or the payment's path in a stored problem
	Code       Code   `json:"code"`
	Retryable  bool   `json:"retryable"`
	SafeNewKey bool   `json:"safe_new_key"`

	Links       []Link       `json:"links,omitempty"`
	Errors      []FieldError `json:"errors,omitempty"`
	PaymentID   string       `json:"payment_id,omitempty"`
	DeclineCode string       `json:"decline_code,omitempty"`
	TraceID     string       `json:"trace_id,omitempty"` // of this request's trace, while the service is traced; never in a stored problem

	RetryAfter time.Duration `json:"-"` // 0 sends no Retry-After
}

// Link points at a related resource, for instance the payment that stands in the way.
type Link struct {
	Rel  string `json:"rel"`
	Href string `json:"href"` // an absolute path without host
}

// FieldError says what is wrong with one value of the body.
type FieldError struct {
	Pointer string `json:"pointer"` // RFC 6901
	Code    string `json:"code"`
	Detail  string `json:"detail"`
}

// New returns the problem of this code. detail is one sentence about this occurrence, for the client. It says that a new
// key is safe only where the code alone means that; see WithUnusedKey.
//
// An internal problem has a fixed text, whatever detail says, because what is known about an unexpected error is exactly
// what must not leave the service. An unknown code is an internal problem, too.
func New(code Code, detail string) *Problem {
	f, ok := factsOf(code)
	if !ok {
		code = CodeInternal
		f, _ = factsOf(code)
	}
	if code == CodeInternal {
		detail = "Something went wrong on our side. Send the same request with the same key again, or ask what became of the key."
	}
	return &Problem{
		Type: code.Path(), Title: f.title, Status: f.status, Detail: detail, Code: code,
		Retryable: f.retryable, SafeNewKey: f.newKey == always,
	}
}

// Error is the problem as a log line shows it.
func (p *Problem) Error() string {
	if p.Detail == "" {
		return string(p.Code)
	}
	return string(p.Code) + ": " + p.Detail
}

// The With methods change the problem that they are called on and return it, so that they can be chained behind New. A
// problem belongs to one request; don't share one between requests.

// WithLink adds a link to a related resource.
func (p *Problem) WithLink(rel, href string) *Problem {
	p.Links = append(p.Links, Link{Rel: rel, Href: href})
	return p
}

// WithErrors adds what is wrong with single values.
func (p *Problem) WithErrors(errs ...FieldError) *Problem {
	p.Errors = append(p.Errors, errs...)
	return p
}

// maxRetryAfter bounds Retry-After: whatever is awaited, asking again once per minute costs nothing and misses nothing.
const maxRetryAfter = time.Minute

// WithRetryAfter says when asking again makes sense. It is sent in whole seconds, rounded up, from 1 to 60.
func (p *Problem) WithRetryAfter(d time.Duration) *Problem {
	p.RetryAfter = min(max(d, time.Nanosecond), maxRetryAfter) // no time left is still an answer: 1 second
	return p
}

// WithRetryable says that the refusal may pass: what stands in the way is an operation in flight.
func (p *Problem) WithRetryable() *Problem {
	p.Retryable = true
	return p
}

// WithUnusedKey says that this request looked its key up, that there is no record, and that nothing of the request goes
// on. Where the code allows it, the problem then says that a new key is safe.
func (p *Problem) WithUnusedKey() *Problem {
	p.SafeNewKey = p.SafeNewKey || p.Code.SafeWhenUnused()
	return p
}

// WithInstance names the occurrence. Write fills in the request's id where nothing else was set.
func (p *Problem) WithInstance(instance string) *Problem {
	p.Instance = instance
	return p
}

// WithDecline names the payment that was declined and the reason that the provider gave.
func (p *Problem) WithDecline(paymentID, declineCode string) *Problem {
	p.PaymentID, p.DeclineCode = paymentID, declineCode
	return p
}

// Body is the document's bytes. They depend on nothing but the fields, so a stored problem replays as it was first sent.
func (p *Problem) Body() []byte {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false) // details quote what clients sent; JSON is not HTML, and nosniff is set
	if err := enc.Encode(p); err != nil {
		panic("problem: " + err.Error()) // strings, numbers and booleans always encode
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

// Header sets the headers that belong to the problem: Content-Type, Retry-After, and on 401 the challenge that RFC 9110
// section 15.5.2 demands.
func (p *Problem) Header(h http.Header) {
	h.Set("Content-Type", ContentType)
	if p.RetryAfter > 0 {
		seconds := (p.RetryAfter + time.Second - 1) / time.Second
		h.Set("Retry-After", strconv.FormatInt(int64(seconds), 10))
	}
	if p.Status == http.StatusUnauthorized {
		h.Set("WWW-Authenticate", "Bearer")
	}
}

// WithTraceID names the request's trace. It is for what answers this request only: a stored problem has none.
func (p *Problem) WithTraceID(id string) *Problem {
	p.TraceID = id
	return p
}

// Write sends the problem. requestID becomes its instance where nothing else was set. An error of the connection is
// dropped: the client is gone.
func (p *Problem) Write(w http.ResponseWriter, requestID string) {
	sent := *p
	if sent.Instance == "" {
		sent.Instance = requestID
	}
	sent.Header(w.Header())
	w.WriteHeader(sent.Status)
	_, _ = w.Write(sent.Body())
}
