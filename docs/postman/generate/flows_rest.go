package main

// attempted waits until a delivery has been tried: at once when the endpoint answers, later when it does not.
var attempted = []string{
	`const url = pm.variables.replaceIn("{{base_url}}/v1/webhook-endpoints/{{endpoint_id}}/deliveries?event_id={{event_id}}");`,
	`const header = { "Authorization": "Bearer " + pm.variables.get("api_key") };`,
	`let tries = 0;`,
	`function look() {`,
	`  pm.sendRequest({ url, header }, (error, found) => {`,
	`    const tried = !error && found.code === 200 && found.json().data.some(delivery => delivery.attempts > 0);`,
	`    if (!tried && ++tries < 200) setTimeout(look, 100);`,
	`  });`,
	`}`,
	`look();`,
}

func webhooks() flow {
	endpoint := of("endpoint_id")
	read := func(name string) request { return request{name: name, operation: "getWebhookEndpoint", path: endpoint} }
	gone := read("Read the endpoint: it is gone")
	gone.status, gone.code = 404, "not-found"
	return flow{
		name: "Webhooks",
		description: "An endpoint gets the events of orders. Where webhook_url answers 2xx they are delivered; where it does not, they are tried again later, " +
			"and the flow goes on after the first try.",
		requests: []request{
			{
				name: "Create an endpoint", operation: "createWebhookEndpoint", example: "some_events", body: members{"url": "{{webhook_url}}", "events": []string{"order.*"}},
				key: "endpoint_key", want: members{"url": "{{webhook_url}}", "enabled": true},
				checks: []string{check("shows its secret", `pm.expect(answer.secret).to.match(/^whsec_/)`)},
				keep:   map[string]string{"endpoint_id": "id", "endpoint_secret": "secret"},
			},
			read("Read the endpoint: without its secret").with(members{"id": "{{endpoint_id}}", "events": []string{"order.*"}}).checked(check("has no secret", `pm.expect(answer).to.not.have.property("secret")`)),
			{name: "List endpoints", operation: "listWebhookEndpoints", query: map[string]string{"limit": "1"}, want: members{"data[0].id": "{{endpoint_id}}"}},
			{
				name: "Describe the endpoint", operation: "updateWebhookEndpoint", path: endpoint, body: members{"description": "Of the Postman collection"}, key: "describe_key",
				want: members{"description": "Of the Postman collection", "enabled": true},
			},
			newOrder("told_order_id"),
			{
				name: "List the events of the order", operation: "listEvents", query: map[string]string{"resource_id": "{{told_order_id}}"},
				want: members{"data.length": 1, "data[0].type": "order.created", "data[0].data.id": "{{told_order_id}}"},
				keep: map[string]string{"event_id": "data[0].id", "event_time": "data[0].created_at"},
			},
			{name: "Read the event", operation: "getEvent", path: of("event_id"), want: members{"type": "order.created", "resource_id": "{{told_order_id}}", "data.amount": 1999}},
			{
				name: "The event's delivery", operation: "listWebhookDeliveries", path: endpoint, query: map[string]string{"event_id": "{{event_id}}"}, before: attempted,
				want:   members{"data.length": 1, "data[0].event_id": "{{event_id}}", "data[0].endpoint_id": "{{endpoint_id}}"},
				checks: []string{check("was tried", "pm.expect(answer.data[0].attempts).to.be.above(0)")},
				keep:   map[string]string{"delivery_id": "data[0].id"},
			},
			{
				name: "Deliver the event again", operation: "redeliverWebhook", path: map[string]string{"id": "{{endpoint_id}}", "delivery_id": "{{delivery_id}}"}, key: "redeliver_key",
				want: members{"id": "{{delivery_id}}", "status": "pending"},
			},
			{
				name: "Deliver what was missed", operation: "redeliverWebhooks", path: endpoint, body: members{"since": "{{event_time}}"}, key: "missed_key",
				want: members{"endpoint_id": "{{endpoint_id}}", "next_since": nil},
			},
			{
				name: "Replace the secret", operation: "rotateWebhookSecret", path: endpoint, example: "a_day", key: "rotate_key",
				checks: []string{check("shows another secret", `{ pm.expect(answer.secret).to.match(/^whsec_/); pm.expect(answer.secret).to.not.eql(pm.variables.get("endpoint_secret")); }`)},
			},
			{name: "Delete the endpoint", operation: "deleteWebhookEndpoint", path: endpoint, key: "delete_key", want: members{"id": "{{endpoint_id}}"}},
			gone,
		},
	}
}

// checked is the request with more assertions.
func (r request) checked(more ...string) request {
	r.checks = append(r.checks, more...)
	return r
}

func books() flow {
	return flow{
		name: "Books", description: "The ledger has every movement of money, and adds up. What the provider's book says otherwise is a discrepancy.",
		requests: []request{
			newOrder("booked_order_id"),
			newPayment("Pay it", "charged", "booked_order_id", "booked_key", "booked_payment_id").with(members{"status": "succeeded"}),
			{name: "Read the balances", operation: "getBalance", checks: []string{check("has accounts", "pm.expect(answer.data).to.not.be.empty")}},
			{
				name: "List ledger entries", operation: "listLedgerEntries", query: map[string]string{"currency": "EUR", "limit": "1"},
				want: members{"data.length": 1, "data[0].kind": "capture", "data[0].postings.length": 1, "data[0].postings[0].amount": 1999},
			},
			{
				name: "Read the trial balance: it adds up", operation: "getTrialBalance",
				checks: []string{check("debits are credits", "answer.data.forEach(book => pm.expect(book).to.include({ sum: 0, debits: book.credits }))")},
			},
			{name: "List discrepancies", operation: "listDiscrepancies", checks: []string{check("is a page", "pm.expect(answer.data).to.be.an('array')")}},
			{
				name: "Read a discrepancy that is none", operation: "getDiscrepancy", path: map[string]string{"id": noDiscrepancy}, status: 404, code: "not-found",
			},
			{
				name: "Resolve a discrepancy that is none", operation: "resolveDiscrepancy", example: "noted", path: map[string]string{"id": noDiscrepancy}, key: "resolve_key",
				status: 404, code: "not-found",
			},
			{
				name: "A notification that the provider did not sign", operation: "receiveProviderWebhook", header: map[string]string{"Stripe-Signature": "t=1,v1=00"},
				body: members{"type": "payment_intent.succeeded"}, status: 400, code: "malformed-request",
			},
		},
	}
}

// noDiscrepancy is an id that is well-formed and of nothing.
const noDiscrepancy = "dis_3h2v9c1m8x4r7t0k5w6z1b2d3f"

func merchants() flow {
	const other = "other_api_key"
	mine := newOrder("my_order_id")
	mine.key = "shared_key"
	theirs := mine
	theirs.name, theirs.again, theirs.as, theirs.keep = "The other merchant sends the same request under the same key: an order of its own", true, other, map[string]string{"their_order_id": "id"}
	theirs.checks = []string{check("is another order", `pm.expect(answer.id).to.not.eql(pm.variables.get("my_order_id"))`)}
	hidden := func(name, operation string, path map[string]string) request {
		return request{name: name, operation: operation, path: path, status: 404, code: "not-found"}
	}
	readByOther := hidden("The other merchant reads it: there is none", "getOrder", of("my_order_id"))
	readByOther.as = other
	pays := request{
		name: "The other merchant pays it: there is none", operation: "createPayment", example: "charged", body: members{"order_id": "{{my_order_id}}"},
		key: "others_payment_key", as: other, status: 404, code: "not-found",
	}
	look := hidden("The other merchant asks for a key of the first: there is none", "getIdempotencyKey", map[string]string{"key": "{{my_key}}"})
	look.as = other
	second := newOrder("my_second_order_id")
	second.name, second.key = "Create another order", "my_key"
	return flow{
		name: "Two merchants", needs: other,
		description: "Neither merchant sees the other's data or keys. Needs other_api_key in the environment, and is left out without.",
		requests: []request{
			mine, theirs, readByOther, pays,
			hidden("Read the other merchant's order: there is none", "getOrder", of("their_order_id")),
			second, look,
			{
				name: "The other merchant's orders", operation: "listOrders", as: other, query: map[string]string{"limit": "100"},
				checks: []string{check("has not the first merchant's", `{ const ids = answer.data.map(order => order.id); pm.expect(ids).to.include(pm.variables.get("their_order_id")); pm.expect(ids).to.not.include(pm.variables.get("my_order_id")); }`)},
			},
		},
	}
}
