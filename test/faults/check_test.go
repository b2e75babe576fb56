package faults

import (
	"context"
	"encoding/base64"
	"slices"

	"github.com/payonce/payonce/test/check"
	"github.com/payonce/payonce/test/service"
)

const openRows = `SELECT (SELECT count(*) FROM idempotency_keys WHERE state = 'in_progress') +
	(SELECT count(*) FROM payments WHERE status = 'processing' AND status_reason IS DISTINCT FROM 'needs_review') +
	(SELECT count(*) FROM provider_attempts WHERE status IN ('sent', 'unknown') AND operation <> 'authorize') +
	(SELECT count(*) FROM undos WHERE ended_at IS NULL)`

// check waits until no key is in progress, and nothing unresolved or to be undone, and then holds what clients saw, Postgres, Redis and
// the provider's charges against each other. A test in which a rule can't hold names it.
func (w *world) check(redisURL string) {
	w.t.Helper()
	service.Until(w.t, "everything is settled", func() bool { return w.number(openRows) == 0 })
	secret, err := base64.StdEncoding.DecodeString(service.SecretKey)
	if err != nil {
		w.t.Fatal(err)
	}
	w.history.mu.Lock()
	history := slices.Clone(w.history.events)
	w.history.mu.Unlock()
	report, err := check.Run(context.Background(), check.Input{
		History: check.Events(history), SameClock: true, DB: w.db, Redis: redisClient(w.t, redisURL), Secrets: [][]byte{secret},
		Charges: w.provider.Charges(), Bound: slack,
	})
	if err != nil {
		w.t.Fatal(err)
	}
	for _, v := range report.Violations {
		if !slices.Contains(w.except, v.Rule) {
			w.t.Errorf("%s: %s", v.Rule, v.Detail)
		}
	}
	if report.Outcomes == 0 || report.Records == 0 || report.Charges == 0 {
		w.t.Errorf("nothing was checked:\n%s", report)
	}
}
