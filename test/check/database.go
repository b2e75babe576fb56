package check

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
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
			GROUP BY p.merchant_id, p.id HAVING p.amount_captured <> coalesce(sum(l.amount), 0)
			UNION ALL SELECT p.id::text FROM payments p LEFT JOIN refunds r
			ON r.merchant_id = p.merchant_id AND r.payment_id = p.id AND r.status = 'succeeded'
			LEFT JOIN ledger_entries e ON e.merchant_id = r.merchant_id AND e.kind = 'refund' AND e.source_id = r.id
			LEFT JOIN ledger_postings l ON l.merchant_id = e.merchant_id AND l.entry_id = e.id AND l.currency = p.currency
			GROUP BY p.merchant_id, p.id HAVING p.amount_refunded <> coalesce(sum(l.amount), 0)`,
		CaptureOfEntry: `SELECT e.id::text FROM ledger_entries e
			LEFT JOIN captures c ON c.merchant_id = e.merchant_id AND c.id = e.source_id WHERE e.kind = 'capture' AND c.id IS NULL`,
		RefundOfEntry: `SELECT e.id::text FROM ledger_entries e
			LEFT JOIN refunds r ON r.merchant_id = e.merchant_id AND r.id = e.source_id WHERE e.kind = 'refund' AND r.id IS NULL`,
		// What is reserved is what is pending, and what has moved is what has succeeded.
		CountersOfPayment: `SELECT p.id::text FROM payments p
			LEFT JOIN (SELECT merchant_id, payment_id, coalesce(sum(amount) FILTER (WHERE status = 'pending'), 0) AS open,
				coalesce(sum(amount) FILTER (WHERE status = 'succeeded'), 0) AS made FROM captures GROUP BY 1, 2) c
				ON c.merchant_id = p.merchant_id AND c.payment_id = p.id
			LEFT JOIN (SELECT merchant_id, payment_id, coalesce(sum(amount) FILTER (WHERE status = 'pending'), 0) AS open,
				coalesce(sum(amount) FILTER (WHERE status = 'succeeded'), 0) AS made FROM refunds GROUP BY 1, 2) r
				ON r.merchant_id = p.merchant_id AND r.payment_id = p.id
			WHERE (p.amount_capturing, p.amount_captured, p.amount_refunding, p.amount_refunded) IS DISTINCT FROM
				(coalesce(c.open, 0), coalesce(c.made, 0), coalesce(r.open, 0), coalesce(r.made, 0))`,
		// Orders, automatic captures and discrepancies are made with their first version; what is asked of the provider shows something new from
		// the second on.
		AnEventPerVersion: `WITH resource AS (
				SELECT merchant_id, id, version, 1 AS first FROM orders
				UNION ALL SELECT merchant_id, id, version, 2 FROM payments
				UNION ALL SELECT merchant_id, id, version, CASE WHEN key_hash IS NULL THEN 1 ELSE 2 END FROM captures
				UNION ALL SELECT merchant_id, id, version, 2 FROM refunds
				UNION ALL SELECT merchant_id, id, version, 1 FROM discrepancies
			), expected AS (SELECT merchant_id, id, generate_series(first, version) AS version FROM resource
			), written AS (SELECT merchant_id, resource_id AS id, resource_version AS version, count(*) AS events FROM events
				WHERE resource_type IN ('order', 'payment', 'capture', 'refund', 'discrepancy') GROUP BY 1, 2, 3
			) SELECT coalesce(e.id, w.id) || ' version ' || coalesce(e.version, w.version) || ': ' || coalesce(w.events, 0) || ' events'
			FROM expected e FULL JOIN written w USING (merchant_id, id, version) WHERE e.id IS NULL OR w.events IS DISTINCT FROM 1`,
		TimesGoOn: `SELECT id || ' version ' || version || ' changed at ' || at || ', and before that at ' || last FROM (
				SELECT resource_id AS id, resource_version AS version, (data ->> 'updated_at')::timestamptz AS at,
					greatest((data ->> 'created_at')::timestamptz, lag((data ->> 'updated_at')::timestamptz) OVER (
						PARTITION BY merchant_id, resource_id ORDER BY resource_version) + interval '1 microsecond') AS last
				FROM events WHERE data ? 'updated_at'
			) change WHERE at < last`,
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
			HAVING o.amount_paid <> coalesce(sum(p.amount_captured), 0) OR o.amount_refunded <> coalesce(sum(p.amount_refunded), 0)
			OR o.amount_reserved <> coalesce(sum(CASE WHEN p.status IN ('processing', 'requires_action') THEN p.amount
				WHEN p.status IN ('requires_capture', 'partially_captured') THEN p.amount_authorized - p.amount_captured - p.amount_voided
				ELSE 0 END), 0)`,
		// A refund changes a payment that has succeeded, but not its state.
		EventOfPayment: `SELECT p.id::text FROM payments p LEFT JOIN events e
			ON e.merchant_id = p.merchant_id AND e.resource_id = p.id AND e.type = 'payment.succeeded'
			WHERE p.status = 'succeeded' GROUP BY p.merchant_id, p.id HAVING count(e.id) <> 1`,
		AttemptOfQuestion: `SELECT a.id::text FROM provider_attempts a
			LEFT JOIN payments p ON p.merchant_id = a.merchant_id AND p.id = a.operation_id
			LEFT JOIN captures c ON c.merchant_id = a.merchant_id AND c.id = a.operation_id
			LEFT JOIN refunds r ON r.merchant_id = a.merchant_id AND r.id = a.operation_id
			LEFT JOIN voids v ON v.merchant_id = a.merchant_id AND v.id = a.operation_id
			WHERE a.status IN ('sent', 'unknown') AND coalesce(p.status, c.status, r.status, v.status, 'lost')
				NOT IN ('processing', 'requires_action', 'pending')`,
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
		if rule == AnEventPerVersion && !c.in.TellsFrom.IsZero() {
			if found, err = c.madeSince(ctx, c.in.TellsFrom, found); err != nil {
				return fmt.Errorf("%s: %w", rule, err)
			}
		}
		for _, what := range found {
			c.report.violated(rule, "%s", what)
		}
	}
	return c.checkProgress(ctx)
}

// madeSince leaves of what begins with a resource's id those that were made at or after a time.
func (c *checker) madeSince(ctx context.Context, begin time.Time, found []string) ([]string, error) {
	older, err := list(ctx, c.in.DB, `SELECT id::text FROM (SELECT id, created_at FROM orders UNION ALL SELECT id, created_at FROM payments
		UNION ALL SELECT id, created_at FROM captures UNION ALL SELECT id, created_at FROM refunds
		UNION ALL SELECT id, found_at FROM discrepancies) made WHERE created_at < $1`, begin)
	if err != nil {
		return nil, err
	}
	before := make(map[string]bool, len(older))
	for _, id := range older {
		before[id] = true
	}
	return slices.DeleteFunc(found, func(what string) bool {
		id, _, _ := strings.Cut(what, " ")
		return before[id]
	}), nil
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
