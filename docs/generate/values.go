package main

import (
	"slices"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/payonce/payonce/internal/wire"
	"github.com/payonce/payonce/models"
)

// patterns are of the members whose form is fixed. An id in a request has none: a malformed one names nothing, and is
// answered like one that doesn't exist.
func patterns() map[string]string {
	const (
		id       = "_[0-7][0-9a-hjkmnp-tv-z]{25}$"
		currency = "^[A-Z]{3}$"
	)
	return map[string]string{
		"Order.id": "^ord" + id, "Payment.id": "^pay" + id, "Payment.order_id": "^ord" + id, "Event.id": "^evt" + id, "Capture.id": "^cap" + id,
		"Refund.id": "^re" + id, "WebhookEndpoint.id": "^we" + id, "WebhookDelivery.id": "^del" + id, "LedgerEntry.id": "^le" + id,
		"Discrepancy.id": "^dis" + id, "Order.currency": currency, "Payment.currency": currency, "Balance.currency": currency,
		"Posting.currency": currency, "TrialBalance.currency": currency, "CreateOrder.currency": currency,
		"CreatePayment.payment_method": "^pm_[A-Za-z0-9_]{1,64}$", "Problem.trace_id": "^[0-9a-f]{32}$",
	}
}

// limits are what the handlers check and tags of fields can't say.
func limits() map[string]func(*openapi3.Schema) {
	metadata := func(s *openapi3.Schema) { // handlers.checks.metadata
		key := openapi3.NewStringSchema()
		key.MinLength, key.MaxLength = 1, new(uint64(40))
		value := openapi3.NewStringSchema()
		value.MaxLength = new(uint64(500))
		s.MaxProps, s.PropertyNames = new(uint64(50)), key.NewRef()
		s.AdditionalProperties = openapi3.AdditionalProperties{Schema: value.NewRef()}
		s.Description = "Your own pairs: 50 at most, keys of 1 to 40 characters, values of up to 500. No card numbers."
		s.Example = map[string]any{"basket": "4711"}
	}
	most := func(s *openapi3.Schema) { s.Max = new(float64(models.MaxAmount)) }
	events := func(s *openapi3.Schema) { s.MinItems, s.MaxItems = 1, new(uint64(models.MaxEventPatterns)) }
	return map[string]func(*openapi3.Schema){
		"CreateOrder.metadata": metadata, "CreatePayment.metadata": metadata,
		"CreateOrder.amount": most, "CreateCapture.amount": most, "CreateRefund.amount": most,
		"CreateOrder.items":            func(s *openapi3.Schema) { s.MaxItems = new(uint64(100)) },
		"CreateWebhookEndpoint.events": events, "CreateWebhookEndpointChange.events": events,
	}
}

// values are those of members whose type in Go doesn't say them.
func values() map[string][]string {
	return map[string][]string{
		"Discrepancy.kind": {
			models.DiscrepancyNotFound, "provider_differs", "several_intents_at_provider", "unsettled_at_provider", "no_answer_from_provider",
			"answer_not_storable",
		},
	}
}

// words are values of members that may also hold a word of the provider's: examples, and no list.
func words() map[string][]string {
	declines := []string{"generic_decline", "insufficient_funds", "card_declined", "expired_card", "incorrect_cvc", "lost_card", "stolen_card"}
	own := []string{models.ReasonOutcomeUnknown, models.ReasonNeedsReview, "canceled_by_provider"}
	return map[string][]string{
		"Problem.decline_code": declines,
		"Payment.status_reason": slices.Concat(own, []string{
			models.ReasonResolvedByOperator, models.ReasonCanceledByMerchant, models.ReasonAuthorizationExpired, models.ReasonActionTimeout,
			models.ReasonReplaced, models.ReasonKeyCanceled,
		}, declines),
		"Capture.status_reason": slices.Concat(own, declines), "Refund.status_reason": slices.Concat(own, declines),
	}
}

// eventTypes are the types of events about one type of resource.
func eventTypes(resource string) (types []string) {
	for _, kind := range wire.EventTypes() {
		if kind.Resource == resource {
			types = append(types, kind.Name)
		}
	}
	return types
}
