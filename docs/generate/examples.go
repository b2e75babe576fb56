package main

import (
	"github.com/payonce/payonce/internal/problem"
	"github.com/payonce/payonce/internal/wire"
)

// The examples are one story: the order is made, paid, and what goes wrong goes wrong with them. Swagger UI puts the ids
// of what was made on its page in the place of these (docs/swagger/swagger-initializer.js).
const (
	exampleOrder   = "ord_01jd8x7w4n9q2m5k3r6t8v0y1z"
	examplePayment = "pay_3h2v9c1m8x4r7t0k5w6z1b2d3f"
	exampleTime    = "2026-11-23T12:00:00.123456Z"
)

// documents are the examples of what the API answers with, by schema.
func documents() map[string]any {
	order := wire.Order{
		ID: exampleOrder, Currency: "EUR", Amount: 1999, Status: "pending_payment", Metadata: []byte(`{"basket":"4711"}`), CreatedAt: exampleTime, UpdatedAt: exampleTime,
		Items: []wire.Item{{Name: "Coffee", Quantity: 2, UnitAmount: 350}, {Name: "Cake", Quantity: 1, UnitAmount: 1299}},
	}
	reason := "Returned by the customer"
	return map[string]any{
		"Order": order, "Payment": payment("succeeded"),
		"Capture": wire.Capture{
			ID: "cap_3h2v9c1m8x4r7t0k5w6z1b2d3f", PaymentID: examplePayment, Amount: 1999, Currency: "EUR", Status: "succeeded",
			Final: true, CreatedAt: exampleTime, UpdatedAt: exampleTime,
		},
		"Refund": wire.Refund{
			ID: "re_3h2v9c1m8x4r7t0k5w6z1b2d3f", PaymentID: examplePayment, Amount: 500, Currency: "EUR", Status: "succeeded",
			Reason: &reason, CreatedAt: exampleTime, UpdatedAt: exampleTime,
		},
	}
}

// payment is the example in one of the states in which a payment is first seen.
func payment(status string) wire.Payment {
	p := wire.Payment{
		ID: examplePayment, OrderID: exampleOrder, Status: status, Amount: 1999, Currency: "EUR", CaptureMethod: "automatic",
		PaymentMethod: "pm_card_visa", Metadata: []byte(`{}`), CreatedAt: exampleTime, UpdatedAt: exampleTime,
	}
	switch status {
	case "succeeded":
		p.AmountAuthorized, p.AmountCaptured = 1999, 1999
	case "requires_capture":
		p.AmountAuthorized, p.CaptureMethod = 1999, "manual"
	case "requires_action":
		p.PaymentMethod = "pm_card_authenticationRequired"
		expires := "2026-11-23T13:00:00.123456Z"
		p.NextAction = &wire.NextAction{Type: "redirect_to_url", RedirectURL: "https://bank.example/authenticate", ExpiresAt: &expires}
	case "processing":
		reason := "outcome_unknown"
		p.PaymentMethod, p.StatusReason = "pm_sim_timeout_charged", &reason
	}
	return p
}

// example is a whole problem of a code.
func example(code problem.Code) *problem.Problem {
	p := problem.New(code, details[code]).WithInstance("req_KQ2X5LWZ6T7RYV4M3N8P1A9B0C")
	if code != problem.CodeNotFound { // most of those answer a GET, which has no key
		p.WithUnusedKey()
	}
	switch code {
	case problem.CodeMalformedRequest:
		p.WithErrors(problem.FieldError{Pointer: "/amount", Code: "wrong_type", Detail: "an integer is expected, without fraction and exponent"})
	case problem.CodeValidationFailed:
		p.WithErrors(problem.FieldError{Pointer: "/currency", Code: "unknown_currency", Detail: `"EURO" is not an ISO 4217 code in upper case`})
	case problem.CodePaymentDeclined:
		p.WithInstance(wire.PaymentPath(examplePayment)).WithDecline(examplePayment, "insufficient_funds")
	case problem.CodeOrderReferenceExists:
		p.WithLink("order", wire.OrderPath(exampleOrder))
	case problem.CodeOrderNotPayable:
		p.WithLink("order", wire.OrderPath(exampleOrder)).WithLink("payment", wire.PaymentPath(examplePayment))
	case problem.CodeIdempotencyKeyExpired, problem.CodePaymentNotCapturable, problem.CodePaymentNotCancelable,
		problem.CodePaymentNotRefundable, problem.CodeAmountTooLarge:
		p.WithLink("payment", wire.PaymentPath(examplePayment))
	case problem.CodeIdempotencyKeyNotCancelable:
		p.WithLink("order", wire.OrderPath(exampleOrder))
	}
	return p
}

// details has a sentence about one occurrence of each code, as the service would write it.
var details = map[problem.Code]string{
	problem.CodeIdempotencyKeyMissing:       "Send an Idempotency-Key header: any text of your own, new for each thing you want done and the same for each repetition of it.",
	problem.CodeIdempotencyKeyInvalid:       "The Idempotency-Key is longer than 255 bytes.",
	problem.CodeMalformedRequest:            "The body is not what this route accepts; see errors.",
	problem.CodeUnauthorized:                "A valid API key is required: Authorization: Bearer sk_test_…",
	problem.CodeForbidden:                   `This API key lacks the scope "write".`,
	problem.CodePaymentDeclined:             "The payment was declined: insufficient_funds.",
	problem.CodeNotFound:                    "There is nothing here.",
	problem.CodeRequestInFlight:             "The first request with this key is still running. Ask again with the same key.",
	problem.CodeOrderNotPayable:             "The order can't be paid (again): it is paid.",
	problem.CodeOrderNotCancelable:          "Only an order without a payment, made or under way, can be canceled.",
	problem.CodeDiscrepancyNotResolvable:    "The discrepancy is resolved already.",
	problem.CodeTooManyWebhookEndpoints:     "There are 20 webhook endpoints already; delete one.",
	problem.CodeWebhookEndpointDisabled:     "The webhook endpoint is disabled; enable it first.",
	problem.CodeOrderReferenceExists:        `An order with the reference "basket-4711" exists.`,
	problem.CodePaymentNotCapturable:        "The payment can't be captured: it is succeeded.",
	problem.CodePaymentNotCancelable:        "The payment can't be canceled: it is succeeded.",
	problem.CodePaymentNotRefundable:        "The payment can't be refunded: nothing of it is captured.",
	problem.CodeAmountTooLarge:              "Amount 2500 EUR is more than the 1499 EUR that are left.",
	problem.CodeIdempotencyKeyExpired:       "This key was used before and its response is no longer kept. The request was not executed again.",
	problem.CodeIdempotencyKeyCanceled:      "This key was given up before a request with it was executed. This one was not executed either.",
	problem.CodeIdempotencyKeyNotCancelable: "What the request with this key did can't be undone by giving the key up.",
	problem.CodeBodyTooLarge:                "The request body is too large: at most 65536 bytes are accepted.",
	problem.CodeUnsupportedMediaType:        `The body must be application/json, not "text/plain".`,
	problem.CodeIdempotencyKeyReused:        "This key was used for another request. Use a new key for a new request.",
	problem.CodeValidationFailed:            "Some values are not acceptable; see errors.",
	problem.CodeProviderRejected:            "The payment provider does not accept this request (resource_missing); nothing was charged.",
	problem.CodeRateLimited:                 "Too many requests with this API key, or too many with wrong API keys from this address. The request was not executed.",
	problem.CodeUnavailable:                 "A store or the payment provider is away for the moment. Send the same request with the same key again.",
}
