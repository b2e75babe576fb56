package scaleout

import (
	"context"
	"database/sql"
	"encoding/base64"
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver of shop.db
	"github.com/redis/go-redis/v9"

	"github.com/payonce/payonce/test/check"
	"github.com/payonce/payonce/test/service"
)

const (
	merchants       = 2
	workers         = 8
	providerTimeout = 3 * time.Second
	lease           = 5 * time.Second
	recovery        = 200 * time.Millisecond
	// bound is how long a key may have no outcome after the last fault, and what a busy machine adds.
	bound = lease + recovery + providerTimeout + 20*time.Second
	// patience is how long a client waits for one answer.
	patience = 10 * time.Second
)

// shop is a number of replicas, the clients that buy there, and what those were told.
type shop struct {
	t        *testing.T
	replicas []*service.Service
	clients  [merchants][]*service.Client // by replica
	provider *service.Simulator
	db       *sql.DB
	cache    redis.UniversalClient

	mu      sync.Mutex
	history []check.Event
	faults  []check.Fault
	bought  []purchase

	leaveOut func(check.Event) bool // of the history that the checker judges; nil: nothing
	listed   map[string]bool        // payments that reconcile has listed, whose charges the checker needs not find

	keys    atomic.Int64
	unheard atomic.Int64 // requests whose client never had an outcome
}

// open starts n replicas with these settings on top of the shop's own. The checker reads the database at readURL and, unless it is nil, the cache.
func open(t *testing.T, n int, opt service.Options, readURL string, cache redis.UniversalClient) *shop {
	t.Helper()
	s := &shop{t: t, provider: service.StartSimulator(t), cache: cache}
	opt.ProviderURL = s.provider.URL()
	env := map[string]string{
		"PROVIDER_TIMEOUT": providerTimeout.String(), "COMPLETION_BUDGET": "2s", "IDEMPOTENCY_LEASE": lease.String(),
		"RECOVERY_INTERVAL": recovery.String(), "PROVIDER_SETTLE": "200ms", "LOG_LEVEL": "info",
	}
	for name, value := range opt.Env {
		env[name] = value
	}
	opt.Env = env
	folder := t.TempDir()
	for i := range n {
		opt.LogFile = filepath.Join(folder, fmt.Sprintf("replica-%d.log", i))
		s.replicas = append(s.replicas, service.Start(t, opt))
	}
	var err error
	if s.db, err = sql.Open("pgx", readURL); err != nil {
		t.Fatal(err)
	}
	s.db.SetMaxIdleConns(-1) // a connection may end with its server
	t.Cleanup(func() { _ = s.db.Close() })
	for m := range s.clients {
		id, key := service.Merchant(t, readURL)
		for _, r := range s.replicas {
			s.clients[m] = append(s.clients[m], r.Client(key).Of(id).Recorded(s.record))
		}
	}
	return s
}

func (s *shop) record(e check.Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.history = append(s.history, e)
}

func (s *shop) key() string { return fmt.Sprintf("scaleout-%d", s.keys.Add(1)) }

// underLoad lets clients buy for the wanted time, and happen in the middle of it.
func (s *shop) underLoad(happen func()) {
	s.t.Helper()
	stop := make(chan struct{})
	done := s.buyUntil(stop)
	pause(wanted.length / 2)
	if happen != nil {
		happen()
	}
	pause(wanted.length / 2)
	close(stop)
	<-done
}

// strike does something that breaks an engine, and notes it for the checker. It ends when the engine is whole again.
func (s *shop) strike(kind string, stops bool, do func()) {
	began := time.Now()
	do()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = append(s.faults, check.Fault{Kind: kind, Began: check.At(began), Ended: check.At(time.Now()), Stops: stops})
}

// pause waits for d.
func pause(d time.Duration) { <-time.After(d) }

// number reads one number from the database.
func (s *shop) number(query string, args ...any) (n int64) {
	s.t.Helper()
	if err := s.db.QueryRowContext(context.Background(), query, args...).Scan(&n); err != nil {
		s.t.Errorf("%s: %v", query, err)
	}
	return n
}

const openRows = `SELECT (SELECT count(*) FROM idempotency_keys WHERE state = 'in_progress') +
	(SELECT count(*) FROM payments WHERE status = 'processing') +
	(SELECT count(*) FROM provider_attempts WHERE status IN ('sent', 'unknown'))`

func (s *shop) settled() {
	s.t.Helper()
	service.Within(s.t, 2*time.Minute, "everything is settled", func() bool { return s.number(openRows) == 0 })
}

// verdict waits until nothing is open any more, stops the replicas so that their logs are whole, and lets the checker judge.
func (s *shop) verdict() {
	s.t.Helper()
	s.settled()
	secret, err := base64.StdEncoding.DecodeString(service.SecretKey)
	if err != nil {
		s.t.Fatal(err)
	}
	var logs []string
	for i, r := range s.replicas {
		if code := r.Stop(); code != 0 {
			s.t.Errorf("replica %d ended with %d:\n%s", i, code, r.Log())
		}
		logs = append(logs, r.Options.LogFile)
	}
	s.mu.Lock()
	history, faults := slices.Clone(s.history), slices.Clone(s.faults)
	s.mu.Unlock()
	if s.leaveOut != nil {
		history = slices.DeleteFunc(history, s.leaveOut)
	}
	charges := slices.DeleteFunc(s.provider.Charges(), func(c check.Charge) bool { return s.listed[c.Metadata["payment_id"]] })
	report, err := check.Run(context.Background(), check.Input{
		History: check.Events(history), DB: s.db, Redis: s.cache, Secrets: [][]byte{secret}, Charges: charges,
		Faults: faults, Logs: logs, Forbidden: service.Secrets(), Bound: bound, SameClock: true,
	})
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Logf("%s", report)
	s.judge(report)
}

// judge fails the test for what is in the report, and for what is missing there.
func (s *shop) judge(report *check.Report) {
	s.t.Helper()
	if !report.OK() {
		s.t.Errorf("%d violations", report.Total())
	}
	if report.Outcomes < 20 || report.Compared == 0 || report.Charges == 0 {
		s.t.Errorf("%d outcomes, %d records compared, %d charges: too little was checked", report.Outcomes, report.Compared, report.Charges)
	}
	if s.cache != nil && report.Cached == 0 {
		s.t.Error("nothing was cached")
	}
	if n := report.Statuses[http.StatusInternalServerError]; n > 0 {
		s.t.Errorf("%d internal errors", n)
	}
	if n := s.unheard.Load(); n > 0 {
		s.t.Errorf("%d clients never had an outcome", n)
	}
}
