package crash

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/payonce/payonce/migrations"
	"github.com/payonce/payonce/test/stores"
)

func TestWhatWasAcknowledgedSurvivesAPostgresCrash(t *testing.T) {
	t.Parallel()
	postgres := stores.PrivatePostgres(t)
	if err := migrations.Up(t.Context(), postgres.URL()); err != nil {
		t.Fatal(err)
	}
	w := newWorld(t, map[string]string{"DATABASE_URL": postgres.URL()})
	r := w.replica()
	const clients, each = 8, 25
	acknowledged := make([]answer, clients*each)
	var group sync.WaitGroup
	for c := range clients {
		group.Go(func() {
			for i := range each {
				n := c*each + i
				acknowledged[n] = w.send(context.Background(), request{url: r.url + "/v1/orders", key: fmt.Sprint("k", n), body: orderBody})
				if c == 0 && i == each/2 {
					if err := postgres.Kill(); err != nil {
						t.Error(err)
					}
					if err := postgres.Restart(context.Background()); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	group.Wait()
	eventually(t, 5*time.Second, "an order after the crash", func() bool {
		return w.send(t.Context(), request{url: r.url + "/v1/orders", key: "after", body: orderBody}).status == 201
	})
	for n, first := range acknowledged {
		switch again := w.untilOutcome(request{url: r.url + "/v1/orders", key: fmt.Sprint("k", n), body: orderBody}); {
		case first.outcome() && !first.same(again):
			t.Errorf("key %d was acknowledged with %s, and replays %s", n, first.body, again.body)
		case !first.outcome() && first.status != 503 && first.status != 0:
			t.Errorf("key %d was answered with %d %s", n, first.status, first.body)
		case first.status == 503 && first.header.Get("Retry-After") == "":
			t.Error("503 without Retry-After")
		}
	}
	if orders := w.text(`SELECT count(*) FROM orders`); orders != fmt.Sprint(clients*each+1) {
		t.Errorf("%s orders", orders)
	}
}

// The charge stands and Postgres is away when T2 is due: whoever gets there first stores it.
func TestAPostgresCrashBetweenTheChargeAndT2LosesNothing(t *testing.T) {
	t.Parallel()
	postgres := stores.PrivatePostgres(t)
	if err := migrations.Up(t.Context(), postgres.URL()); err != nil {
		t.Fatal(err)
	}
	w := newWorld(t, map[string]string{"DATABASE_URL": postgres.URL(), "PROVIDER_TIMEOUT": "5s", "IDEMPOTENCY_LEASE": "6s"})
	r := w.replica()
	order := w.order(r, "order")
	w.bank.holdAnswers()
	seen := make(chan answer, 1)
	go func() { seen <- w.send(context.Background(), paying(r, "pay", order, "pm_card_visa")) }()
	<-w.bank.held
	if err := postgres.Kill(); err != nil {
		t.Fatal(err)
	}
	w.bank.release()
	if err := postgres.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	first := <-seen
	again := w.untilOutcome(paying(r, "pay", order, "pm_card_visa"))
	if first.outcome() && !first.same(again) {
		t.Errorf("%d %s, then %d %s", first.status, first.body, again.status, again.body)
	}
	w.converged()
}

func TestBothStoresAwayIsSaidQuickly(t *testing.T) {
	t.Parallel()
	postgres := stores.PrivatePostgres(t)
	if err := migrations.Up(t.Context(), postgres.URL()); err != nil {
		t.Fatal(err)
	}
	server := stores.StartRealRedis(t)
	w := newWorld(t, map[string]string{"DATABASE_URL": postgres.URL(), "REDIS_URL": server.URL()})
	r := w.replica()
	w.order(r, "order")
	server.Stop()
	if err := postgres.Kill(); err != nil {
		t.Fatal(err)
	}
	for i := range 5 {
		begin := time.Now()
		a := w.send(t.Context(), request{url: r.url + "/v1/orders", key: fmt.Sprint("k", i), body: orderBody})
		if a.status != 503 || a.header.Get("Retry-After") == "" || a.text("code") != "unavailable" {
			t.Errorf("%d %s", a.status, a.body)
		}
		if elapsed := time.Since(begin); elapsed > 500*time.Millisecond { // 100 ms on a quiet machine
			t.Errorf("503 took %s", elapsed)
		}
	}
	if ready := w.send(t.Context(), request{method: "GET", url: r.url + "/readyz"}); ready.status != 503 {
		t.Errorf("/readyz: %d", ready.status)
	}
	if err := postgres.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.untilOutcome(request{url: r.url + "/v1/orders", key: "k0", body: orderBody})
}
