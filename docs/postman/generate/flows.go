package main

// flows are the folders, in the order in which they run.
func flows() []flow {
	return []flow{
		health(), payOnce(), inFlight(), refusals(), declined(), threeDSecure(), captures(), refunds(), giveUp(), webhooks(), books(), merchants(),
	}
}

// newOrder makes an order and keeps its id. Each flow has orders of its own, so that it can run by itself.
func newOrder(variable string) request {
	return request{
		name: "Create an order", operation: "createOrder", example: "items", key: "order_key",
		want: members{"amount": 1999, "currency": "EUR", "status": "pending_payment"},
		keep: map[string]string{variable: "id"},
	}
}

// newPayment pays an order by the description's example of a name.
func newPayment(name, example, order, key, payment string) request {
	return request{
		name: name, operation: "createPayment", example: example, body: members{"order_id": "{{" + order + "}}"}, key: key,
		want: members{"order_id": "{{" + order + "}}", "amount": 1999},
		keep: map[string]string{payment: "id"},
	}
}

// copyOf is the same request under the same key.
func copyOf(r request, name string) request {
	r.name, r.again, r.replayed = name, true, true
	return r
}

// with is the request with more that its answer has to be.
func (r request) with(want members) request {
	all := members{}
	for _, m := range []members{r.want, want} {
		for path, value := range m {
			all[path] = value
		}
	}
	r.want = all
	return r
}

// of is a path with one id.
func of(variable string) map[string]string { return map[string]string{"id": "{{" + variable + "}}"} }

func health() flow {
	return flow{name: "Health", description: "For load balancers. No API key is needed.", requests: []request{
		{name: "Alive?", operation: "healthz", want: members{"status": "alive"}},
		{name: "Ready?", operation: "readyz", want: members{"status": "ready"}},
	}}
}

func payOnce() flow {
	pay := newPayment("Pay it", "charged", "order_id", "payment_key", "payment_id").with(members{"status": "succeeded", "amount_captured": 1999})
	return flow{
		name: "Pay once", description: "An order is paid; a copy of the payment gets the first answer, another body under its key is refused, and another key does not pay the order twice.",
		requests: []request{
			newOrder("order_id"), pay,
			copyOf(pay, "Send the payment again: the first answer"),
			{
				name: "Another body under the same key: refused", operation: "createPayment", example: "declined", body: members{"order_id": "{{order_id}}"},
				key: "payment_key", again: true, status: 422, code: "idempotency-key-reused", want: members{"retryable": false, "safe_new_key": false},
			},
			{
				name: "The same order under another key: refused, it is paid", operation: "createPayment", example: "charged", body: members{"order_id": "{{order_id}}"},
				key: "second_key", status: 409, code: "order-not-payable",
				checks: []string{check("links to the payment", `pm.expect(answer.links.map(link => link.href)).to.include("/v1/payments/" + pm.variables.get("payment_id"))`)},
			},
			{name: "Read the payment", operation: "getPayment", path: of("payment_id"), want: members{"id": "{{payment_id}}", "status": "succeeded"}},
			{name: "Read the order", operation: "getOrder", path: of("order_id"), want: members{"status": "paid", "amount_paid": 1999}},
			{
				name: "List the order's payments: there is one", operation: "listPayments", query: map[string]string{"order_id": "{{order_id}}"},
				want: members{"data.length": 1, "data[0].id": "{{payment_id}}"},
			},
			{name: "What the provider was asked for: once", operation: "getAttempts", path: of("payment_id"), want: members{"data.length": 1}},
			{
				name: "List orders", operation: "listOrders", query: map[string]string{"status": "paid", "limit": "1"},
				want: members{"data.length": 1, "data[0].status": "paid"},
			},
			{
				name: "What became of the key", operation: "getIdempotencyKey", path: map[string]string{"key": "{{payment_key}}"},
				want: members{"key": "{{payment_key}}", "state": "completed", "status": 201, "resource.id": "{{payment_id}}"},
			},
		},
	}
}

func refusals() flow {
	order := func(name string) request {
		return request{name: name, operation: "createOrder", example: "amount", key: "refused_key"}
	}
	noKey, wrongKey, unknown, wrong := order("Without an Idempotency-Key"), order("With a wrong API key"), order("With an unknown member"), order("With an unknown currency")
	noKey.key, noKey.noKey, noKey.status, noKey.code = "", true, 400, "idempotency-key-missing"
	wrongKey.token, wrongKey.status, wrongKey.code = "wrong", 401, "unauthorized"
	unknown.body, unknown.status, unknown.code = members{"amuont": 1}, 400, "malformed-request"
	unknown.want = members{"errors[0].pointer": "/amuont"}
	wrong.body, wrong.status, wrong.code = members{"currency": "EURO"}, 422, "validation-failed"
	wrong.want = members{"errors[0].pointer": "/currency", "safe_new_key": true}
	right := order("Corrected, under the key that was refused")
	right.again, right.want = true, members{"status": "pending_payment"}
	right.keep = map[string]string{"canceled_order_id": "id"}
	return flow{
		name: "Refusals", description: "Requests that are refused do nothing and spend no key.",
		requests: []request{
			noKey, wrongKey, unknown, wrong, right,
			{name: "Cancel the order", operation: "cancelOrder", path: of("canceled_order_id"), key: "cancel_key", want: members{"status": "canceled"}},
			{
				name: "Pay it: refused", operation: "createPayment", example: "charged", body: members{"order_id": "{{canceled_order_id}}"},
				key: "late_key", status: 409, code: "order-not-payable",
			},
		},
	}
}

func declined() flow {
	decline := request{
		name: "Pay with a card that is declined", operation: "createPayment", example: "declined", body: members{"order_id": "{{declined_order_id}}"},
		key: "declined_key", status: 402, code: "payment-declined",
		want: members{"decline_code": "insufficient_funds", "retryable": false, "safe_new_key": true},
		keep: map[string]string{"declined_payment_id": "payment_id"},
	}
	return flow{
		name: "Decline", description: "A decline is an outcome: a copy gets it again. Another card is another request, under a new key.",
		requests: []request{
			newOrder("declined_order_id"), decline,
			copyOf(decline, "Send it again: the same decline, and the bank is not asked"),
			{
				name: "Read the payment: failed", operation: "getPayment", path: of("declined_payment_id"),
				want: members{"status": "failed", "amount_captured": 0},
			},
			newPayment("Pay with another card, under a new key", "charged", "declined_order_id", "other_card_key", "other_card_payment_id").with(members{"status": "succeeded"}),
		},
	}
}

func threeDSecure() flow {
	pay := newPayment("Pay: the customer has to authenticate", "three_d_secure", "asked_order_id", "asked_key", "asked_payment_id").with(members{"status": "requires_action"})
	pay.keep["authentication_page"] = "next_action.redirect_url"
	return flow{
		name: "3-D Secure", description: "The payment waits until its customer has authenticated at the address in next_action. The provider then leads back to your return_url.",
		requests: []request{
			newOrder("asked_order_id"), pay,
			{
				name: "Confirm too early: it still waits", operation: "confirmPayment", path: of("asked_payment_id"), key: "early_key",
				want: members{"status": "requires_action"},
			},
			{
				name: "The customer approves at the simulator", body: members{"outcome": "succeed"}, status: 303,
				checks: []string{check("leads back to return_url", `pm.expect(pm.response.headers.get("Location")).to.match(/^https:\/\/shop\.example\/back\?.*redirect_status=succeeded/)`)},
			},
			{
				name: "Confirm: it has succeeded", operation: "confirmPayment", path: of("asked_payment_id"), key: "confirm_key",
				want: members{"status": "succeeded", "amount_captured": 1999, "next_action": nil},
			},
			{name: "Read the order: paid", operation: "getOrder", path: of("asked_order_id"), want: members{"status": "paid"}},
		},
	}
}
