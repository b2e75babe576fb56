package check_test

import "github.com/payonce/payonce/test/check"

const (
	onePayment = ` WHERE (merchant_id, id) = (SELECT merchant_id, id FROM payments WHERE status = 'succeeded' ORDER BY merchant_id, id LIMIT 1)`
	itsRecord  = ` WHERE (merchant_id, key_hash) = (SELECT merchant_id, idempotency_key_hash FROM payments WHERE status = 'succeeded'
		ORDER BY merchant_id, id LIMIT 1)`
	anOrders = ` WHERE (merchant_id, key_hash) = (SELECT merchant_id, key_hash FROM idempotency_keys
		WHERE resource_type = 'order' ORDER BY merchant_id, key_hash LIMIT 1)`
)

// itsEntry narrows postings to those of a kind.
func itsEntry(kind string) string {
	return ` WHERE entry_id IN (SELECT id FROM ledger_entries WHERE kind = '` + kind + `')`
}

func statements(name string, rule check.Rule, list ...string) violation {
	return violation{name, rule, func(s spoiled) { s.sql(list...) }}
}

// longAgo is for what only counts from the end of the faults on.
func longAgo(name string, rule check.Rule, list ...string) violation {
	return violation{name, rule, func(s spoiled) { s.in.Faults = nil; s.sql(list...) }}
}

func databaseCases() []violation {
	return []violation{
		statements("a 500 is stored", check.OnlyOutcomes,
			"ALTER TABLE idempotency_keys DISABLE TRIGGER idempotency_guard", "UPDATE idempotency_keys SET status = 500"+itsRecord),
		statements("two payments under one key", check.OnePayment, "ALTER TABLE payments DROP CONSTRAINT payments_key_uq",
			"UPDATE payments p SET idempotency_key_hash = (SELECT idempotency_key_hash FROM payments o WHERE o.merchant_id = p.merchant_id LIMIT 1)"),
		statements("two live payments of an order", check.OneLivePayment, "DROP INDEX payments_one_live_per_order",
			"UPDATE payments p SET order_id = (SELECT order_id FROM payments o WHERE o.merchant_id = p.merchant_id AND o.status = 'succeeded' LIMIT 1)"),
		statements("a payment's record names another", check.RecordNames, "UPDATE idempotency_keys SET resource_id = gen_random_uuid()"+itsRecord),
		statements("a record without its order", check.ResourceOfRecord, "UPDATE idempotency_keys SET resource_id = gen_random_uuid()"+anOrders),
		statements("a payment without its record", check.RecordOfPayment, "DELETE FROM idempotency_keys"+itsRecord),
		statements("an order without its record", check.RecordOfOrder, "DELETE FROM idempotency_keys"+anOrders),
		statements("a posting of another amount", check.LedgerOfPayment, "UPDATE ledger_postings SET amount = amount + 1"),
		statements("a capture posted twice", check.LedgerOfPayment, "ALTER TABLE ledger_entries DROP CONSTRAINT ledger_posted_once",
			"INSERT INTO ledger_entries (merchant_id, id, kind, source_id) SELECT merchant_id, gen_random_uuid(), kind, source_id FROM ledger_entries LIMIT 1",
			`INSERT INTO ledger_postings SELECT e.merchant_id, e.id, 1, p.debit_account_id, p.credit_account_id, p.currency, p.amount FROM ledger_entries e
				LEFT JOIN ledger_postings l ON l.merchant_id = e.merchant_id AND l.entry_id = e.id
				CROSS JOIN LATERAL (SELECT * FROM ledger_postings o WHERE o.merchant_id = e.merchant_id LIMIT 1) p WHERE l.entry_id IS NULL`),
		statements("an entry without its capture", check.CaptureOfEntry, "UPDATE ledger_entries SET source_id = gen_random_uuid()"),
		statements("a credit that arrives nowhere", check.LedgerSumsToZero, "UPDATE ledger_postings SET credit_account_id = gen_random_uuid()"),
		statements("a posting the wrong way round", check.TrialBalance,
			"UPDATE ledger_postings SET debit_account_id = credit_account_id, credit_account_id = debit_account_id"),
		statements("an account that got nothing", check.TrialBalance, "DELETE FROM ledger_postings"),
		statements("an order that is paid less than its payment", check.MoneyOfOrder, "UPDATE orders SET amount_paid = amount_paid - 1 WHERE amount_paid > 0"),
		statements("an order that is still reserved", check.MoneyOfOrder, "UPDATE orders SET amount_reserved = 1 WHERE amount_paid = 0"),
		statements("an order that is refunded more than its payment", check.MoneyOfOrder, "UPDATE orders SET amount_refunded = amount_refunded + 1 WHERE amount_refunded > 0"),
		statements("a refund of another amount", check.LedgerOfPayment, "UPDATE ledger_postings SET amount = amount + 1"+itsEntry("refund")),
		statements("an entry without its refund", check.RefundOfEntry, "UPDATE ledger_entries SET source_id = gen_random_uuid() WHERE kind = 'refund'"),
		statements("a refund that is not counted", check.CountersOfPayment, "UPDATE refunds SET status = 'failed' WHERE status = 'succeeded'"),
		statements("a reservation without its capture", check.CountersOfPayment, "ALTER TABLE payments DROP CONSTRAINT payments_status_money",
			"ALTER TABLE payments DROP CONSTRAINT payments_capture_le_auth", "UPDATE payments SET amount_capturing = 1"+onePayment),
		statements("a capture that succeeded and is not counted", check.CountersOfPayment, "UPDATE captures SET amount = amount + 1"),
		statements("a change before the one before it", check.TimesGoOn, "ALTER TABLE events DISABLE TRIGGER events_append_only",
			`UPDATE events SET data = data || '{"updated_at": "2026-01-01T00:00:00.000000Z"}' WHERE type = 'payment.succeeded'`),
		statements("a version without its event", check.AnEventPerVersion, "UPDATE payments SET version = version + 1"+onePayment),
		statements("a refund without its event", check.AnEventPerVersion, "DELETE FROM events WHERE type = 'refund.succeeded'"),
		statements("an event of the first version of a payment", check.AnEventPerVersion, `INSERT INTO events (merchant_id, id, type, resource_type, resource_id, resource_version, data)
			SELECT merchant_id, gen_random_uuid(), 'payment.claimed', 'payment', id, 1, '{}' FROM payments LIMIT 1`),
		statements("an open attempt of a refund that is over", check.AttemptOfQuestion, "UPDATE provider_attempts SET status = 'unknown', resolved_at = NULL WHERE operation = 'refund'"),
		statements("a refund that the provider didn't make", check.ChargeMovements, "UPDATE payments SET amount_refunded = amount_refunded + 1 WHERE amount_refunded > 0"),
		statements("a payment without its event", check.EventOfPayment, "DELETE FROM events WHERE type = 'payment.succeeded'"),
		statements("a payment with two events", check.EventOfPayment, `INSERT INTO events (merchant_id, id, type, resource_type, resource_id, resource_version, data)
			SELECT merchant_id, gen_random_uuid(), type, resource_type, resource_id, resource_version + 1, data FROM events WHERE type = 'payment.succeeded'`),
		statements("an open attempt of a settled payment", check.AttemptOfQuestion, "UPDATE provider_attempts SET status = 'unknown', resolved_at = NULL WHERE operation = 'authorize'"),
		longAgo("a key in progress for an hour", check.NothingStuck,
			"UPDATE idempotency_keys SET state = 'in_progress', lease_until = now(), created_at = now() - interval '1 hour'"+itsRecord),
		longAgo("a key that took an hour", check.ConvergedInTime, "UPDATE idempotency_keys SET created_at = completed_at - interval '1 hour'"+itsRecord),
		statements("an answer that is not the stored one", check.Committed, "UPDATE idempotency_keys SET body = body || ' '::bytea"),
		statements("an answer whose headers are not the stored ones", check.Committed, `UPDATE idempotency_keys SET headers = '[{"Name":"Location","Value":"/elsewhere"}]'`),
		statements("an answer of a record in progress", check.Committed, "UPDATE idempotency_keys SET state = 'in_progress', lease_until = now()"+itsRecord),
		statements("an answer of another tombstone", check.Committed, "UPDATE idempotency_keys SET state = 'expired', body = NULL, headers = NULL, status = 299"),
		statements("an answer seen before its commit", check.CommittedBefore, "UPDATE idempotency_keys SET completed_at = completed_at + interval '1 minute'"),
		statements("a payment without a charge", check.PaymentHasCharge, "ALTER TABLE payments DROP CONSTRAINT payments_status_money",
			"UPDATE payments SET status = 'succeeded' WHERE status = 'requires_action'"),
		statements("a charge of a payment that failed", check.ChargeHasPayment, "ALTER TABLE payments DROP CONSTRAINT payments_status_money",
			"UPDATE payments SET status = 'failed'"+onePayment),
		statements("a charge of another amount", check.ChargeAmount, "UPDATE payments SET amount = amount + 1"+onePayment),
		statements("a charge of another currency", check.ChargeAmount, "UPDATE payments SET currency = 'USD'"+onePayment),
		statements("a cached answer without its record", check.CacheHasRecord, "DELETE FROM idempotency_keys"+itsRecord),
		statements("a cached answer of a record in progress", check.CacheHasRecord, "UPDATE idempotency_keys SET state = 'in_progress', lease_until = now()"),
		statements("a cached answer that differs from its record", check.CacheHasRecord, "UPDATE idempotency_keys SET body = body || ' '::bytea"),
		statements("a cached answer of another request", check.CacheHasRecord, "UPDATE idempotency_keys SET fingerprint = set_byte(fingerprint, 3, 255 - get_byte(fingerprint, 3))"),
		statements("a cached answer that outlives its record", check.CacheHasRecord, "UPDATE idempotency_keys SET state = 'expired', body = NULL, headers = NULL"),
	}
}
