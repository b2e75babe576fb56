package gateway

import (
	"context"
	"database/sql"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver of world.db

	"github.com/payonce/payonce/test/check"
	"github.com/payonce/payonce/test/service"
)

// world is replicas of the real service behind a gateway, and one merchant whose requests are all written down.
type world struct {
	*service.Client // through the gateway
	t               *testing.T
	place           place
	gateway         *gateway
	replicas        []*service.Service
	ended           []string // the logs of processes that have ended
	db              *sql.DB

	mu      sync.Mutex
	history []check.Event
}

// open starts n replicas behind a gateway. env is the replicas'.
func open(t *testing.T, n int, env map[string]string, ofGateway ...string) *world {
	t.Helper()
	needsLinuxAnd(t, "haproxy", "openssl", "make")
	w := &world{t: t, place: findPlace(t, n)}
	settings := map[string]string{
		"TRUSTED_PROXIES": "127.0.0.1", "PROVIDER_TIMEOUT": "2s", "COMPLETION_BUDGET": "1s", "IDEMPOTENCY_LEASE": "3s",
		"RECOVERY_INTERVAL": "200ms", "PROVIDER_SETTLE": "200ms", "LOG_LEVEL": "info",
	}
	maps.Copy(settings, env)
	for i := range n {
		w.start(i, settings)
	}
	db, err := sql.Open("pgx", w.replicas[0].Options.DatabaseURL)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	w.db = db
	w.gateway = startGateway(t, w.place, ofGateway...)
	w.Client = w.replicas[0].NewMerchant().Recorded(w.record).Via(w.gateway.URL())
	return w
}

func (w *world) start(i int, settings map[string]string) {
	w.t.Helper()
	settings = maps.Clone(settings)
	settings["ADDR"] = w.place.at(i)
	if i == 0 {
		w.replicas = append(w.replicas, service.Start(w.t, service.Options{Env: settings}))
		return
	}
	w.replicas = append(w.replicas, w.replicas[0].Replica(settings))
}

func (w *world) record(e check.Event) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.history = append(w.history, e)
}

// openRows is what is in progress or not settled.
const openRows = `SELECT (SELECT count(*) FROM idempotency_keys WHERE state = 'in_progress') +
	(SELECT count(*) FROM payments WHERE status = 'processing' AND status_reason IS DISTINCT FROM 'needs_review') +
	(SELECT count(*) FROM provider_attempts WHERE status IN ('sent', 'unknown') AND operation <> 'authorize')`

// check waits until everything is settled, and holds what clients saw, PostgreSQL and the provider's charges against each other.
func (w *world) check(faults ...check.Fault) {
	w.t.Helper()
	service.Until(w.t, "everything is settled", func() bool {
		var n int
		err := w.db.QueryRowContext(context.Background(), openRows).Scan(&n)
		return err == nil && n == 0
	})
	w.mu.Lock()
	history := slices.Clone(w.history)
	w.mu.Unlock()
	report, err := check.Run(context.Background(), check.Input{
		DB: w.db, Charges: w.replicas[0].Simulator.Charges(), History: check.Events(history), SameClock: true, Faults: faults, Bound: time.Minute,
	})
	if err != nil {
		w.t.Fatal(err)
	}
	for _, v := range report.Violations {
		w.t.Errorf("%s: %s", v.Rule, v.Detail)
	}
	if report.Outcomes == 0 {
		w.t.Error("no outcome stands in the history: nothing was checked")
	}
	w.t.Logf("%d requests, %d outcomes, %d violations", len(history), report.Outcomes, len(report.Violations))
}
