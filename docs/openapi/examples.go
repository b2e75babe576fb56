package openapi

import (
	"github.com/payonce/payonce/problem"
	"github.com/payonce/payonce/wire"
)

// The examples are one story: the order is made, paid, and what goes wrong goes wrong with them. Swagger UI puts the ids
// of what was made on its page in the place of these (docs/swagger-initializer.js).
const (
	exampleOrder   = "ord_01jd8x7w4n9q2m5k3r6t8v0y1z"
	examplePayment = "pay_3h2v9c1m8x4r7t0k5w6z1b2d3f"
	exampleTime    = "2026-11-23T12:00:00.123456Z"
)

// bodies are examples that succeed as they are, as often as they are sent; a payment's needs the id of an order.
func bodies() map[string]any {
	return map[string]any{
		"createOrder": map[string]any{
			"currency": "EUR", "items": []wire.Item{{Name: "Coffee", Quantity: 2, UnitAmount: 350}, {Name: "Cake", Quantity: 1, UnitAmount: 1299}},
			"metadata": map[string]any{"basket": "4711"},
		},
		"createPayment": map[string]any{"order_id": exampleOrder, "payment_method": "pm_card_visa", "capture_method": "automatic"},
	}
}

// documents are the examples of what the API answers with, by schema.
func documents() map[string]any {
	order := wire.Order{
		ID: exampleOrder, Currency: "EUR", Amount: 1999, Status: "pending_payment", Metadata: []byte(`{"basket":"4711"}`), CreatedAt: exampleTime,
		Items: []wire.Item{{Name: "Coffee", Quantity: 2, UnitAmount: 350}, {Name: "Cake", Quantity: 1, UnitAmount: 1299}},
	}
	return map[string]any{"Order": order, "Payment": payment("succeeded")}
}

// payment is the example in one of the states in which a payment is first seen.
func payment(status string) wire.Payment {
	p := wire.Payment{
		ID: examplePayment, OrderID: exampleOrder, Status: status, Amount: 1999, Currency: "EUR", CaptureMethod: "automatic",
		PaymentMethod: "pm_card_visa", Metadata: []byte(`{}`), CreatedAt: exampleTime,
	}
	switch status {
	case "succeeded":
		p.AmountAuthorized, p.AmountCaptured = 1999, 1999
	case "requires_capture":
		p.AmountAuthorized, p.CaptureMethod = 1999, "manual"
	case "requires_action":
		p.PaymentMethod = "pm_card_authenticationRequired"
		p.NextAction = &wire.NextAction{Type: "redirect_to_url", RedirectURL: "https://bank.example/authenticate"}
	case "processing":
		reason := "outcome_unknown"
		p.PaymentMethod, p.StatusReason = "pm_sim_timeout_charged", &reason
	}
	return p
}

// example is a whole problem of a code.
func example(code problem.Code) *problem.Problem {
	p := problem.New(code, detail(code)).WithInstance("req_KQ2X5LWZ6T7RYV4M3N8P1A9B0C")
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
	case problem.CodeIdempotencyKeyExpired:
		p.WithLink("payment", wire.PaymentPath(examplePayment))
	}
	return p
}

// detail is a sentence about one occurrence, as the service would write it.
func detail(code problem.Code) string {
	switch code {
	case problem.CodeIdempotencyKeyMissing:
		return "Send an Idempotency-Key header: any text of your own, new for each thing you want done and the same for each repetition of it."
	case problem.CodeIdempotencyKeyInvalid:
		return "The Idempotency-Key is longer than 255 bytes."
	case problem.CodeMalformedRequest:
		return "The body is not what this route accepts; see errors."
	case problem.CodeUnauthorized:
		return "A valid API key is required: Authorization: Bearer sk_test_…"
	case problem.CodePaymentDeclined:
		return "The payment was declined: insufficient_funds."
	case problem.CodeNotFound:
		return "There is nothing here."
	case problem.CodeRequestInFlight:
		return "The first request with this key is still running. Ask again with the same key."
	case problem.CodeOrderNotPayable:
		return "The order can't be paid (again): it is paid."
	case problem.CodeOrderNotCancelable:
		return "Only an order without a payment, made or under way, can be canceled."
	case problem.CodeOrderReferenceExists:
		return `An order with the reference "basket-4711" exists.`
	case problem.CodeIdempotencyKeyExpired:
		return "This key was used before and its response is no longer kept. The request was not executed again."
	case problem.CodeBodyTooLarge:
		return "The request body is too large: at most 65536 bytes are accepted."
	case problem.CodeUnsupportedMediaType:
		return `The body must be application/json, not "text/plain".`
	case problem.CodeIdempotencyKeyReused:
		return "This key was used for another request. Use a new key for a new request."
	case problem.CodeValidationFailed:
		return "Some values are not acceptable; see errors."
	case problem.CodeProviderRejected:
		return "The payment provider does not accept this request (resource_missing); nothing was charged."
	case problem.CodeRateLimited:
		return "Too many requests with this API key. The request was not executed."
	case problem.CodeUnavailable:
		return "A store or the payment provider is away for the moment. Send the same request with the same key again."
	default:
		return ""
	}
}
