package e2e

import (
	"database/sql"
	"net/http"
	"testing"

	"github.com/payonce/payonce/test/check"
	"github.com/payonce/payonce/test/service"
	"github.com/payonce/payonce/test/stores"
)

// A failover to a standby that lags loses commits that were acknowledged. The retry runs again, and is the same request
// to the provider: the money was taken once.
func TestAPaymentWhoseRowsWereLostIsNotChargedAgain(t *testing.T) {
	t.Parallel()
	s := open(t, service.Options{Env: service.ShortLeases()})
	order := s.CreateOrder()
	first := s.pay(order, "pm_card_visa", "lost")
	service.Wants(t, "the payment", first, http.StatusCreated, "")
	s.onOneSession(func(conn *sql.Conn) {
		for _, statement := range []string{
			"SET session_replication_role = replica", // no trigger and no foreign key stands in the way of what was never there
			"DELETE FROM idempotency_keys WHERE operation IS NOT NULL",
			"DELETE FROM payments", "DELETE FROM captures", "DELETE FROM provider_attempts", "DELETE FROM ledger_postings",
			"DELETE FROM ledger_entries", "DELETE FROM events WHERE resource_type <> 'order' OR resource_version > 1",
			"UPDATE orders SET amount_paid = 0, amount_reserved = 0, version = 1",
			"SET session_replication_role = origin",
		} {
			if _, err := conn.ExecContext(t.Context(), statement); err != nil {
				t.Fatalf("%s: %v", statement, err)
			}
		}
	})
	again := s.replicaWithoutMemory().Pay(order, "pm_card_visa", "lost")
	if again.Status != http.StatusCreated || again.Field("id") != first.Field("id") || again.Field("created_at") == first.Field("created_at") {
		t.Errorf("again: got %s, want the payment of the first, with rows of its own: %s", again, first)
	}
	s.check(check.OneAnswer, check.AnswerStays, check.Committed, check.CommittedBefore) // what was acknowledged was lost
	s.counts(1, 1)
}

// replicaWithoutMemory has nothing to replay from but Postgres.
func (s *shop) replicaWithoutMemory() *service.Client {
	s.t.Helper()
	opt := s.service.Options
	opt.RedisURL = stores.Redis(s.t)
	return s.At(service.Start(s.t, opt))
}

// onOneSession keeps to one connection, for statements that are about it.
func (s *shop) onOneSession(do func(*sql.Conn)) {
	s.t.Helper()
	conn, err := s.db.Conn(s.t.Context())
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	do(conn)
}
