package faults

import (
	"context"
	"maps"
	"strings"

	"github.com/google/uuid"

	"github.com/payonce/payonce/models"
	"github.com/payonce/payonce/test/service"
)

// violations are what must never be found, whatever happened before. Each row that one of them returns is a failure.
// They hold at any moment; what is still open is settled's business.
func violations() map[string]string {
	return map[string]string{
		"something that is no outcome was stored": `SELECT status FROM idempotency_keys
		WHERE status IS NOT NULL AND status NOT BETWEEN 200 AND 299 AND status <> 402`,
		"two payments under one key": `SELECT idempotency_key_hash FROM payments
		GROUP BY merchant_id, idempotency_key_hash HAVING count(*) > 1`,
		"two live payments for one order": `SELECT order_id FROM payments WHERE status NOT IN ('failed', 'canceled', 'expired')
		GROUP BY merchant_id, order_id HAVING count(*) > 1`,
		"a payment whose record does not name it": `SELECT p.id FROM payments p JOIN idempotency_keys k
		ON k.merchant_id = p.merchant_id AND k.key_hash = p.idempotency_key_hash WHERE k.resource_id IS DISTINCT FROM p.id`,
		"a record without its resource": `SELECT k.resource_id FROM idempotency_keys k
		LEFT JOIN payments p ON p.merchant_id = k.merchant_id AND p.id = k.resource_id
		LEFT JOIN orders o ON o.merchant_id = k.merchant_id AND o.id = k.resource_id
		WHERE p.id IS NULL AND o.id IS NULL`,
		"a payment without its record": `SELECT p.id FROM payments p LEFT JOIN idempotency_keys k
		ON k.merchant_id = p.merchant_id AND k.key_hash = p.idempotency_key_hash WHERE k.key_hash IS NULL`,
		"an order without its record": `SELECT o.id FROM orders o LEFT JOIN idempotency_keys k
		ON k.merchant_id = o.merchant_id AND k.resource_id = o.id WHERE k.key_hash IS NULL`,
		"captured money and the ledger differ": `SELECT p.id FROM payments p LEFT JOIN captures c
		ON c.merchant_id = p.merchant_id AND c.payment_id = p.id AND c.status = 'succeeded'
		LEFT JOIN ledger_entries e ON e.merchant_id = c.merchant_id AND e.kind = 'capture' AND e.source_id = c.id
		LEFT JOIN ledger_postings l ON l.merchant_id = e.merchant_id AND l.entry_id = e.id AND l.currency = p.currency
		GROUP BY p.merchant_id, p.id HAVING p.amount_captured <> coalesce(sum(l.amount), 0)`,
		"a posting that belongs to no capture": `SELECT e.id FROM ledger_entries e
		LEFT JOIN captures c ON c.merchant_id = e.merchant_id AND c.id = e.source_id WHERE c.id IS NULL`,
		"an order's money and its payments' differ": `SELECT o.id FROM orders o LEFT JOIN payments p
		ON p.merchant_id = o.merchant_id AND p.order_id = o.id GROUP BY o.merchant_id, o.id
		HAVING o.amount_paid <> coalesce(sum(p.amount_captured), 0) OR o.amount_reserved <>
		coalesce(sum(p.amount) FILTER (WHERE p.status IN ('processing', 'requires_action', 'requires_capture')), 0)`,
		"a succeeded payment without its event": `SELECT p.id FROM payments p WHERE p.status = 'succeeded' AND
		(SELECT count(*) FROM events e WHERE e.merchant_id = p.merchant_id AND e.resource_id = p.id
			AND e.type = 'payment.succeeded') <> 1`,
		"an attempt that outlived its payment's question": `SELECT a.id FROM provider_attempts a JOIN payments p
		ON p.merchant_id = a.merchant_id AND p.id = a.payment_id
		WHERE a.status IN ('sent', 'unknown') AND p.status NOT IN ('processing', 'requires_action')`,
	}
}

const openRows = `SELECT (SELECT count(*) FROM idempotency_keys WHERE state = 'in_progress') +
	(SELECT count(*) FROM payments WHERE status = 'processing' AND status_reason IS DISTINCT FROM 'needs_review')`

// settled waits until no key is in progress and no payment unresolved.
func (w *world) settled() {
	w.t.Helper()
	until(w.t, "everything is settled", func() bool { return w.number(openRows) == 0 })
}

// check waits until everything is settled and reads Postgres, the provider's book and the clients' history.
func (w *world) check() {
	w.t.Helper()
	w.settled()
	w.invariants()
	w.remembered()
	w.charges()
}

func (w *world) invariants() {
	w.t.Helper()
	for what, query := range violations() {
		if n := w.number("SELECT count(*) FROM (" + query + ") found"); n > 0 {
			w.t.Errorf("%s: %d times", what, n)
		}
	}
}

// remembered: whatever a client was told stands in Postgres, byte for byte.
func (w *world) remembered() {
	w.t.Helper()
	for key, resp := range w.outcomes() {
		n := w.number(`SELECT count(*) FROM idempotency_keys WHERE key_hash = $1 AND
			(state = 'expired' OR (state = 'completed' AND status = $2 AND body = $3))`, hashOf(key), resp.Status, resp.Body)
		if n < 1 {
			w.t.Errorf("no record holds what was answered under the key %s: %s", key, resp)
		}
	}
}

// paid is what our side says about a payment that took or holds money.
type paid struct {
	amount   int64
	currency string
	review   bool
}

// charges: our payments and the provider's charges are the same set, with the same amounts.
func (w *world) charges() {
	w.t.Helper()
	ours := w.payments()
	keys := map[string]bool{}
	for _, charge := range w.provider.Charges() {
		payment := charge.Metadata["payment_id"]
		p, known := ours[payment]
		switch {
		case !known:
			w.t.Errorf("charge %s belongs to no payment that took money: %s", charge.ID, payment)
		case !p.review && (p.amount != charge.Amount || !strings.EqualFold(p.currency, charge.Currency)):
			w.t.Errorf("charge %s of %d %s is %d %s here", charge.ID, charge.Amount, charge.Currency, p.amount, p.currency)
		}
		if keys[charge.IdempotencyKey] {
			w.t.Errorf("two charges under the provider key %s", charge.IdempotencyKey)
		}
		keys[charge.IdempotencyKey] = true
		delete(ours, payment)
	}
	for payment, p := range ours {
		if !p.review {
			w.t.Errorf("payment %s has no charge of its own", payment)
		}
	}
}

func (w *world) payments() map[string]paid {
	w.t.Helper()
	rows, err := w.db.QueryContext(context.Background(), `SELECT id, amount, currency, status_reason IS NOT DISTINCT FROM 'needs_review'
		FROM payments WHERE status IN ('succeeded', 'requires_capture') OR status_reason = 'needs_review'`)
	if err != nil {
		w.t.Fatal(err)
	}
	defer func() { _ = rows.Close() }()
	ours := map[string]paid{}
	for rows.Next() {
		var (
			id uuid.UUID
			p  paid
		)
		if err := rows.Scan(&id, &p.amount, &p.currency, &p.review); err != nil {
			w.t.Fatal(err)
		}
		ours[models.FormatID(models.PrefixPayment, id)] = p
	}
	if err := rows.Err(); err != nil {
		w.t.Fatal(err)
	}
	return ours
}

func (w *world) outcomes() map[string]service.Response {
	w.mu.Lock()
	defer w.mu.Unlock()
	return maps.Clone(w.answers)
}
