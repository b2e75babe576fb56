package problem

import "net/http"

// Code names a problem: the "code" member, and the last part of its type. Clients branch on it; it never changes.
type Code string

// Every code, in the order of the statuses.
const (
	CodeIdempotencyKeyMissing    Code = "idempotency-key-missing"
	CodeIdempotencyKeyInvalid    Code = "idempotency-key-invalid"
	CodeMalformedRequest         Code = "malformed-request"
	CodeUnauthorized             Code = "unauthorized"
	CodePaymentDeclined          Code = "payment-declined"
	CodeForbidden                Code = "forbidden"
	CodeNotFound                 Code = "not-found"
	CodeMethodNotAllowed         Code = "method-not-allowed"
	CodeRequestInFlight          Code = "idempotency-request-in-flight"
	CodeOrderNotPayable          Code = "order-not-payable"
	CodeOrderNotCancelable       Code = "order-not-cancelable"
	CodeOrderReferenceExists     Code = "order-reference-exists"
	CodePaymentNotCapturable     Code = "payment-not-capturable"
	CodePaymentNotCancelable     Code = "payment-not-cancelable"
	CodePaymentNotRefundable     Code = "payment-not-refundable"
	CodeDiscrepancyNotResolvable Code = "discrepancy-not-resolvable"
	CodeTooManyWebhookEndpoints  Code = "too-many-webhook-endpoints"
	CodeWebhookEndpointDisabled  Code = "webhook-endpoint-disabled"
	CodeIdempotencyKeyExpired    Code = "idempotency-key-expired"

	CodeIdempotencyKeyNotCancelable Code = "idempotency-key-not-cancelable"
	CodeIdempotencyKeyCanceled      Code = "idempotency-key-canceled"

	CodeBodyTooLarge         Code = "body-too-large"
	CodeUnsupportedMediaType Code = "unsupported-media-type"
	CodeIdempotencyKeyReused Code = "idempotency-key-reused"
	CodeValidationFailed     Code = "validation-failed"
	CodeAmountTooLarge       Code = "amount-too-large"
	CodeProviderRejected     Code = "provider-rejected"
	CodeRateLimited          Code = "rate-limited"
	CodeInternal             Code = "internal"
	CodeUnavailable          Code = "unavailable"
)

// Codes lists every code, in the order of the statuses. The slice is the caller's.
func Codes() []Code {
	return []Code{
		CodeIdempotencyKeyMissing, CodeIdempotencyKeyInvalid, CodeMalformedRequest,
		CodeUnauthorized, CodePaymentDeclined, CodeForbidden, CodeNotFound, CodeMethodNotAllowed,
		CodeRequestInFlight, CodeOrderNotPayable, CodeOrderNotCancelable, CodeOrderReferenceExists,
		CodePaymentNotCapturable, CodePaymentNotCancelable, CodePaymentNotRefundable,
		CodeDiscrepancyNotResolvable, CodeTooManyWebhookEndpoints, CodeWebhookEndpointDisabled, CodeIdempotencyKeyNotCancelable, CodeIdempotencyKeyExpired, CodeIdempotencyKeyCanceled, CodeBodyTooLarge, CodeUnsupportedMediaType,
		CodeIdempotencyKeyReused, CodeValidationFailed, CodeAmountTooLarge, CodeProviderRejected,
		CodeRateLimited, CodeInternal, CodeUnavailable,
	}
}

// Path is where the page of the code is, and the "type" of its problems: a URI reference (RFC 9457 section 3.1.1).
func (c Code) Path() string { return "/problems/" + string(c) }

// newKey is the most that a code can say about a new key.
type newKey int

const (
	// never: the key isn't looked up before, or it is used, or the request may still go on.
	never newKey = iota
	// whenUnused: only where this request looked its key up and there was no record (Problem.WithUnusedKey).
	whenUnused
	// always: an answer that says itself that nothing happened under the key, and that nothing will.
	always
)

// facts is what every problem of one code has in common.
type facts struct {
	status    int
	title     string
	retryable bool
	newKey    newKey
}

// SafeWhenUnused reports whether a problem of this code can say that a new key is safe: where the request looked its key up
// and there was no record. A declined payment and a key that was given up always say so; all other codes never do.
func (c Code) SafeWhenUnused() bool {
	f, _ := factsOf(c)
	return f.newKey == whenUnused
}

// factsOf is the table of errors that clients rely on. It is a switch and not a map, because nothing may change it.
func factsOf(c Code) (facts, bool) {
	const again = true
	switch c {
	case CodeIdempotencyKeyMissing:
		return facts{http.StatusBadRequest, "Idempotency-Key is missing", !again, never}, true
	case CodeIdempotencyKeyInvalid:
		return facts{http.StatusBadRequest, "Idempotency-Key is not valid", !again, never}, true
	case CodeMalformedRequest:
		return facts{http.StatusBadRequest, "The request cannot be read", !again, whenUnused}, true
	case CodeUnauthorized:
		return facts{http.StatusUnauthorized, "A valid API key is required", !again, never}, true
	case CodePaymentDeclined:
		return facts{http.StatusPaymentRequired, "The payment was declined", !again, always}, true
	case CodeForbidden:
		return facts{http.StatusForbidden, "This API key may not do that", !again, never}, true
	case CodeNotFound:
		return facts{http.StatusNotFound, "Not found", !again, whenUnused}, true
	case CodeMethodNotAllowed:
		return facts{http.StatusMethodNotAllowed, "Method not allowed", !again, never}, true
	case CodeRequestInFlight:
		return facts{http.StatusConflict, "The first request with this key is still running", again, never}, true
	case CodeBodyTooLarge:
		return facts{http.StatusRequestEntityTooLarge, "The body is too large", !again, never}, true
	case CodeUnsupportedMediaType:
		return facts{http.StatusUnsupportedMediaType, "The media type of the body is not supported", !again, never}, true
	case CodeIdempotencyKeyExpired:
		return facts{http.StatusGone, "The key was used before and its response is gone", !again, never}, true
	case CodeIdempotencyKeyCanceled:
		return facts{http.StatusGone, "The key was given up before anything happened", !again, always}, true
	case CodeRateLimited:
		return facts{http.StatusTooManyRequests, "Too many requests", again, never}, true
	case CodeInternal:
		return facts{http.StatusInternalServerError, "Internal error", again, never}, true
	case CodeUnavailable:
		return facts{http.StatusServiceUnavailable, "Temporarily unavailable", again, never}, true
	}
	return factsOfRules(c)
}

// factsOfRules are the refusals by the domain's rules. The conflicts become retryable (Problem.WithRetryable) where only
// an operation in flight stands in the way.
func factsOfRules(c Code) (facts, bool) {
	conflict := func(title string) (facts, bool) { return facts{http.StatusConflict, title, false, whenUnused}, true }
	wrong := func(title string) (facts, bool) {
		return facts{http.StatusUnprocessableEntity, title, false, whenUnused}, true
	}
	switch c {
	case CodeOrderNotPayable:
		return conflict("The order cannot be paid")
	case CodeOrderNotCancelable:
		return conflict("The order cannot be canceled")
	case CodeOrderReferenceExists:
		return conflict("An order with this reference exists")
	case CodePaymentNotCapturable:
		return conflict("The payment cannot be captured")
	case CodePaymentNotCancelable:
		return conflict("The payment cannot be canceled")
	case CodePaymentNotRefundable:
		return conflict("The payment cannot be refunded")
	case CodeDiscrepancyNotResolvable:
		return conflict("The discrepancy cannot be resolved like this")
	case CodeTooManyWebhookEndpoints:
		return conflict("There are too many webhook endpoints")
	case CodeWebhookEndpointDisabled:
		return conflict("The webhook endpoint is disabled")
	case CodeIdempotencyKeyNotCancelable:
		return conflict("What was done under the key cannot be undone")
	case CodeIdempotencyKeyReused:
		return facts{http.StatusUnprocessableEntity, "The key was used for another request", false, never}, true
	case CodeValidationFailed:
		return wrong("A value is not allowed")
	case CodeAmountTooLarge:
		return wrong("The amount is more than what is left")
	case CodeProviderRejected:
		return wrong("The payment provider does not accept the request")
	}
	return facts{}, false
}
