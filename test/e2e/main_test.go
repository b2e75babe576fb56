// Package e2e holds the running service to its promise: what clients, Postgres and the provider see when many copies of
// a request arrive, when processes, stores and connections fail in the middle of one, and afterwards.
package e2e

import (
	"context"
	"database/sql"
	"flag"
	"os"
	"sync"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver of shop.db

	"github.com/payonce/payonce/test/check"
	"github.com/payonce/payonce/test/service"
)

func TestMain(m *testing.M) {
	flag.Parse()
	if !isSet("test.parallel") {
		_ = flag.Set("test.parallel", "6") // most of these tests wait for a lease to end
	}
	os.Exit(service.Main(m))
}

func isSet(name string) (set bool) {
	flag.Visit(func(f *flag.Flag) { set = set || f.Name == name })
	return set
}

// shop is one merchant at a service of its own, and everything that its clients were told.
type shop struct {
	*service.Client
	t       *testing.T
	service *service.Service
	db      *sql.DB

	mu      sync.Mutex
	history []check.Event
}

// open starts a service with a merchant; at the end of the test everything is checked.
func open(t *testing.T, opt service.Options) *shop {
	t.Helper()
	s := &shop{t: t, service: service.Start(t, opt)}
	s.Client = s.service.NewMerchant().Recorded(s.record)
	db, err := sql.Open("pgx", s.service.Options.DatabaseURL)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	s.db = db
	return s
}

func (s *shop) provider() *service.Simulator { return s.service.Simulator }

func (s *shop) record(e check.Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.history = append(s.history, e)
}

// pay pays at this replica.
func (s *shop) pay(order, method, key string, headers ...string) service.Response {
	s.t.Helper()
	return s.payAt(s.Client, order, method, key, headers...)
}

func (s *shop) payAt(c *service.Client, order, method, key string, headers ...string) service.Response {
	s.t.Helper()
	return c.Pay(order, method, key, headers...)
}

// begin pays without waiting for the answer.
func (s *shop) begin(order, method, key string) <-chan service.Response {
	answer := make(chan service.Response, 1)
	go func() { answer <- s.pay(order, method, key) }()
	return answer
}

// order makes an order under a key.
func (s *shop) order(c *service.Client, key string) service.Response {
	s.t.Helper()
	return c.Post("/v1/orders", key, service.OrderBody)
}

// number reads one number from the database.
func (s *shop) number(query string, args ...any) (n int64) {
	s.t.Helper()
	if err := s.db.QueryRowContext(context.Background(), query, args...).Scan(&n); err != nil {
		s.t.Errorf("%s: %v", query, err)
	}
	return n
}

// slowest is the longest time that any answer took.
func slowest(answers []service.Response) (longest time.Duration) {
	for _, resp := range answers {
		longest = max(longest, resp.Took)
	}
	return longest
}
