package crash

import (
	"fmt"
	"strings"
	"time"
)

// converged waits until nothing is in progress and every payment that can be settled is, and then checks what must hold
// in every cell of the fault matrix.
func (w *world) converged() {
	w.t.Helper()
	eventually(w.t, 15*time.Second, "no record in progress and no unresolved payment", func() bool {
		return w.text(`SELECT count(*) FROM idempotency_keys WHERE state = 'in_progress'`) == "0" &&
			w.text(`SELECT count(*) FROM payments WHERE status = 'processing' AND coalesce(status_reason, '') <> 'needs_review'`) == "0"
	})
	w.check()
}

// check holds Postgres and the bank's book to each other.
func (w *world) check() {
	w.t.Helper()
	for what, query := range map[string]string{
		"a key paid more than once":           `SELECT count(*) FROM (SELECT 1 FROM payments GROUP BY merchant_id, idempotency_key_hash HAVING count(*) > 1) x`,
		"an order with two live payments":     `SELECT count(*) FROM (SELECT 1 FROM payments WHERE status NOT IN ('failed','canceled','expired') GROUP BY merchant_id, order_id HAVING count(*) > 1) x`,
		"a stored answer that is no outcome":  `SELECT count(*) FROM idempotency_keys WHERE status >= 300 AND status <> 402`,
		"captures without a ledger entry":     `SELECT count(*) FROM captures c LEFT JOIN ledger_entries e ON e.merchant_id = c.merchant_id AND e.source_id = c.id WHERE e.id IS NULL`,
		"ledger entries without a capture":    `SELECT count(*) FROM ledger_entries e LEFT JOIN captures c ON e.merchant_id = c.merchant_id AND e.source_id = c.id WHERE c.id IS NULL`,
		"captured money not in the ledger":    `SELECT coalesce((SELECT sum(amount_captured) FROM payments), 0) - coalesce((SELECT sum(amount) FROM ledger_postings), 0)`,
		"paid orders that differ from money":  `SELECT coalesce((SELECT sum(amount_paid) FROM orders), 0) - coalesce((SELECT sum(amount_captured) FROM payments), 0)`,
		"reservations of no live payment":     `SELECT count(*) FROM orders o WHERE amount_reserved > 0 AND NOT EXISTS (SELECT 1 FROM payments p WHERE p.merchant_id = o.merchant_id AND p.order_id = o.id AND p.status IN ('processing','requires_action','requires_capture','partially_captured'))`,
		"succeeded payments without an event": `SELECT count(*) FROM payments p WHERE status = 'succeeded' AND NOT EXISTS (SELECT 1 FROM events e WHERE e.merchant_id = p.merchant_id AND e.resource_id = p.id AND e.type = 'payment.succeeded')`,
	} {
		if got := w.text(query); got != "0" {
			w.t.Errorf("%s: %s", what, got)
		}
	}
	w.checkBook()
}

// checkBook: every charge is one payment, and every succeeded payment one charge, with the same money.
func (w *world) checkBook() {
	w.t.Helper()
	keys := map[string]bool{}
	book := 0
	for _, c := range w.bank.charges() {
		if keys[c.IdempotencyKey] {
			w.t.Errorf("two charges under one key: %+v", c)
		}
		keys[c.IdempotencyKey] = true
		if c.Status != "succeeded" {
			continue
		}
		ours := w.text(`SELECT p.status || ' ' || p.amount_captured || ' ' || p.currency || ' ' || coalesce(p.status_reason, '') FROM payments p
			JOIN provider_attempts a ON a.merchant_id = p.merchant_id AND a.payment_id = p.id WHERE a.provider_key = $1`, c.IdempotencyKey)
		if strings.HasSuffix(ours, "needs_review") {
			continue
		}
		book++
		if want := fmt.Sprintf("succeeded %d %s ", c.Amount, strings.ToUpper(c.Currency)); ours != want {
			w.t.Errorf("charge %+v is the payment %q", c, ours)
		}
	}
	if got := w.text(`SELECT count(*) FROM payments WHERE status = 'succeeded'`); got != fmt.Sprint(book) {
		w.t.Errorf("%s payments succeeded and %d charges stand in the book", got, book)
	}
}
