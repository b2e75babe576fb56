package check

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"
)

// Invariants are what must never be found in the database, whatever happened before: each row that one of the queries
// returns is a violation of the rule that it stands under. Each query returns one column, of text.
func Invariants() map[Rule]string {
	return map[Rule]string{
		OnlyOutcomes: `SELECT status::text FROM idempotency_keys
			WHERE status IS NOT NULL AND status NOT BETWEEN 200 AND 299 AND status <> 402`,
		OnePayment: `SELECT encode(idempotency_key_hash, 'hex') FROM payments
			GROUP BY merchant_id, idempotency_key_hash HAVING count(*) > 1`,
		OneLivePayment: `SELECT order_id::text FROM payments WHERE status NOT IN ('failed', 'canceled', 'expired')
			GROUP BY merchant_id, order_id HAVING count(*) > 1`,
		RecordNames: `SELECT p.id::text FROM payments p JOIN idempotency_keys k
			ON k.merchant_id = p.merchant_id AND k.key_hash = p.idempotency_key_hash WHERE k.resource_id IS DISTINCT FROM p.id`,
		ResourceOfRecord: `SELECT k.resource_id::text FROM idempotency_keys k
			LEFT JOIN payments p ON p.merchant_id = k.merchant_id AND p.id = k.resource_id
			LEFT JOIN orders o ON o.merchant_id = k.merchant_id AND o.id = k.resource_id
			WHERE k.resource_type IN ('order', 'payment') AND p.id IS NULL AND o.id IS NULL`,
		RecordOfPayment: `SELECT p.id::text FROM payments p LEFT JOIN idempotency_keys k
			ON k.merchant_id = p.merchant_id AND k.key_hash = p.idempotency_key_hash WHERE k.key_hash IS NULL`,
		RecordOfOrder: `SELECT o.id::text FROM orders o LEFT JOIN idempotency_keys k
			ON k.merchant_id = o.merchant_id AND k.resource_id = o.id WHERE k.key_hash IS NULL`,
		LedgerOfPayment: `SELECT p.id::text FROM payments p LEFT JOIN captures c
			ON c.merchant_id = p.merchant_id AND c.payment_id = p.id AND c.status = 'succeeded'
			LEFT JOIN ledger_entries e ON e.merchant_id = c.merchant_id AND e.kind = 'capture' AND e.source_id = c.id
			LEFT JOIN ledger_postings l ON l.merchant_id = e.merchant_id AND l.entry_id = e.id AND l.currency = p.currency
			GROUP BY p.merchant_id, p.id HAVING p.amount_captured <> coalesce(sum(l.amount), 0)`,
		CaptureOfEntry: `SELECT e.id::text FROM ledger_entries e
			LEFT JOIN captures c ON c.merchant_id = e.merchant_id AND c.id = e.source_id WHERE e.kind = 'capture' AND c.id IS NULL`,
		// By its schema a posting has two sides; here they are counted where they arrive: at accounts that exist.
		LedgerSumsToZero: `SELECT currency FROM (
				SELECT a.currency, l.amount FROM ledger_postings l
				JOIN ledger_accounts a ON a.merchant_id = l.merchant_id AND a.id = l.debit_account_id
				UNION ALL SELECT a.currency, -l.amount FROM ledger_postings l
				JOIN ledger_accounts a ON a.merchant_id = l.merchant_id AND a.id = l.credit_account_id
			) side GROUP BY currency HAVING sum(amount) <> 0`,
		TrialBalance: `WITH side AS (
				SELECT merchant_id, debit_account_id AS id, amount FROM ledger_postings
				UNION ALL SELECT merchant_id, credit_account_id, -amount FROM ledger_postings
			), balance AS (
				SELECT a.merchant_id, a.currency,
					coalesce(sum(s.amount) FILTER (WHERE a.code = 'provider_clearing'), 0) AS clearing,
					coalesce(sum(s.amount) FILTER (WHERE a.code = 'merchant_payable'), 0) AS payable
				FROM ledger_accounts a JOIN side s ON s.merchant_id = a.merchant_id AND s.id = a.id GROUP BY 1, 2
			), paid AS (
				SELECT merchant_id, currency, sum(amount_captured - amount_refunded) AS amount FROM payments GROUP BY 1, 2
			) SELECT coalesce(b.currency, p.currency) FROM balance b FULL JOIN paid p USING (merchant_id, currency)
			WHERE coalesce(b.clearing, 0) <> coalesce(p.amount, 0) OR coalesce(b.payable, 0) <> -coalesce(p.amount, 0)`,
		MoneyOfOrder: `SELECT o.id::text FROM orders o LEFT JOIN payments p
			ON p.merchant_id = o.merchant_id AND p.order_id = o.id GROUP BY o.merchant_id, o.id
			HAVING o.amount_paid <> coalesce(sum(p.amount_captured), 0) OR o.amount_reserved <>
			coalesce(sum(p.amount) FILTER (WHERE p.status IN ('processing', 'requires_action', 'requires_capture')), 0)`,
		EventOfPayment: `SELECT p.id::text FROM payments p LEFT JOIN events e
			ON e.merchant_id = p.merchant_id AND e.resource_id = p.id AND e.type = 'payment.succeeded'
			WHERE p.status = 'succeeded' GROUP BY p.merchant_id, p.id HAVING count(e.id) <> 1`,
		AttemptOfQuestion: `SELECT a.id::text FROM provider_attempts a JOIN payments p
			ON p.merchant_id = a.merchant_id AND p.id = a.payment_id
			WHERE a.status IN ('sent', 'unknown') AND p.status NOT IN ('processing', 'requires_action')`,
	}
}

// checkDatabase asks for what must not be there.
func (c *checker) checkDatabase(ctx context.Context) error {
	invariants := Invariants()
	for _, rule := range slices.Sorted(maps.Keys(invariants)) {
		found, err := list(ctx, c.in.DB, invariants[rule])
		if err != nil {
			return fmt.Errorf("%s: %w", rule, err)
		}
		for _, what := range found {
			c.report.violated(rule, "%s", what)
		}
	}
	return c.checkProgress(ctx)
}

// checkProgress looks for keys that had no outcome for longer than the bound, counted from the end of the last fault
// where that was later.
func (c *checker) checkProgress(ctx context.Context) error {
	if c.in.Bound <= 0 {
		c.report.skip("how long keys were in progress: no bound is given")
		return nil
	}
	for rule, condition := range map[Rule]string{
		NothingStuck:    `state = 'in_progress' AND clock_timestamp()`,
		ConvergedInTime: `state <> 'in_progress' AND operation IS NOT NULL AND completed_at`,
	} {
		found, err := list(ctx, c.in.DB, `SELECT path || ', ' || state || ', fence ' || fence || ', begun ' || created_at ||
			coalesce(', completed ' || completed_at, '') FROM idempotency_keys
			WHERE `+condition+` > greatest(created_at, $1::timestamptz) + make_interval(secs => $2)`,
			c.ended.Time().Format(time.RFC3339Nano), c.in.Bound.Seconds())
		if err != nil {
			return fmt.Errorf("%s: %w", rule, err)
		}
		for _, what := range found {
			c.report.violated(rule, "%s; bound %s after %s", what, c.in.Bound, c.ended.Time().Format(time.RFC3339Nano))
		}
	}
	return nil
}
