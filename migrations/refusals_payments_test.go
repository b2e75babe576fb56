package migrations_test

func paymentRefusals() []refusal {
	payment := func(changes ...string) string { return insert("payments", changes...) }
	authorized := func(changes ...string) string {
		return payment(append([]string{"status", "'requires_capture'", "amount_authorized", "1000"}, changes...)...)
	}
	captured := func(changes ...string) string {
		return authorized(append([]string{"status", "'succeeded'", "amount_captured", "1000"}, changes...)...)
	}
	return []refusal{
		{by: "payments_pkey", sql: payment("id", "u(20)")},
		{
			by: "payments_currency_uq", before: `ALTER TABLE payments DROP CONSTRAINT payments_pkey CASCADE`,
			sql: payment("id", "u(20)"),
		},
		{by: "payments_key_uq", sql: payment("idempotency_key_hash", "h(20)")},
		{by: "payments_order_fk", sql: payment("order_id", "u(14)")},
		{by: "payments_order_fk", sql: payment("currency", "'EUR'")},
		{by: "payments_one_live_per_order", sql: payment("order_id", "u(10)")},
		{by: "payments_provider_reference", sql: payment("provider_reference", "'pi_20'")},
		{by: "payments_return_url", sql: payment("return_url", "''")},
		{by: "payments_return_url", sql: payment("return_url", "repeat('a', 2049)")},
		{by: "payments_capture_method", sql: payment("capture_method", "'later'")},
		{by: "payments_status", sql: payment("status", "'refunded'")},
		{by: "payments_amount", sql: payment("amount", "0")},
		{by: "payments_amount_authorized", sql: authorized("status", "'failed'", "amount_authorized", "-1")},
		{by: "payments_amount_capturing", sql: authorized("amount_capturing", "-1")},
		{by: "payments_amount_captured", sql: captured("amount_captured", "-1")},
		{by: "payments_amount_voided", sql: authorized("amount_voided", "-1")},
		{by: "payments_amount_refunding", sql: captured("amount_refunding", "-1")},
		{by: "payments_amount_refunded", sql: captured("amount_refunded", "-1")},
		{by: "payments_auth_le_amount", sql: authorized("amount_authorized", "1001")},
		{by: "payments_capture_le_auth", sql: authorized("amount_capturing", "600", "amount_voided", "401")},
		{by: "payments_capture_le_auth", sql: captured("amount_captured", "1001")},
		{by: "payments_refund_le_capture", sql: captured("amount_refunded", "600", "amount_refunding", "401")},
		{by: "payments_status_money", sql: captured("amount_captured", "999")},
		{by: "payments_status_money", sql: captured("amount_captured", "0", "amount_voided", "1000")},
		{by: "payments_status_money", sql: captured("amount_captured", "900", "amount_capturing", "100")},
		{by: "payments_status_money", sql: payment("status", "'requires_capture'")},
		{by: "payments_status_money", sql: captured("status", "'requires_capture'")},
		{by: "payments_status_money", sql: captured("status", "'partially_captured'")},
		{by: "payments_status_money", sql: authorized("status", "'partially_captured'")},
		{by: "payments_status_money", sql: captured("status", "'canceled'")},
		{by: "payments_status_money", sql: captured("status", "'failed'")},
		{by: "payments_status_money", sql: authorized("status", "'expired'", "amount_capturing", "1")},
		{by: "payments_status_money", sql: authorized("status", "'processing'")},
		{by: "payments_status_money", sql: authorized("status", "'requires_action'")},
		{by: "payment_transitions_pkey", sql: insert("payment_transitions", "from_status", "'processing'")},
	}
}

func paymentGuardRefusals() []refusal {
	const capture = `UPDATE payments SET status = 'succeeded', amount_captured = 1000, amount_refunded = 5 WHERE id = u(21)`
	immutable := func(before, set, id string) refusal {
		return refusal{
			by: "payments_guard", reads: "payments_immutable", before: before, sql: `UPDATE payments SET ` + set + ` WHERE id = ` + id,
		}
	}
	illegal := func(set, id string) refusal {
		return refusal{by: "payments_guard", reads: "payments_transition", sql: `UPDATE payments SET ` + set + ` WHERE id = ` + id}
	}
	return []refusal{
		illegal(`status = 'processing'`, `u(22)`),
		illegal(`status = 'succeeded', amount_authorized = 1000, amount_captured = 1000`, `u(22)`),
		illegal(`status = 'failed', amount_authorized = 0`, `u(21)`),
		illegal(`status = 'expired'`, `u(20)`),
		immutable(``, `amount = 2000`, `u(20)`),
		immutable(``, `currency = 'EUR'`, `u(20)`),
		immutable(``, `order_id = u(13)`, `u(20)`),
		immutable(``, `merchant_id = u(2)`, `u(20)`),
		immutable(capture, `amount_captured = 999, amount_voided = 1`, `u(21)`),
		immutable(capture, `amount_refunded = 4`, `u(21)`),
	}
}

func captureRefusals() []refusal {
	capture := func(changes ...string) string { return insert("captures", changes...) }
	return []refusal{
		{by: "captures_pkey", sql: capture("id", "u(30)")},
		{by: "captures_key_uq", sql: capture("key_hash", "h(30)")},
		{by: "captures_payment_fk", sql: capture("payment_id", "u(23)")},
		{by: "captures_payment_fk", sql: capture("currency", "'EUR'")},
		{by: "captures_amount", sql: capture("amount", "0")},
		{by: "captures_status", sql: capture("status", "'canceled'")},
	}
}

func refundRefusals() []refusal {
	refund := func(changes ...string) string { return insert("refunds", changes...) }
	void := func(changes ...string) string { return insert("voids", changes...) }
	return []refusal{
		{by: "refunds_pkey", sql: refund("id", "u(32)")},
		{by: "refunds_key_uq", sql: refund("key_hash", "h(32)")},
		{by: "refunds_payment_fk", sql: refund("payment_id", "u(23)")},
		{by: "refunds_payment_fk", sql: refund("currency", "'EUR'")},
		{by: "refunds_amount", sql: refund("amount", "0")},
		{by: "refunds_reason", sql: refund("reason", "''")},
		{by: "refunds_status", sql: refund("status", "'paid'")},
		{by: "voids_pkey", sql: void("id", "u(33)")},
		{by: "voids_key_uq", sql: void("key_hash", "h(33)")},
		{by: "voids_payment_fk", sql: void("payment_id", "u(23)")},
		{by: "voids_payment_fk", sql: void("currency", "'EUR'")},
		{by: "voids_status", sql: void("status", "'canceled'")},
	}
}

func attemptRefusals() []refusal {
	attempt := func(changes ...string) string { return insert("provider_attempts", changes...) }
	return []refusal{
		{by: "provider_attempts_pkey", sql: attempt("id", "u(40)")},
		{by: "attempts_numbered", sql: attempt("operation_id", "u(35)", "status", "'failed'", "resolved_at", "now()")},
		{by: "attempts_payment_fk", sql: attempt("payment_id", "u(23)")},
		{by: "provider_attempts_operation", sql: attempt("operation", "'charge'")},
		{by: "provider_attempts_attempt_no", sql: attempt("attempt_no", "0")},
		{by: "provider_attempts_sends", sql: attempt("sends", "0")},
		{by: "provider_attempts_status", sql: attempt("status", "'new'", "resolved_at", "now()")},
		{by: "attempts_open_or_resolved", sql: attempt("resolved_at", "now()")},
		{by: "attempts_open_or_resolved", sql: attempt("status", "'unknown'", "resolved_at", "now()")},
		{by: "attempts_open_or_resolved", sql: attempt("status", "'succeeded'")},
		{by: "attempts_open_or_resolved", sql: attempt("status", "'action_required'")},
		{by: "attempts_one_open", sql: attempt("operation_id", "u(35)", "attempt_no", "2", "status", "'unknown'")},
		{
			by: "attempts_one_success",
			sql: attempt("operation", "'authorize'", "operation_id", "u(21)", "attempt_no", "2", "status", "'succeeded'",
				"resolved_at", "now()"),
		},
		{by: "attempts_one_open_on_authorization", sql: attempt("operation", "'void'", "payment_id", "u(20)")},
		{by: "discrepancies_pkey", sql: insert("discrepancies", "id", "u(48)")},
		{by: "discrepancies_operation", sql: insert("discrepancies", "operation", "'charge'")},
		{by: "discrepancies_decision", sql: insert("discrepancies", "decision", "'forget'", "decision_reason", "''", "decided_by", "''", "decided_at", "now()")},
		{by: "discrepancies_decided", sql: insert("discrepancies", "decision", "'noted'", "decision_reason", "''", "decided_by", "''")},
		{by: "discrepancies_decided", sql: insert("discrepancies", "decided_at", "now()")},
	}
}
