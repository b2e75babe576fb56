package migrations_test

// In the rows of these tests u(n) is the uuid and h(n) the 32 bytes that end in n, f(n) a fingerprint. Merchant 1 has
//
//	orders    10 (paid by 20, processing), 11 (paid by 21, authorized), 12 (22 failed), 13 (nothing yet)
//	attempts  40 authorizes 20, open; 41 authorized 21; 45 refunds something of 21, open
//	records   1 in progress, 2 completed, 3 expired
//
// and a row made by [insert] from goodRows fits beside them.
func fixtures() []string {
	return []string{
		`CREATE FUNCTION u(n int) RETURNS uuid IMMUTABLE LANGUAGE sql AS $$ SELECT lpad(to_hex(n), 32, '0')::uuid $$`,
		`CREATE FUNCTION h(n int) RETURNS bytea IMMUTABLE LANGUAGE sql AS $$ SELECT decode(lpad(to_hex(n), 64, '0'), 'hex') $$`,
		`CREATE FUNCTION f(n int) RETURNS bytea IMMUTABLE LANGUAGE sql AS $$ SELECT '\x01'::bytea || h(n) $$`,
		insert("merchants", "id", "u(1)"),
		insert("api_keys", "id", "'aaaaaaaaaaaaaaaaaaaa'"),
		insert("orders", "id", "u(10)", "reference", "'taken'"),
		insert("orders", "id", "u(11)", "reference", "NULL"),
		insert("orders", "id", "u(12)", "reference", "NULL"),
		insert("orders", "id", "u(13)", "reference", "NULL"),
		insert("payments", "id", "u(20)", "order_id", "u(10)", "idempotency_key_hash", "h(20)", "provider_reference", "'pi_20'"),
		insert("payments", "id", "u(21)", "order_id", "u(11)", "idempotency_key_hash", "h(21)", "status", "'requires_capture'",
			"amount_authorized", "1000", "provider_reference", "'pi_21'"),
		insert("payments", "id", "u(22)", "order_id", "u(12)", "idempotency_key_hash", "h(22)", "status", "'failed'"),
		insert("captures", "id", "u(30)", "key_hash", "h(30)"),
		insert("refunds", "id", "u(32)", "key_hash", "h(32)"),
		insert("voids", "id", "u(33)", "key_hash", "h(33)"),
		insert("provider_attempts", "id", "u(40)", "payment_id", "u(20)", "operation", "'authorize'", "operation_id", "u(20)"),
		insert("provider_attempts", "id", "u(41)", "payment_id", "u(21)", "operation", "'authorize'", "operation_id", "u(21)",
			"status", "'succeeded'", "resolved_at", "now()"),
		insert("provider_attempts", "id", "u(45)", "payment_id", "u(21)", "operation_id", "u(35)"),
		insert("undos", "payment_id", "u(20)", "operation_id", "u(46)", "next_try_at", "NULL"),
		insert("discrepancies", "id", "u(48)"),
		insert("ledger_accounts", "id", "u(50)", "code", "'provider'"),
		insert("ledger_accounts", "id", "u(51)", "code", "'merchant'"),
		insert("ledger_accounts", "id", "u(52)", "code", "'merchant'", "currency", "'EUR'"),
		insert("ledger_entries", "id", "u(60)", "source_id", "u(30)"),
		insert("ledger_postings", "line", "1"),
		insert("events", "id", "u(70)", "resource_version", "1"),
		insert("webhook_endpoints", "id", "u(80)"),
		insert("webhook_deliveries", "id", "u(82)", "event_id", "u(70)"),
		insert("events", "id", "u(71)", "resource_version", "3"),
		insert("provider_events", "id", "'evt_1'"),
		insert("archive_files", "name", "'closed'", "closed_at", "now()"),
		insert("archive_files", "name", "'open'"),
		insert("archive_positions", "archive", "u(91)"),
		insert("idempotency_keys", "key_hash", "h(1)"),
		insert("idempotency_keys", "key_hash", "h(2)", "state", "'completed'", "lease_until", "NULL", "status", "201",
			"body", "'{}'", "completed_at", "now()", "expires_at", "now()"),
		insert("idempotency_keys", "key_hash", "h(3)", "state", "'expired'", "lease_until", "NULL", "completed_at", "now()"),
	}
}

// goodRows has a new row for each table. Columns with a default that no case changes are left out.
func goodRows() map[string]map[string]string {
	return map[string]map[string]string{
		"currencies": {"code": "'ZZZ'", "exponent": "2", "min_amount": "1", "max_amount": "10"},
		"archive_files": {
			"archive": "u(90)", "name": "'new'", "kind": "'tombstones'", "records": "2", "bytes": "20", "sha256": "h(1)", "closed_at": "NULL",
		},
		"archive_positions": {"merchant_id": "u(1)", "archive": "u(90)", "epoch": "1", "xact": "1", "event_id": "u(70)"},
		"merchants":         {"id": "u(99)", "name": "'Shop'"},
		"api_keys":          {"id": "'bbbbbbbbbbbbbbbbbbbb'", "merchant_id": "u(1)", "secret_hash": "h(1)", "scopes": "'{*}'", "name": "'cash desk'"},
		"idempotency_keys": {
			"merchant_id": "u(1)", "key_hash": "h(99)", "fingerprint": "f(1)", "method": "'POST'", "path": "'/v1/payments'",
			"state": "'in_progress'", "claim_id": "u(8)", "lease_until": "now()", "operation": "'authorize'",
		},
		"orders": {
			"merchant_id": "u(1)", "id": "u(99)", "reference": "'new'", "currency": "'USD'", "amount_total": "1000",
			"amount_reserved": "0", "amount_paid": "0", "amount_refunded": "0", "canceled_at": "NULL",
		},
		"payments": {
			"merchant_id": "u(1)", "id": "u(99)", "order_id": "u(13)", "currency": "'USD'", "idempotency_key_hash": "h(99)",
			"capture_method": "'manual'", "provider": "'stripe'", "provider_reference": "NULL", "payment_method": "'pm_card_visa'",
			"status": "'processing'", "amount": "1000", "amount_authorized": "0", "amount_capturing": "0", "amount_captured": "0",
			"amount_voided": "0", "amount_refunding": "0", "amount_refunded": "0",
		},
		"payment_transitions": {"from_status": "'failed'", "to_status": "'failed'"},
		"captures": {
			"merchant_id": "u(1)", "id": "u(99)", "payment_id": "u(21)", "currency": "'USD'", "key_hash": "h(99)", "amount": "100",
			"status": "'pending'",
		},
		"refunds": {
			"merchant_id": "u(1)", "id": "u(99)", "payment_id": "u(21)", "currency": "'USD'", "key_hash": "h(99)", "amount": "100",
			"reason": "'returned'", "status": "'pending'",
		},
		"voids": {
			"merchant_id": "u(1)", "id": "u(99)", "payment_id": "u(21)", "currency": "'USD'", "key_hash": "h(99)",
			"reason": "'canceled_by_merchant'", "releases": "false", "status": "'pending'",
		},
		"provider_attempts": {
			"merchant_id": "u(1)", "id": "u(99)", "payment_id": "u(21)", "operation": "'refund'", "operation_id": "u(98)",
			"provider": "'stripe'", "provider_key": "'k'", "attempt_no": "1", "status": "'sent'", "claim_id": "u(8)",
			"resolved_at": "NULL", "sends": "1",
		},
		"undos": {
			"merchant_id": "u(1)", "payment_id": "u(21)", "key": "'k'", "tries": "0", "operation_id": "NULL", "next_try_at": "now()",
			"ended_at": "NULL", "effect": "NULL",
		},
		"discrepancies":   {"merchant_id": "u(1)", "id": "u(99)", "kind": "'wrong_amount'", "details": "'{}'"},
		"ledger_accounts": {"merchant_id": "u(1)", "id": "u(99)", "code": "'fees'", "currency": "'USD'"},
		"ledger_entries":  {"merchant_id": "u(1)", "id": "u(99)", "kind": "'capture'", "source_id": "u(98)"},
		"ledger_postings": {
			"merchant_id": "u(1)", "entry_id": "u(60)", "line": "2", "debit_account_id": "u(50)", "credit_account_id": "u(51)",
			"currency": "'USD'", "amount": "100",
		},
		"events": {
			"merchant_id": "u(1)", "id": "u(99)", "type": "'payment.succeeded'", "resource_type": "'payment'",
			"resource_id": "u(20)", "resource_version": "2", "data": "'{}'",
		},
		"webhook_endpoints": {
			"merchant_id": "u(1)", "id": "u(99)", "url": "'https://shop.example/hook'", "events": "'{*}'", "description": "NULL", "secret": "'s'",
			"previous_secret": "NULL", "previous_secret_until": "NULL", "enabled": "true", "disabled_reason": "NULL", "deleted_at": "NULL",
		},
		"webhook_deliveries": {
			"merchant_id": "u(1)", "id": "u(99)", "endpoint_id": "u(80)", "event_id": "u(71)", "status": "'pending'", "attempts": "0",
			"next_attempt_at": "now()", "response_body": "NULL", "finished_at": "NULL",
		},
		"provider_events": {
			"provider": "'stripe'", "id": "'evt_99'", "type": "'payment_intent.succeeded'", "merchant_id": "u(1)", "payment_id": "u(20)",
			"object": "'{}'", "created_at": "now()", "tries": "0",
		},
		"event_logs": {"moves": "1", "server": "1", "cursor_key": "u(99)"},
	}
}
