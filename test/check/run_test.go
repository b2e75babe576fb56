package check_test

import (
	"context"
	"database/sql"
	"encoding/base64"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver
	"github.com/redis/go-redis/v9"

	"github.com/payonce/payonce/migrations"
	"github.com/payonce/payonce/test/check"
	"github.com/payonce/payonce/test/service"
	"github.com/payonce/payonce/test/stores"
)

func TestMain(m *testing.M) { os.Exit(service.Main(m)) }

// run is what a real service did for two merchants, and all that is known about it.
type run struct {
	t       *testing.T
	db      *sql.DB
	redis   *redis.Client
	charges []check.Charge
	history []check.Event
	log     string
}

// record lets a service work: orders, payments of every kind, copies, another body, an unknown order, reads.
func record(t *testing.T) *run {
	t.Helper()
	r := &run{t: t, log: filepath.Join(t.TempDir(), "service.log")}
	redisURL := stores.Redis(t)
	// PostgreSQL keeps the time of each commit.
	databaseURL := stores.TunedPostgres(t, map[string]string{"track_commit_timestamp": "on"}).URL()
	if err := migrations.Up(t.Context(), databaseURL); err != nil {
		t.Fatal(err)
	}
	s := service.Start(t, service.Options{DatabaseURL: databaseURL, RedisURL: redisURL, Env: service.ShortLeases()})
	r.db, r.redis = open(t, s.Options.DatabaseURL), redis.NewClient(optionsOf(t, redisURL))
	t.Cleanup(func() { _ = r.redis.Close() })
	var mu sync.Mutex
	for range 2 {
		c := s.NewMerchant().Recorded(func(e check.Event) {
			mu.Lock()
			defer mu.Unlock()
			r.history = append(r.history, e)
		})
		for i, method := range []string{"pm_card_visa", "pm_card_visa", "pm_card_chargeDeclined", "pm_sim_reset_charged", "pm_card_authenticationRequired"} {
			key, order := fmt.Sprint("key-", i), c.CreateOrder()
			if first, again := c.Pay(order, method, key), c.Pay(order, method, key); !first.Same(again) {
				t.Fatalf("%s\n%s", first, again)
			}
			c.Get("/v1/orders/" + order)
		}
		laterOn(t, c)
		if resp := c.Pay(c.CreateOrder(), "pm_card_visa", "key-0"); resp.Status != http.StatusUnprocessableEntity {
			t.Fatal(resp)
		}
		c.Pay("ord_00000000000000000000000000", "pm_card_visa", "key-none")
		c.Get("/v1/payments")
	}
	service.Until(t, "every payment is settled", func() bool {
		var n int
		err := r.db.QueryRowContext(t.Context(), "SELECT count(*) FROM payments WHERE status = 'processing'").Scan(&n)
		return err == nil && n == 0
	})
	r.charges = s.Simulator.Charges()
	s.Kill()
	if err := os.WriteFile(r.log, []byte(s.Log()), 0o600); err != nil {
		t.Fatal(err)
	}
	return r
}

// laterOn captures, cancels and refunds.
func laterOn(t *testing.T, c *service.Client) {
	t.Helper()
	for i, path := range []string{"capture", "cancel"} {
		paid := c.Post("/v1/payments", fmt.Sprint("held-", i), `{"order_id":"`+c.CreateOrder()+`","payment_method":"pm_card_visa","capture_method":"manual"}`)
		payment := "/v1/payments/" + paid.Field("id")
		service.Wants(t, path, c.Post(payment+"/"+path, "later-"+path, ""), http.StatusOK, "")
		if path == "capture" {
			service.Wants(t, "refund", c.Post(payment+"/refunds", "later-refund", `{"amount":500}`), http.StatusCreated, "")
		}
	}
}

func open(t *testing.T, url string) *sql.DB {
	t.Helper()
	db, err := sql.Open("pgx", url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

func optionsOf(t *testing.T, url string) *redis.Options {
	t.Helper()
	options, err := redis.ParseURL(url)
	if err != nil {
		t.Fatal(err)
	}
	return options
}

// input is everything about the run, in copies that a test may spoil.
func (r *run) input(db check.Querier) check.Input {
	secret, err := base64.StdEncoding.DecodeString(service.SecretKey)
	if err != nil {
		r.t.Fatal(err)
	}
	return check.Input{
		History: check.Events(r.history), DB: db, Redis: r.redis, Secrets: [][]byte{secret}, Charges: slices.Clone(r.charges),
		Logs: []string{r.log}, Forbidden: []string{service.SecretKey}, Bound: time.Minute, SameClock: true,
		Faults: []check.Fault{{Kind: "kill", Began: r.history[0].Sent - 2, Ended: r.history[0].Sent - 1}},
	}
}

// spoiled is the run with something wrong in it.
type spoiled struct {
	*run
	t  *testing.T
	tx *sql.Tx
	in *check.Input
}

// sql changes the database in ways that the service can't: without triggers and foreign keys, and after a constraint was dropped.
func (s spoiled) sql(statements ...string) {
	s.t.Helper()
	for _, statement := range append([]string{"SET LOCAL session_replication_role = replica"}, statements...) {
		result, err := s.tx.ExecContext(s.t.Context(), statement)
		if err != nil {
			s.t.Fatalf("%s: %v", statement, err)
		}
		if n, _ := result.RowsAffected(); n == 0 && statement[:5] != "ALTER" && statement[:4] != "DROP" && statement[:3] != "SET" {
			s.t.Fatalf("%s: touched nothing", statement)
		}
	}
}

// history adds to what clients saw.
func (s spoiled) history(events ...check.Event) {
	s.in.History = check.Events(append(slices.Clone(s.run.history), events...))
}

// event is the first of the history that the condition holds for.
func (s spoiled) event(which func(check.Event) bool) check.Event {
	s.t.Helper()
	i := slices.IndexFunc(s.run.history, which)
	if i < 0 {
		s.t.Fatal("no such request")
	}
	return s.run.history[i]
}

// paid is the first payment's answer, later a copy of it, sent after the first.
func (s spoiled) paid() (first, later check.Event) {
	first = s.event(func(e check.Event) bool {
		return e.Path == "/v1/payments" && e.Status == http.StatusCreated && e.Key == "key-0"
	})
	later = first
	later.Sent, later.Answered, later.Replayed = first.Answered+1000, first.Answered+2000, true
	return first, later
}

func (s spoiled) foreign(e check.Event) check.Event {
	return s.event(func(other check.Event) bool {
		return other.Merchant != e.Merchant && other.Path == e.Path && other.Status == e.Status
	})
}

func (r *run) check(t *testing.T, spoil func(spoiled)) *check.Report {
	t.Helper()
	tx, err := r.db.BeginTx(context.Background(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback() }()
	in := r.input(tx)
	spoil(spoiled{run: r, t: t, tx: tx, in: &in})
	report, err := check.Run(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	return report
}

func TestEveryRuleFindsItsViolation(t *testing.T) {
	t.Parallel()
	r := record(t)
	clean := r.check(t, func(spoiled) {})
	if !clean.OK() {
		t.Fatalf("a run in which nothing was wrong:\n%s", clean)
	}
	if clean.Compared < 16 || clean.Outcomes < 20 || clean.Payments != 8 || clean.Charges != 8 || clean.Cached < 10 ||
		clean.LogBytes == 0 || clean.Judged != 1 || len(clean.Skipped) > 0 || clean.CommitTimes != clean.Compared || clean.Unverified > 0 {
		t.Fatalf("not everything was looked at:\n%s", clean)
	}
	found := map[check.Rule]bool{}
	for _, test := range slices.Concat(databaseCases(), historyCases(), outsideCases()) {
		t.Run(test.name, func(t *testing.T) {
			report := r.check(t, test.spoil)
			if report.Counts[test.rule] == 0 {
				t.Errorf("not found: %s\n%s", test.rule, report)
			}
			found[test.rule] = true
		})
	}
	for _, rule := range check.Rules() {
		if !found[rule] {
			t.Errorf("nothing shows that this rule is checked: %s", rule)
		}
	}
}

// violation is one way to break one rule.
type violation struct {
	name  string
	rule  check.Rule
	spoil func(spoiled)
}
