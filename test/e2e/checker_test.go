package e2e

import (
	"context"
	"encoding/base64"
	"slices"
	"time"

	"github.com/payonce/payonce/test/check"
	"github.com/payonce/payonce/test/service"
)

// settleLimit is how long it may take after the last fault until nothing is open any more: lease, recovery interval and
// provider timeout of the hasty settings, then the checks of a payment whose outcome is unknown.
const settleLimit = 25 * time.Second

const openRows = `SELECT (SELECT count(*) FROM idempotency_keys WHERE state = 'in_progress') +
	(SELECT count(*) FROM payments WHERE status = 'processing' AND status_reason IS DISTINCT FROM 'needs_review') +
	(SELECT count(*) FROM provider_attempts WHERE status IN ('sent', 'unknown') AND operation <> 'authorize')`

// settled waits until no key is in progress and no payment unresolved.
func (s *shop) settled() {
	s.t.Helper()
	service.Within(s.t, settleLimit, "everything is settled", func() bool { return s.number(openRows) == 0 })
}

// check waits until everything is settled and holds Postgres, the provider's charges and the clients' history against each
// other. A test in which a rule can't hold names it.
func (s *shop) check(except ...check.Rule) {
	s.t.Helper()
	s.settled()
	s.mu.Lock()
	history := slices.Clone(s.history)
	s.mu.Unlock()
	secret, err := base64.StdEncoding.DecodeString(service.SecretKey)
	if err != nil {
		s.t.Fatal(err)
	}
	report, err := check.Run(context.Background(), check.Input{
		DB: s.db, Secrets: [][]byte{secret}, Charges: s.provider().Charges(), History: check.Events(history), SameClock: true,
	})
	if err != nil {
		s.t.Error(err)
		return
	}
	for _, v := range report.Violations {
		if !slices.Contains(except, v.Rule) {
			s.t.Errorf("%s: %s", v.Rule, v.Detail)
		}
	}
	if report.Outcomes == 0 {
		s.t.Error("no outcome stands in the history: nothing was checked")
	}
}
