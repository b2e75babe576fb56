package scaleout

import (
	"context"
	"encoding/json"
	"fmt"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/payonce/payonce/internal/reconcile"
	"github.com/payonce/payonce/test/check"
	"github.com/payonce/payonce/test/service"
)

// promote ends a primary as a crash would and makes its standby the primary.
func (s *shop) promote(primary, standby *server) {
	s.t.Helper()
	s.strike("PostgreSQL's primary dies, its standby is promoted", true, func() {
		if err := primary.Kill(); err != nil {
			s.t.Error(err)
		}
		if standby.exec("SELECT pg_promote(true, 60)") != "t" {
			s.t.Error("the standby was not promoted")
		}
		for i := range s.replicas { // connections to the old one are found out and replaced
			service.Until(s.t, fmt.Sprintf("replica %d takes orders again", i), func() bool {
				return s.clients[0][i].Post("/v1/orders", s.key(), service.OrderBody).Status == 201
			})
		}
	})
	if timeline := s.number("SELECT ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::bigint"); timeline != 2 {
		s.t.Errorf("timeline %d, want 2", timeline)
	}
}

// streams waits until a standby follows, in the way that is wanted: async or sync.
func (s *server) streams(state string) {
	s.t.Helper()
	service.Until(s.t, "the standby follows, "+state, func() bool {
		return s.exec("SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming' AND sync_state = '"+state+"'") == "1"
	})
}

// A synchronous standby has all that was acknowledged.
func TestSynchronousStandbyIsPromotedWithoutLoss(t *testing.T) {
	t.Parallel()
	program(t, "pg_basebackup", "postgresql-client")
	primary := startPrimary(t, nil)
	standby := primary.startStandby("standby", nil)
	primary.exec("ALTER SYSTEM SET synchronous_standby_names = 'standby'")
	primary.exec("SELECT pg_reload_conf()")
	primary.streams("sync")
	s := open(t, 2, service.Options{DatabaseURL: either(primary, standby)}, either(primary, standby), nil)
	s.underLoad(func() { s.promote(primary, standby) })
	s.verdict() // the whole history: what was acknowledged before the promotion included
}

// An asynchronous standby lacks what was committed while it lagged. `payonce reconcile` finds every payment that is lost. A
// retry finds it as well, where the order is older than the tail: it is the same request to the provider, and makes the payment
// with the id that it had. Where the order is lost, too, the retry is answered 404 and what reconcile has found is left to people.
func TestAsynchronousStandbyLosesATailThatIsFoundAgain(t *testing.T) {
	t.Parallel()
	program(t, "pg_basebackup", "postgresql-client")
	primary := startPrimary(t, nil)
	standby := primary.startStandby("standby", nil)
	primary.streams("async")
	s := open(t, 2, service.Options{DatabaseURL: either(primary, standby)}, either(primary, standby), nil)
	s.underLoad(nil)
	var orders []string
	for range 12 {
		orders = append(orders, s.must(s.send(0, 0, request{"/v1/orders", s.key(), service.OrderBody})).Field("id"))
	}
	s.caughtUp(primary, standby)
	standby.exec("ALTER SYSTEM SET primary_conninfo = ''") // it lags from here on
	standby.exec("SELECT pg_reload_conf()")
	service.Until(t, "the standby follows no more", func() bool { return standby.exec("SELECT count(*) FROM pg_stat_wal_receiver") == "0" })
	lagging := time.Now()
	s.bought = nil
	s.underLoad(nil)
	withOrder := s.payAll(orders)
	s.settled()
	s.promote(primary, standby)
	promoted := time.Now()

	lost := map[string]bool{}
	for _, p := range append(s.bought, withOrder...) {
		if s.number("SELECT count(*) FROM payments WHERE id = $1", idOf(t, p.payment)) != 0 {
			t.Errorf("%s was not lost: the standby did not lag", p.payment)
		}
		lost[p.payment] = true
	}
	sameSet(t, "reconcile after the promotion", s.reconcile(), lost)
	charges := len(s.provider.Charges())
	s.retry(withOrder)
	for _, p := range withOrder {
		delete(lost, p.payment)
	}
	for _, p := range s.bought {
		service.Wants(t, "a payment whose order is lost", s.send(p.merchant, 0, p.requests[1]), 404, "not-found")
	}
	if now := len(s.provider.Charges()); now != charges {
		t.Errorf("%d charges before the retries, %d after them", charges, now)
	}
	sameSet(t, "reconcile after the retries", s.reconcile(), lost)
	t.Logf("the promotion lost %d payments: reconcile found all, retries brought back the %d whose order was kept", len(lost)+len(withOrder), len(withOrder))
	if len(lost) < 5 {
		t.Errorf("only %d payments were lost with their order", len(lost))
	}
	// What was acknowledged and lost is in no database, so it is left out, and so are the charges that reconcile has listed.
	s.leaveOut = func(e check.Event) bool { return e.Answered > check.At(lagging) && e.Sent < check.At(promoted) }
	s.listed = lost
	s.verdict()
}

// payAll pays orders of the first merchant, and gives some of the money back.
func (s *shop) payAll(orders []string) (list []purchase) {
	s.t.Helper()
	for i, order := range orders {
		p := purchase{requests: []request{{"/v1/payments", s.key(), service.PaymentBody(order, "pm_card_visa")}}}
		p.payment = s.must(s.send(0, 0, p.requests[0])).Field("id")
		if i%3 == 0 {
			p.requests = append(p.requests, request{"/v1/payments/" + p.payment + "/refunds", s.key(), `{"amount":10}`})
			s.must(s.send(0, 0, p.requests[1]))
		}
		list = append(list, p)
	}
	return list
}

func (s *shop) must(resp service.Response) service.Response {
	s.t.Helper()
	if resp.Err != nil || resp.Status >= 300 {
		s.t.Fatalf("%s", resp)
	}
	return resp
}

func sameSet(t *testing.T, what string, got, want map[string]bool) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%.600s", what, diff)
	}
}

// caughtUp waits until a standby has all that its primary has.
func (s *shop) caughtUp(primary, standby *server) {
	s.t.Helper()
	s.settled()
	at := primary.exec("SELECT pg_current_wal_lsn()")
	service.Until(s.t, "the standby has caught up", func() bool {
		return standby.exec("SELECT pg_last_wal_replay_lsn() >= '"+at+"'") == "t"
	})
}

// retry asks all of it again, as clients would that lost an answer.
func (s *shop) retry(tail []purchase) {
	s.t.Helper()
	for _, p := range tail {
		for i, r := range p.requests {
			resp := service.Insist(s.t, "the retry has an outcome", func() service.Response { return s.send(p.merchant, i%len(s.replicas), r) })
			if resp.Status >= 300 {
				s.t.Errorf("%s again: %s", r.path, resp)
			}
			if r.path == "/v1/payments" && resp.Field("id") != p.payment {
				s.t.Errorf("the retry made payment %s, the lost one was %s", resp.Field("id"), p.payment)
			}
		}
	}
}

// reconcile runs the command and returns the payments that it finds a difference for, or misses.
func (s *shop) reconcile() map[string]bool {
	s.t.Helper()
	s.settled()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	command := exec.CommandContext(ctx, service.Binary(s.t), "reconcile", "--json", "--to", time.Now().Add(time.Minute).UTC().Format(time.RFC3339))
	command.Env = s.replicas[0].Environment()
	var errs strings.Builder
	command.Stderr = &errs
	out, err := command.Output()
	if err != nil {
		s.t.Fatalf("reconcile: %v: %s", err, errs.String())
	}
	var report struct{ Findings []reconcile.Finding }
	if err := json.Unmarshal(out, &report); err != nil {
		s.t.Fatal(err)
	}
	payments := map[string]bool{}
	for _, f := range report.Findings {
		payments[f.Payment] = true
	}
	return payments
}

// While the synchronous standby is away, PostgreSQL lets each COMMIT wait. Nothing is acknowledged then, nothing is shown, and no
// money is asked for, however often a client asks: a primary that dies in this state takes nothing along that anybody has seen.
func TestSynchronousStandbyThatIsAwayLetsNothingBeAcknowledged(t *testing.T) {
	t.Parallel()
	program(t, "pg_basebackup", "postgresql-client")
	primary := startPrimary(t, nil)
	standby := primary.startStandby("standby", nil)
	primary.exec("ALTER SYSTEM SET synchronous_standby_names = 'standby'")
	primary.exec("SELECT pg_reload_conf()")
	primary.streams("sync")
	s := open(t, 2, service.Options{DatabaseURL: either(primary, standby)}, either(primary, standby), nil)
	s.underLoad(nil)
	known := s.must(s.send(0, 0, request{"/v1/orders", s.key(), service.OrderBody})).Field("id")
	s.settled()
	standby.exec("ALTER SYSTEM SET primary_conninfo = ''")
	standby.exec("SELECT pg_reload_conf()")
	service.Until(t, "the standby follows no more", func() bool { return standby.exec("SELECT count(*) FROM pg_stat_wal_receiver") == "0" })
	charges := len(s.provider.Charges())
	payment := request{"/v1/payments", s.key(), service.PaymentBody(known, "pm_card_visa")}
	order := request{"/v1/orders", s.key(), service.OrderBody}
	var group sync.WaitGroup
	for _, r := range []request{payment, order} {
		group.Go(func() {
			for began := time.Now(); time.Since(began) < 9*time.Second; pause(200 * time.Millisecond) { // longer than any time-out of a statement or a batch
				if resp := s.send(0, s.any(), r); final(resp) {
					t.Errorf("%s was acknowledged: %s", r.path, resp)
				}
			}
		})
	}
	group.Wait()
	if now := len(s.provider.Charges()); now != charges {
		t.Errorf("%d charges before, %d now: money was taken without a durable claim", charges, now)
	}
	s.promote(primary, standby)
	for _, r := range []request{payment, order} {
		service.Insist(t, "it happens at the new primary", func() service.Response { return s.send(0, 1, r) })
	}
	s.verdict()
}

// any is the number of a replica.
func (s *shop) any() int { return int(s.keys.Add(1)) % len(s.replicas) }
