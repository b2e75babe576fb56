package e2e

import (
	"context"
	"database/sql"
	"fmt"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/payonce/payonce/test/check"
	"github.com/payonce/payonce/test/service"
	"github.com/payonce/payonce/test/stores"
)

// What was acknowledged before Postgres crashed is there afterwards, and the service goes on by itself.
func TestNothingAcknowledgedIsLostWhenPostgresCrashes(t *testing.T) {
	t.Parallel()
	pg := stores.PrivatePostgres(t)
	s := open(t, service.Options{DatabaseURL: pg.URL(), Env: hasty()})
	other := s.At(s.service.Replica(nil))
	clients := []*service.Client{s.Client, other}
	var stop atomic.Bool
	var sent [4]int
	done := make(chan struct{})
	go func() {
		defer close(done)
		flow(len(sent), 1, func(worker int) service.Response {
			for ; !stop.Load(); sent[worker]++ {
				s.buy(clients[worker%2], fmt.Sprintf("%d-%d", worker, sent[worker]))
			}
			return service.Response{}
		})
	}()
	enough := func(more int64) func() bool {
		return func() bool { return s.number("SELECT count(*) FROM payments WHERE status = 'succeeded'") > more }
	}
	service.Until(t, "payments are made", enough(20))
	s.db.SetMaxIdleConns(-1) // the test's own connections don't survive either
	if err := pg.Kill(); err != nil {
		t.Fatal(err)
	}
	refused := s.order(s.Client, "while-away")
	wants(t, "while Postgres is away", refused, http.StatusServiceUnavailable, "unavailable")
	if refused.Header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
	if err := pg.Restart(context.Background()); err != nil {
		t.Fatal(err)
	}
	for i, c := range clients {
		took := service.Within(t, 10*time.Second, "it serves again", func() bool {
			return s.order(c, fmt.Sprint("back-", i)).Status == http.StatusCreated
		})
		if took > 5*time.Second {
			t.Errorf("it served again after %s", took)
		}
	}
	service.Until(t, "payments are made again", enough(s.number("SELECT count(*) FROM payments WHERE status = 'succeeded'")+20))
	stop.Store(true)
	<-done
	s.replayAll(s.replicaWithoutMemory(), sent[:])
	s.check()
}

// A failover to a standby that lags loses commits that were acknowledged. The retry runs again, and is the same request
// to the provider: the money was taken once.
func TestAPaymentWhoseRowsWereLostIsNotChargedAgain(t *testing.T) {
	t.Parallel()
	s := open(t, service.Options{Env: hasty()})
	order := s.CreateOrder()
	first := s.pay(order, "pm_card_visa", "lost")
	wants(t, "the payment", first, http.StatusCreated, "")
	s.onOneSession(func(conn *sql.Conn) {
		for _, statement := range []string{
			"SET session_replication_role = replica", // no trigger and no foreign key stands in the way of what was never there
			"DELETE FROM idempotency_keys WHERE operation IS NOT NULL",
			"DELETE FROM payments", "DELETE FROM captures", "DELETE FROM provider_attempts", "DELETE FROM ledger_postings",
			"DELETE FROM ledger_entries", "DELETE FROM events WHERE resource_type = 'payment'",
			"UPDATE orders SET amount_paid = 0, amount_reserved = 0",
			"SET session_replication_role = origin",
		} {
			if _, err := conn.ExecContext(t.Context(), statement); err != nil {
				t.Fatalf("%s: %v", statement, err)
			}
		}
	})
	again := s.replicaWithoutMemory().Pay(order, "pm_card_visa", "lost") // not the same bytes: its created_at is new
	if again.Status != http.StatusCreated || again.Replayed() || again.Field("id") != first.Field("id") {
		t.Errorf("first %s\nagain %s", first, again)
	}
	s.check(check.OneAnswer, check.AnswerStays, check.Committed, check.CommittedBefore) // what was acknowledged was lost
	s.counts(1, 1)
}

// buy makes an order and pays it, as a client does that never gives up: the same key again until there is an outcome.
func (s *shop) buy(c *service.Client, key string) {
	var order, payment service.Response
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for ; ; <-tick.C {
		if order.Status != http.StatusCreated {
			order = s.order(c, "order-"+key)
		}
		if order.Status == http.StatusCreated {
			payment = s.payAt(c, order.Field("id"), "pm_card_visa", key)
		}
		for _, resp := range []service.Response{order, payment} {
			if resp.Err != nil || resp.Status >= 500 && resp.Code() != "unavailable" {
				s.t.Errorf("while Postgres is away: %s", resp)
			}
		}
		if payment.Status == http.StatusCreated || payment.Status == http.StatusAccepted || s.t.Failed() {
			return
		}
	}
}

// replicaWithoutMemory has nothing to replay from but Postgres.
func (s *shop) replicaWithoutMemory() *service.Client {
	s.t.Helper()
	opt := s.service.Options
	opt.RedisURL = stores.Redis(s.t)
	return s.At(service.Start(s.t, opt))
}

// replayAll sends every order and payment again; saw holds each outcome against the first.
func (s *shop) replayAll(c *service.Client, sent []int) {
	s.t.Helper()
	for worker := range sent {
		for n := range sent[worker] {
			key := fmt.Sprintf("%d-%d", worker, n)
			order := s.insist("the order's outcome is known", func() service.Response { return s.order(c, "order-"+key) })
			wants(s.t, "order "+key, order, http.StatusCreated, "")
			resp := s.insist("the payment's outcome is known", func() service.Response {
				return s.payAt(c, order.Field("id"), "pm_card_visa", key)
			})
			if resp.Status != http.StatusCreated && resp.Status != http.StatusAccepted {
				s.t.Errorf("payment %s: %s", key, resp)
			}
		}
	}
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
