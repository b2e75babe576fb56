package migrations_test

import "slices"

// refusals has at least one statement for each invariant of the schema; a test compares the list with the catalog.
func refusals() []refusal {
	return slices.Concat(merchantRefusals(), recordRefusals(), orderRefusals(), paymentRefusals(), paymentGuardRefusals(),
		captureRefusals(), refundRefusals(), attemptRefusals(), undoRefusals(), ledgerRefusals(), eventRefusals(),
		webhookRefusals())
}

func merchantRefusals() []refusal {
	return []refusal{
		{by: "currencies_pkey", sql: insert("currencies", "code", "'USD'")},
		{by: "currencies_code", sql: insert("currencies", "code", "'usd'")},
		{by: "currencies_exponent", sql: insert("currencies", "exponent", "5")},
		{by: "currencies_min_amount", sql: insert("currencies", "min_amount", "0")},
		{by: "currencies_max_amount", sql: insert("currencies", "min_amount", "11")},
		{by: "merchants_pkey", sql: insert("merchants", "id", "u(1)")},
		{by: "merchants_name", sql: insert("merchants", "name", "''")},
		{by: "merchants_name", sql: insert("merchants", "name", "repeat('x', 201)")},
		{by: "merchants_name", sql: insert("merchants", "name", `E'a\nb'`)},
		{by: "api_keys_pkey", sql: insert("api_keys", "id", "'aaaaaaaaaaaaaaaaaaaa'")},
		{by: "api_keys_merchant_fk", sql: insert("api_keys", "merchant_id", "u(2)")},
		{by: "api_keys_id", sql: insert("api_keys", "id", "'bbbbbbbbbb_bbbbbbbbb'")},
		{by: "api_keys_secret_hash", sql: insert("api_keys", "secret_hash", "f(1)")},
		{by: "api_keys_name", sql: insert("api_keys", "name", "repeat('x', 101)")},
		{by: "api_keys_name", sql: insert("api_keys", "name", `E'a\nb'`)},
		{by: "api_keys_scopes", sql: insert("api_keys", "scopes", `'{"a,b"}'`)},
		{by: "api_keys_scopes", sql: insert("api_keys", "scopes", `'{}'`)},
		{by: "api_keys_scopes", sql: insert("api_keys", "scopes", `'{a,NULL}'`)},
	}
}

func recordRefusals() []refusal {
	const completed = `UPDATE idempotency_keys SET state = 'completed', lease_until = NULL, status = 201, body = 'x', completed_at = now(), expires_at = now()`
	record := func(changes ...string) string { return insert("idempotency_keys", changes...) }
	done := func(changes ...string) string {
		return record(append([]string{
			"state", "'completed'", "lease_until", "NULL", "status", "201", "body", "'x'",
			"completed_at", "now()", "expires_at", "now()",
		}, changes...)...)
	}
	list := []refusal{
		{by: "idempotency_keys_pkey", sql: record("key_hash", "h(1)")},
		{by: "idempotency_keys_key_hash", sql: record("key_hash", "'short'")},
		{by: "idempotency_keys_fingerprint", sql: record("fingerprint", "h(1)")},
		{by: "idempotency_keys_state", sql: record("state", "'new'", "lease_until", "NULL")},
		{by: "idempotency_keys_operation", sql: record("operation", "'Charge it'")},
		{by: "idempotency_keys_fence", sql: record("fence", "0")},
		{by: "idempotency_keys_status", sql: done("status", "500")},
		{by: "idempotency_keys_status", sql: done("status", "409")},
		{by: "in_progress_has_lease", sql: record("lease_until", "NULL")},
		{by: "in_progress_has_lease", sql: done("lease_until", "now()")},
		{by: "canceled_has_ended", sql: record("canceled_at", "now()")},
		{by: "idempotency_keys_sealed", sql: done("sealed", "'twice'")},
		{by: "expired_is_tombstone", sql: done("state", "'expired'")},
		{by: "expired_is_tombstone", sql: done("state", "'expired'", "body", "NULL", "headers", "'{}'")},
		{by: "expired_is_tombstone", sql: done("state", "'expired'", "body", "NULL", "completed_at", "NULL")},
		{by: "idempotency_arrow", reads: "append_only", sql: completed + ` WHERE key_hash = h(2)`},
		{by: "idempotency_arrow", reads: "append_only", sql: completed + ` WHERE key_hash = h(3)`},
		{by: "idempotency_arrow", reads: "append_only", sql: `UPDATE idempotency_keys SET body = 'other' WHERE key_hash = h(2)`},
		{by: "idempotency_arrow", reads: "append_only", sql: `UPDATE idempotency_keys SET canceled_at = now(), body = 'other' WHERE key_hash = h(2)`},
		{by: "idempotency_arrow", reads: "append_only", sql: `UPDATE idempotency_keys SET canceled_at = now(), sealed = 'secret' WHERE key_hash = h(2)`},
		{by: "idempotency_arrow", reads: "append_only", sql: `UPDATE idempotency_keys SET canceled_at = now(), status = 202 WHERE key_hash = h(2)`},
		{
			by: "idempotency_arrow", reads: "append_only", before: `UPDATE idempotency_keys SET canceled_at = now() WHERE key_hash = h(2)`,
			sql: `UPDATE idempotency_keys SET canceled_at = NULL WHERE key_hash = h(2)`,
		},
		{
			by: "idempotency_arrow", reads: "append_only", before: `UPDATE idempotency_keys SET canceled_at = now() WHERE key_hash = h(2)`,
			sql: `UPDATE idempotency_keys SET canceled_at = now() + interval '1 s' WHERE key_hash = h(2)`,
		},
		{
			by: "idempotency_arrow", reads: "append_only", before: `UPDATE idempotency_keys SET canceled_at = now() WHERE key_hash = h(2)`,
			sql: `UPDATE idempotency_keys SET canceled_at = NULL, state = 'expired', body = NULL, headers = NULL WHERE key_hash = h(2)`,
		},
		{
			by: "idempotency_arrow", reads: "append_only",
			sql: `UPDATE idempotency_keys SET state = 'in_progress', lease_until = now() WHERE key_hash = h(2)`,
		},
		{
			by: "idempotency_arrow", reads: "append_only",
			sql: `UPDATE idempotency_keys SET state = 'expired', lease_until = NULL, completed_at = now() WHERE key_hash = h(1)`,
		},
		{
			by: "idempotency_arrow", reads: "append_only", before: `UPDATE idempotency_keys SET fence = 5 WHERE key_hash = h(1)`,
			sql: `UPDATE idempotency_keys SET fence = 4 WHERE key_hash = h(1)`,
		},
		{by: "idempotency_kept", reads: "append_only", sql: `DELETE FROM idempotency_keys WHERE key_hash = h(2)`},
	}
	for _, column := range []string{"status", "body", "completed_at", "expires_at"} {
		list = append(list, refusal{by: "completed_has_response", sql: done(column, "NULL")})
	}
	return list
}

func orderRefusals() []refusal {
	order := func(changes ...string) string { return insert("orders", changes...) }
	return []refusal{
		{by: "orders_pkey", sql: order("id", "u(13)")},
		{by: "orders_merchant_fk", sql: order("merchant_id", "u(2)")},
		{by: "orders_currency_fk", sql: order("currency", "'ZZZ'")},
		{by: "orders_reference_uq", sql: order("reference", "'taken'")},
		{
			// The primary key says more; this one exists for the foreign keys that carry the currency along.
			by: "orders_currency_uq", before: `ALTER TABLE orders DROP CONSTRAINT orders_pkey`, sql: order("id", "u(13)"),
		},
		{by: "orders_reference", sql: order("reference", "''")},
		{by: "orders_reference", sql: order("reference", "repeat('x', 129)")},
		{by: "orders_amount_total", sql: order("amount_total", "0")},
		{by: "orders_amount_reserved", sql: order("amount_reserved", "-1")},
		{by: "orders_amount_paid", sql: order("amount_paid", "-1", "amount_refunded", "-1")},
		{by: "orders_amount_refunded", sql: order("amount_refunded", "-1")},
		{by: "orders_no_overpayment", sql: order("amount_paid", "500", "amount_reserved", "501")},
		{by: "orders_no_overrefund", sql: order("amount_paid", "500", "amount_refunded", "501")},
		{by: "orders_expires_later", sql: order("expires_at", "now()")},
		{by: "orders_canceled_unpaid", sql: order("canceled_at", "now()", "amount_paid", "1")},
		{by: "orders_canceled_unpaid", sql: order("canceled_at", "now()", "amount_reserved", "1")},
	}
}

func undoRefusals() []refusal {
	undo := func(changes ...string) string { return insert("undos", changes...) }
	return []refusal{
		{by: "undos_pkey", sql: undo("payment_id", "u(20)")},
		{by: "undos_operation_uq", sql: undo("operation_id", "u(46)", "next_try_at", "NULL")},
		{by: "undos_payment_fk", sql: undo("payment_id", "u(99)")},
		{by: "undos_key_length", sql: undo("key", "''")},
		{by: "undos_key_length", sql: undo("key", "repeat('k', 256)")},
		{by: "undos_tries", sql: undo("tries", "-1")},
		{by: "undos_effect", sql: undo("next_try_at", "NULL", "ended_at", "now()", "effect", "'gone'")},
		{by: "undos_ended", sql: undo("next_try_at", "NULL", "ended_at", "now()")},
		{by: "undos_ended", sql: undo("effect", "'voided'")},
		{by: "undos_driven", sql: undo("next_try_at", "NULL")},
		{by: "undos_driven", sql: undo("operation_id", "u(47)")},
	}
}

func ledgerRefusals() []refusal {
	posting := func(changes ...string) string { return insert("ledger_postings", changes...) }
	return []refusal{
		{by: "ledger_accounts_pkey", sql: insert("ledger_accounts", "id", "u(50)")},
		{by: "ledger_accounts_code_uq", sql: insert("ledger_accounts", "code", "'provider'")},
		{
			by: "ledger_accounts_currency_uq", before: `ALTER TABLE ledger_accounts DROP CONSTRAINT ledger_accounts_pkey`,
			sql: insert("ledger_accounts", "id", "u(50)"),
		},
		{by: "ledger_accounts_currency_fk", sql: insert("ledger_accounts", "currency", "'ZZZ'")},
		{by: "ledger_entries_pkey", sql: insert("ledger_entries", "id", "u(60)")},
		{by: "ledger_posted_once", sql: insert("ledger_entries", "source_id", "u(30)")},
		{by: "ledger_entries_kind", sql: insert("ledger_entries", "kind", "'gift'")},
		{by: "ledger_postings_pkey", sql: posting("line", "1")},
		{by: "ledger_entry_fk", sql: posting("entry_id", "u(61)")},
		{by: "ledger_debit_fk", sql: posting("debit_account_id", "u(52)")},
		{by: "ledger_credit_fk", sql: posting("credit_account_id", "u(52)")},
		{by: "ledger_postings_amount", sql: posting("amount", "0")},
		{by: "ledger_two_sides", sql: posting("credit_account_id", "u(50)")},
		{by: "ledger_entries_append_only", reads: "append_only", sql: `UPDATE ledger_entries SET kind = 'fee'`},
		{by: "ledger_entries_append_only", reads: "append_only", sql: `DELETE FROM ledger_entries`},
		{by: "ledger_postings_append_only", reads: "append_only", sql: `UPDATE ledger_postings SET amount = 1`},
		{by: "ledger_postings_append_only", reads: "append_only", sql: `DELETE FROM ledger_postings`},
	}
}

func eventRefusals() []refusal {
	return []refusal{
		{by: "events_pkey", sql: insert("events", "id", "u(70)")},
		{by: "events_one_per_version", sql: insert("events", "resource_version", "1")},
		{by: "provider_events_pkey", sql: insert("provider_events", "id", "'evt_1'")},
		{by: "provider_events_payment", sql: insert("provider_events", "payment_id", "NULL")},
		{by: "provider_events_tries", sql: insert("provider_events", "tries", "-1")},
		{by: "event_logs_pkey", sql: insert("event_logs", "moves", "0")},
		{by: "event_logs_moves", sql: insert("event_logs", "moves", "-1")},
		{by: "archive_files_pkey", sql: insert("archive_files", "name", "'open'")},
		{by: "archive_files_kind", sql: insert("archive_files", "kind", "'orders'")},
		{by: "archive_files_length", sql: insert("archive_files", "records", "0")},
		{by: "archive_files_sha256", sql: insert("archive_files", "sha256", "''")},
		{by: "archive_files_append_only", reads: "append_only", sql: `UPDATE archive_files SET bytes = 21 WHERE name = 'closed'`},
		{by: "archive_files_append_only", reads: "append_only", sql: `UPDATE archive_files SET bytes = 19 WHERE name = 'open'`},
		{by: "archive_files_kept", reads: "append_only", sql: `DELETE FROM archive_files`},
		{by: "archive_positions_pkey", sql: insert("archive_positions", "archive", "u(91)")},
		{by: "events_type", sql: insert("events", "type", "'payment'")},
		{by: "events_append_only", reads: "append_only", sql: `UPDATE events SET data = '1'`},
		{by: "events_append_only", reads: "append_only", sql: `DELETE FROM events`},
	}
}
