package main

func captures() flow {
	hold := newPayment("Hold the money", "manual_capture", "held_order_id", "hold_key", "held_payment_id").with(members{"status": "requires_capture", "amount_authorized": 1999, "amount_captured": 0})
	part := request{
		name: "Capture a part, and keep the rest held", operation: "capturePayment", example: "part", path: of("held_payment_id"), key: "capture_key",
		want: members{"status": "partially_captured", "amount_captured": 1500},
	}
	voided := newPayment("Hold the money of another order", "manual_capture", "voided_order_id", "hold_again_key", "voided_payment_id").with(members{"status": "requires_capture"})
	return flow{
		name: "Capture in parts", description: "Money is held first and taken later: in parts, or not at all.",
		requests: []request{
			newOrder("held_order_id"), hold, part,
			copyOf(part, "Send the capture again: nothing more is taken"),
			{
				name: "Capture more than is left: refused", operation: "capturePayment", body: members{"amount": 500}, path: of("held_payment_id"), key: "too_much_key",
				status: 422, code: "amount-too-large", want: members{"safe_new_key": true},
			},
			{
				name: "Capture 4.00 more, the last time: the rest is released", operation: "capturePayment", body: members{"amount": 400}, path: of("held_payment_id"),
				key: "last_capture_key", want: members{"status": "succeeded", "amount_captured": 1900},
			},
			{name: "List the captures", operation: "listCaptures", path: of("held_payment_id"), want: members{"data.length": 2, "data[0].amount": 400, "data[1].amount": 1500}},
			newOrder("voided_order_id"), voided,
			{
				name: "Cancel the payment: what is held is voided", operation: "cancelPayment", path: of("voided_payment_id"), key: "void_key",
				want: members{"status": "canceled", "amount_captured": 0},
			},
		},
	}
}

func refunds() flow {
	part := request{
		name: "Give a part back", operation: "createRefund", example: "part", path: of("refunded_payment_id"), key: "refund_key",
		want: members{"amount": 500, "status": "succeeded", "payment_id": "{{refunded_payment_id}}"},
		keep: map[string]string{"refund_id": "id"},
	}
	return flow{
		name: "Refund in parts", description: "What was taken is given back, in parts, and never more than was taken.",
		requests: []request{
			newOrder("refunded_order_id"),
			newPayment("Pay it", "charged", "refunded_order_id", "refunded_payment_key", "refunded_payment_id").with(members{"status": "succeeded"}),
			part,
			copyOf(part, "Send the refund again: nothing more is given back"),
			{name: "Read the refund", operation: "getRefund", path: of("refund_id"), want: members{"id": "{{refund_id}}", "amount": 500}},
			{
				name: "Give more back than is left: refused", operation: "createRefund", body: members{"amount": 1500}, path: of("refunded_payment_id"), key: "refund_too_much_key",
				status: 422, code: "amount-too-large", want: members{"safe_new_key": true},
			},
			{
				name: "Give the rest back", operation: "createRefund", example: "all", path: of("refunded_payment_id"), key: "refund_rest_key",
				want: members{"amount": 1499, "status": "succeeded"},
			},
			{name: "List the payment's refunds", operation: "listPaymentRefunds", path: of("refunded_payment_id"), want: members{"data.length": 2, "data[1].id": "{{refund_id}}"}},
			{
				name: "List refunds", operation: "listRefunds", query: map[string]string{"payment_id": "{{refunded_payment_id}}", "status": "succeeded"},
				want: members{"data.length": 2},
			},
			{name: "Read the order: refunded", operation: "getOrder", path: of("refunded_order_id"), want: members{"status": "refunded", "amount_refunded": 1999}},
		},
	}
}

func giveUp() flow {
	pay := newPayment("Pay another order", "charged", "given_up_order_id", "given_up_key", "given_up_payment_id").with(members{"status": "succeeded"})
	key := func(variable string) map[string]string { return map[string]string{"key": "{{" + variable + "}}"} }
	return flow{
		name: "Give up a key", description: "The answer is lost and the purchase is given up. Giving up the key undoes what was done under it, and nothing can be done under it later.",
		requests: []request{
			{
				name: "Give up a key that no request had", operation: "cancelIdempotencyKey", path: key("lost_key"), key: "give_up_key", before: []string{assign("lost_key")},
				want: members{"key": "{{lost_key}}", "state": "canceled", "effect": "none", "resource": nil},
			},
			{
				name: "The request arrives after all: not executed", operation: "createOrder", example: "amount", key: "lost_key", again: true,
				status: 410, code: "idempotency-key-canceled", want: members{"retryable": false, "safe_new_key": true},
			},
			newOrder("given_up_order_id"), pay,
			{
				name: "Give up the payment's key: the money is given back", operation: "cancelIdempotencyKey", path: key("given_up_key"), key: "give_up_payment_key",
				want: members{"state": "completed", "effect": "refunded", "resource.id": "{{given_up_payment_id}}"},
			},
			{name: "Read the payment: refunded", operation: "getPayment", path: of("given_up_payment_id"), want: members{"amount_captured": 1999, "amount_refunded": 1999}},
			copyOf(pay, "A late copy of the payment: its first answer"),
			{
				name: "What became of the key", operation: "getIdempotencyKey", path: key("given_up_key"), want: members{"state": "completed"},
				checks: []string{check("says when it was given up", "pm.expect(answer.canceled_at).to.be.a('string')")},
			},
		},
	}
}
