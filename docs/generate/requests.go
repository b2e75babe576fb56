package main

import (
	"github.com/getkin/kin-openapi/openapi3"

	"github.com/payonce/payonce/internal/wire"
)

// body is an example of a request's body.
type body struct {
	summary string
	value   any
}

// requests are examples of bodies, by operation and name. The first by name succeeds as it is, as often as it is sent under a new
// key; a payment's needs the id of an order, a capture's and a refund's that of a payment. The others show what else happens.
func requests() map[string]openapi3.Examples {
	type members = map[string]any
	pays := func(method string, more members) members {
		body := members{"order_id": exampleOrder, "payment_method": method}
		for name, value := range more {
			body[name] = value
		}
		return body
	}
	all := map[string]map[string]body{
		"createOrder": {
			"amount": {"An amount", members{"amount": 1999, "currency": "EUR"}},
			"items": {"Items, whose sum is the amount", members{
				"currency": "EUR", "items": []wire.Item{{Name: "Coffee", Quantity: 2, UnitAmount: 350}, {Name: "Cake", Quantity: 1, UnitAmount: 1299}},
				"metadata": members{"basket": "4711"},
			}},
		},
		"createPayment": {
			"charged":        {"201: charged at once", pays("pm_card_visa", nil)},
			"declined":       {"402: declined", pays("pm_card_chargeDeclinedInsufficientFunds", nil)},
			"manual_capture": {"201: held, to be captured", pays("pm_card_visa", members{"capture_method": "manual"})},
			"three_d_secure": {"201: the customer has to authenticate (3-D Secure)", pays("pm_card_authenticationRequired", members{"return_url": "https://shop.example/back?order=4711"})},
			"timeout":        {"202: charged, but the provider's answer is lost", pays("pm_sim_timeout_charged", nil)},
		},
		"capturePayment": {"all": {"All that is left", members{}}, "part": {"A part; more may follow", members{"amount": 1500, "final": false}}},
		"createRefund": {
			"all":  {"All that is left", members{}},
			"part": {"A part", members{"amount": 500, "reason": "Returned by the customer"}},
		},
		"resolveDiscrepancy": {
			"accept_provider_state": {"Take what the provider shows", members{"action": "accept_provider_state", "reason": "ticket 42: paid at the provider"}},
			"mark_failed":           {"Nothing was charged", members{"action": "mark_failed", "reason": "ticket 42: the bank confirms that nothing was charged"}},
			"noted":                 {"Dealt with elsewhere", members{"action": "noted", "reason": "ticket 42: refunded at the provider"}},
		},
		"createWebhookEndpoint": {
			"all_events":  {"All events", members{"url": "https://shop.example/webhooks"}},
			"some_events": {"Some events", members{"url": "https://shop.example/webhooks", "events": []string{"payment.*", "refund.succeeded"}}},
		},
		"updateWebhookEndpoint": {"enable": {"Send again", members{"enabled": true}}, "events": {"Other events", members{"events": []string{"*"}}}},
		"rotateWebhookSecret":   {"a_day": {"Both sign for a day", members{"expires_in": 86400}}, "at_once": {"The old one ends at once", members{"expires_in": 0}}},
		"redeliverWebhooks":     {"since": {"What was missed since", members{"since": exampleTime}}},
	}
	examples := map[string]openapi3.Examples{}
	for operation, bodies := range all {
		examples[operation] = openapi3.Examples{}
		for name, body := range bodies {
			examples[operation][name] = &openapi3.ExampleRef{Value: &openapi3.Example{Summary: body.summary, Value: body.value}}
		}
	}
	return examples
}
