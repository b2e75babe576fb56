package clients

import (
	"context"
	"encoding/base64"
	"slices"
	"strconv"
	"time"

	"github.com/payonce/payonce/test/check"
	"github.com/payonce/payonce/test/service"
)

// figures are what was counted behind a run of n purchases, each an order and its payment.
type figures struct {
	orders, purchases, payments, charges int // purchases: different ones among the orders
}

// double are orders and charges that are too many.
func (f figures) double() int { return f.orders - f.purchases + max(0, f.charges-f.purchases) }

// lost are purchases of n without a payment and a charge.
func (f figures) lost(n int) int { return n - min(f.purchases, f.payments, f.charges) }

const openRows = `SELECT (SELECT count(*) FROM idempotency_keys WHERE state = 'in_progress') +
	(SELECT count(*) FROM payments WHERE status = 'processing') +
	(SELECT count(*) FROM provider_attempts WHERE status IN ('sent', 'unknown'))`

const counts = `SELECT count(*), count(DISTINCT metadata->>'purchase'),
	(SELECT count(*) FROM payments WHERE status = 'succeeded') FROM orders`

// count waits until everything is settled, and counts rows and charges.
func (w *world) count() (f figures) {
	w.t.Helper()
	service.Until(w.t, "everything is settled", func() bool {
		var n int
		err := w.db.QueryRowContext(context.Background(), openRows).Scan(&n)
		return err == nil && n == 0
	})
	w.must(w.db.QueryRowContext(context.Background(), counts).Scan(&f.orders, &f.purchases, &f.payments))
	for _, charge := range w.provider.Charges() {
		if charge.Status == "succeeded" {
			f.charges++
		}
	}
	return f
}

// check stops the replicas, so that their logs are whole, and holds what clients saw, PostgreSQL, Redis, the provider's charges and
// the logs against each other.
func (w *world) check() *check.Report {
	w.t.Helper()
	secret, err := base64.StdEncoding.DecodeString(service.SecretKey)
	w.must(err)
	var logs []string
	for _, r := range w.replicas {
		if code := r.Stop(); code != 0 {
			w.t.Errorf("a replica ended with %d", code)
		}
		logs = append(logs, r.Options.LogFile)
	}
	w.mu.Lock()
	history, faults := slices.Clone(w.history), slices.Clone(w.faults)
	w.mu.Unlock()
	slices.SortStableFunc(history, func(a, b check.Event) int { return int(a.Answered - b.Answered) })
	report, err := check.Run(context.Background(), check.Input{
		DB: w.db, Redis: w.cache, Secrets: [][]byte{secret}, Charges: w.provider.Charges(), History: check.Events(history), Faults: faults,
		Logs: logs, Forbidden: service.Secrets(), SameClock: true, ClockError: 2 * time.Millisecond, Bound: time.Minute,
	})
	w.must(err)
	for _, v := range report.Violations {
		w.t.Errorf("%s: %s", v.Rule, v.Detail)
	}
	return report
}

// purchase names the nth purchase of a client.
func purchase(client string, n int) string { return client + "-" + strconv.Itoa(n) }
