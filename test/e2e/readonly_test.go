package e2e

import (
	"context"
	"crypto/rand"
	"database/sql"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/payonce/payonce/test/service"
	"github.com/payonce/payonce/test/stores"
)

// While Postgres takes no writes, what is decided is still told and shown, and nothing new begins.
func TestAReadOnlyPostgresServesReplaysAndRefusesNewWork(t *testing.T) {
	t.Parallel()
	pg := stores.PrivatePostgres(t)
	s := open(t, service.Options{DatabaseURL: pg.URL()})
	order, unpaid := s.order(s.Client, "made"), s.CreateOrder()
	paid := s.pay(order.Field("id"), "pm_card_visa", "paid")
	wants(t, "before", paid, http.StatusCreated, "")
	fresh := s.replicaWithoutMemory() // started while it could write, as it would have been
	s.readOnly(true)
	service.Until(t, "no session takes writes", func() bool { // each learns of it when it is used next
		refused := statuses(copies(30, func(int) service.Response { return s.order(s.Client, rand.Text()) }))
		return refused[http.StatusServiceUnavailable] == 30
	})
	sent := s.provider().Sent()
	for what, resp := range map[string]service.Response{
		"a new payment": s.pay(unpaid, "pm_card_visa", "refused"), "a new order": s.order(fresh, "refused-order"),
	} {
		wants(t, what, resp, http.StatusServiceUnavailable, "unavailable")
		if resp.Header.Get("Retry-After") == "" {
			t.Errorf("%s: no Retry-After", what)
		}
	}
	for what, resp := range map[string]service.Response{
		"a replay": s.payAt(fresh, order.Field("id"), "pm_card_visa", "paid"), "an order's replay": s.order(fresh, "made"),
	} {
		if !resp.Replayed() || resp.Status != http.StatusCreated {
			t.Errorf("%s: %s", what, resp)
		}
	}
	wants(t, "a payment", fresh.Get("/v1/payments/"+paid.Field("id")), http.StatusOK, "")
	wants(t, "/readyz", fresh.Get("/readyz"), http.StatusOK, "")
	if n := s.provider().Sent() - sent; n != 0 {
		t.Errorf("%d calls to the provider that no record tells of", n)
	}
	s.readOnly(false)
	again := s.insist("Postgres takes writes", func() service.Response { return s.pay(unpaid, "pm_card_visa", "refused") })
	wants(t, "afterwards", again, http.StatusCreated, "")
	s.check()
	s.counts(2, 2)
}

// readOnly makes every session of the test's own server refuse writes, or take them again.
func (s *shop) readOnly(on bool) {
	s.t.Helper()
	s.onOneSession(func(conn *sql.Conn) {
		for _, statement := range []string{
			"SET default_transaction_read_only = off", // for this session, whatever the server says
			fmt.Sprintf("ALTER SYSTEM SET default_transaction_read_only = %t", on),
			"SELECT pg_reload_conf()",
		} {
			if _, err := conn.ExecContext(context.Background(), statement); err != nil {
				s.t.Fatalf("%s: %v", statement, err)
			}
		}
	})
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

// A table that somebody has locked: new work waits for a bounded time, the provider hears of nothing that is not
// committed, and all goes on by itself once the lock is gone.
func TestALockedTableEndsInARefusalAndNotInACharge(t *testing.T) {
	t.Parallel()
	s := open(t, service.Options{})
	const many = 20
	orders := make([]string, many)
	for i := range orders {
		orders[i] = s.CreateOrder()
	}
	pay := func(i int) service.Response { return s.pay(orders[i], "pm_card_visa", fmt.Sprint("locked-", i)) }
	s.onOneSession(func(conn *sql.Conn) {
		tx, err := conn.BeginTx(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = tx.Rollback() }()
		if _, err := tx.ExecContext(t.Context(), "LOCK TABLE payments IN ACCESS EXCLUSIVE MODE"); err != nil {
			t.Fatal(err)
		}
		answers := copies(many, pay)
		for _, resp := range answers {
			wants(t, "while the table is locked", resp, http.StatusServiceUnavailable, "unavailable")
		}
		if took := slowest(answers); took > 8*time.Second { // five seconds to begin, the rest for a busy machine
			t.Errorf("the slowest refusal took %s", took)
		}
		wants(t, "alive meanwhile", s.Get("/healthz"), http.StatusOK, "")
	})
	if n := s.provider().Sent(); n != 0 {
		t.Errorf("%d calls to the provider before anything was committed", n)
	}
	for i := range many {
		again := s.insist("the lock is gone", func() service.Response { return pay(i) })
		wants(t, "afterwards", again, http.StatusCreated, "")
	}
	s.check()
	s.counts(many, many)
}
