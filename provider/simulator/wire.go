package simulator

import (
	"encoding/json"
	"net/http"
)

// The wire structs are Stripe's objects as far as payonce reads them; member names and nesting are Stripe's.
type (
	intent struct {
		ID                 string            `json:"id"`
		Object             string            `json:"object"`
		Amount             int64             `json:"amount"`
		AmountCapturable   int64             `json:"amount_capturable"`
		AmountReceived     int64             `json:"amount_received"`
		CanceledAt         *int64            `json:"canceled_at"`
		CancellationReason *string           `json:"cancellation_reason"`
		CaptureMethod      string            `json:"capture_method"`
		ConfirmationMethod string            `json:"confirmation_method"`
		Created            int64             `json:"created"`
		Currency           string            `json:"currency"`
		Description        *string           `json:"description"`
		LastPaymentError   *wireError        `json:"last_payment_error"`
		Livemode           bool              `json:"livemode"`
		Metadata           map[string]string `json:"metadata"`
		NextAction         *nextAction       `json:"next_action"`
		PaymentMethod      *string           `json:"payment_method"`
		PaymentMethodTypes []string          `json:"payment_method_types"`
		Status             string            `json:"status"`
	}
	nextAction struct {
		Type          string        `json:"type"`
		RedirectToURL redirectToURL `json:"redirect_to_url"`
	}
	redirectToURL struct {
		ReturnURL *string `json:"return_url"`
		URL       string  `json:"url"`
	}
	refund struct {
		ID            string            `json:"id"`
		Object        string            `json:"object"`
		Amount        int64             `json:"amount"`
		Created       int64             `json:"created"`
		Currency      string            `json:"currency"`
		FailureReason *string           `json:"failure_reason,omitempty"`
		Metadata      map[string]string `json:"metadata"`
		PaymentIntent string            `json:"payment_intent"`
		Reason        *string           `json:"reason"`
		Status        string            `json:"status"`
	}
	wireError struct {
		Type          string  `json:"type"`
		Code          string  `json:"code,omitempty"`
		DeclineCode   string  `json:"decline_code,omitempty"`
		Message       string  `json:"message,omitempty"`
		Param         string  `json:"param,omitempty"`
		PaymentIntent *intent `json:"payment_intent,omitempty"`
	}
	list struct {
		Object  string `json:"object"`
		URL     string `json:"url"`
		HasMore bool   `json:"has_more"`
		Data    []any  `json:"data"`
	}
)

// The statuses of intents and refunds that the simulator uses, in Stripe's words.
const (
	statusSucceeded       = "succeeded"
	statusRequiresCapture = "requires_capture"
	statusRequiresAction  = "requires_action"
	statusRequiresMethod  = "requires_payment_method"
	statusRequiresConfirm = "requires_confirmation"
	statusProcessing      = "processing"
	statusStrange         = "under_review" // no word of Stripe's: what it may invent
	statusCanceled        = "canceled"
	statusPending         = "pending" // of refunds
	statusFailed          = "failed"  // of refunds
)

// The types and codes of errors.
const (
	typeInvalidRequest   = "invalid_request_error"
	typeCardError        = "card_error"
	typeIdempotency      = "idempotency_error"
	typeAPIError         = "api_error"
	codeResourceMissing  = "resource_missing"
	codeUnexpectedState  = "payment_intent_unexpected_state"
	codeAmountTooLarge   = "amount_too_large"
	codeAlreadyRefunded  = "charge_already_refunded"
	codeParameterMissing = "parameter_missing"
	codeParameterInvalid = "parameter_invalid_integer"
	codeParameterUnknown = "parameter_unknown"
)

// answer is one response: what is stored for an idempotency key and sent again.
type answer struct {
	Status int             `json:"status"`
	Body   json.RawMessage `json:"body"`
}

// success renders an object. The wire structs hold nothing that cannot be encoded.
func success(object any) *answer {
	body, err := json.Marshal(object)
	if err != nil {
		return problem(http.StatusInternalServerError, wireError{Type: typeAPIError, Message: "Object cannot be rendered."})
	}
	return &answer{Status: http.StatusOK, Body: body}
}

// problem renders an error; its type is invalid_request_error unless it names one.
func problem(status int, e wireError) *answer {
	if e.Type == "" {
		e.Type = typeInvalidRequest
	}
	body, err := json.Marshal(map[string]wireError{"error": e})
	if err != nil {
		return &answer{Status: http.StatusInternalServerError, Body: json.RawMessage(`{"error":{"type":"api_error"}}`)}
	}
	return &answer{Status: status, Body: body}
}

func invalid(code, param, message string) *answer {
	return problem(http.StatusBadRequest, wireError{Code: code, Param: param, Message: message})
}

func notFound(kind, id string) *answer {
	return problem(http.StatusNotFound, wireError{Code: codeResourceMissing, Param: "id", Message: "No such " + kind + ": '" + id + "'"})
}

// write sends a. A client that has gone is no error here: what was stored stays stored.
func write(w http.ResponseWriter, a *answer) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(a.Status)
	_, _ = w.Write(a.Body) //nolint:gosec // JSON, declared as such and not sniffed, is no page
}
