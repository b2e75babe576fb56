package resolution

import (
	"crypto/sha256"
	"database/sql"
	"flag"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	_ "github.com/jackc/pgx/v5/stdlib" // the driver

	"github.com/payonce/payonce/test/check"
	"github.com/payonce/payonce/test/service"
)

// each is a flag of this test binary. A global, because flags have no other way to a test.
var each int

func TestMain(m *testing.M) {
	flag.IntVar(&each, "each", 1, "operations of each kind and fault; from 20 on the aim has to be reached")
	flag.Parse()
	os.Exit(service.Main(m))
}

const (
	providerTimeout = time.Second
	atOnce          = 8 // fewer than the failures in a row that open the breaker
	// aim is for the slowest of a hundred. A run of a few says nothing of that: it only has to end.
	aim      = 5 * time.Second
	enough   = 20
	patience = 2 * time.Minute
)

// scenario is one operation and what goes wrong with its call.
type scenario struct{ operation, fault string }

func scenarios() (all []scenario) {
	for _, operation := range []string{"authorize", "capture", "refund", "void"} {
		for _, fault := range []string{"timeout_done", "timeout_not_done", "reset_done", "error_then_ok", "slow_1500"} {
			all = append(all, scenario{operation, fault})
		}
	}
	return all
}

// method is the payment method that does it.
func (s scenario) method() string {
	if s.operation != "authorize" {
		return "pm_sim_" + map[string]string{"void": "cancel"}[s.operation] + strings.TrimPrefix(s.operation, "void") + "_" + s.fault
	}
	fault := strings.NewReplacer("timeout_done", "timeout_charged", "timeout_not_done", "timeout_not_charged", "reset_done", "reset_charged").Replace(s.fault)
	return "pm_sim_" + fault
}

// ask makes the operation's request, and what has to be there before, and returns the key. Its answer is a 202.
func (s scenario) ask(t *testing.T, c *service.Client) (key string) {
	key = uuid.NewString()
	insist := func(path, key, body string, status int) service.Response {
		resp := service.Insist(t, path, func() service.Response { return c.Post(path, key, body) })
		service.Wants(t, fmt.Sprint(s, path), resp, status, "")
		return resp
	}
	order := insist("/v1/orders", uuid.NewString(), service.OrderBody, http.StatusCreated).Field("id")
	if s.operation == "authorize" {
		insist("/v1/payments", key, service.PaymentBody(order, s.method()), http.StatusAccepted)
		return key
	}
	captureMethod := map[string]string{"refund": "automatic"}[s.operation]
	if captureMethod == "" {
		captureMethod = "manual"
	}
	body := fmt.Sprintf(`{"order_id":%q,"payment_method":%q,"capture_method":%q}`, order, s.method(), captureMethod)
	payment := insist("/v1/payments", uuid.NewString(), body, http.StatusCreated).Field("id")
	path := map[string]string{"capture": "/capture", "refund": "/refunds", "void": "/cancel"}[s.operation]
	insist("/v1/payments/"+payment+path, key, "", http.StatusAccepted)
	return key
}

// TestUnknownOutcomesAreResolvedWithinSeconds asks for every operation under every fault, and prints how long each outcome was unknown.
func TestUnknownOutcomesAreResolvedWithinSeconds(t *testing.T) {
	t.Parallel()
	s := service.Start(t, service.Options{Env: map[string]string{"PROVIDER_TIMEOUT": providerTimeout.String(), "DB_MAX_CONNS": "20"}})
	db, err := sql.Open("pgx", s.Options.DatabaseURL)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	asked := askAll(t, s.NewMerchant())
	service.Within(t, patience, "every outcome is known", func() bool {
		var open int
		err := db.QueryRowContext(t.Context(), "SELECT count(*) FROM provider_attempts WHERE status IN ('sent', 'unknown')").Scan(&open)
		return err == nil && open == 0
	})
	service.Until(t, "nothing is unresolved by the service's own gauge", func() bool { return s.Metric("payonce_oldest_unresolved_seconds") == 0 })
	took := times(t, db, asked)
	tell(t, took)
	if report, err := check.Run(t.Context(), check.Input{DB: db, Charges: s.Simulator.Charges()}); err != nil || !report.OK() {
		t.Errorf("%v: %s", err, report)
	}
}

// askAll asks for every operation under every fault, some at a time, and returns them by what PostgreSQL knows their keys by. In turn:
// between calls that fail there are others, so the breaker stays closed.
func askAll(t *testing.T, c *service.Client) map[[sha256.Size]byte]scenario {
	t.Helper()
	var (
		group sync.WaitGroup
		mu    sync.Mutex
		asked = map[[sha256.Size]byte]scenario{}
		turns = make(chan struct{}, atOnce)
	)
	for range each {
		for _, one := range scenarios() {
			group.Go(func() {
				turns <- struct{}{}
				defer func() { <-turns }()
				key := one.ask(t, c)
				mu.Lock()
				defer mu.Unlock()
				asked[sha256.Sum256([]byte(key))] = one
			})
		}
	}
	group.Wait()
	return asked
}

// times are how long each outcome was unknown.
func times(t *testing.T, db *sql.DB, asked map[[sha256.Size]byte]scenario) map[scenario][]time.Duration {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), `SELECT a.key_hash, a.status, extract(epoch FROM a.resolved_at - k.completed_at)::float8
		FROM provider_attempts a JOIN idempotency_keys k ON k.merchant_id = a.merchant_id AND k.key_hash = a.key_hash WHERE k.status = 202`)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = rows.Close() }()
	took, n := map[scenario][]time.Duration{}, 0
	for rows.Next() {
		var hash []byte
		var status string
		var seconds float64
		if err := rows.Scan(&hash, &status, &seconds); err != nil {
			t.Fatal(err)
		}
		one := asked[[sha256.Size]byte(hash)]
		if status != "succeeded" || seconds < 0 {
			t.Errorf("%v: %s after %.3f s", one, status, seconds)
		}
		took[one] = append(took[one], time.Duration(seconds*float64(time.Second)))
		n++
	}
	if err := rows.Err(); err != nil || n != len(asked) {
		t.Fatalf("%d operations of %d are found, %v", n, len(asked), err)
	}
	return took
}

// tell prints the table, and fails when an aim is missed.
func tell(t *testing.T, took map[scenario][]time.Duration) {
	t.Helper()
	var b strings.Builder
	var all []time.Duration
	fmt.Fprintf(&b, "\n%-10s %-18s %6s %9s %9s %9s\n", "operation", "fault", "n", "p50", "p99", "longest")
	line := func(operation, fault string, d []time.Duration) time.Duration {
		slices.Sort(d)
		at := func(share float64) time.Duration {
			return d[min(len(d)-1, int(share*float64(len(d))))].Round(time.Millisecond)
		}
		fmt.Fprintf(&b, "%-10s %-18s %6d %9s %9s %9s\n", operation, fault, len(d), at(0.5), at(0.99), at(1))
		return at(0.99)
	}
	for _, one := range scenarios() {
		line(one.operation, one.fault, took[one])
		all = append(all, took[one]...)
	}
	slowest := line("all", "", all)
	t.Log(b.String())
	if each >= enough && slowest > aim {
		t.Errorf("of a hundred outcomes one was unknown for %s or longer, want less than %s", slowest, aim)
	}
}
