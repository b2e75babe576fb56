package faults

import (
	"context"
	"database/sql"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/payonce/payonce/internal/embedded"
	"github.com/payonce/payonce/test/service"
	"github.com/payonce/payonce/test/stores"
)

// Postgres crashes while requests are at every step. New work is refused as long as it is away, what was acknowledged is
// there afterwards, and the service goes on by itself.
func TestF9PostgresCrashesAtAnyStep(t *testing.T) {
	t.Parallel()
	pg := stores.PrivatePostgres(t)
	w := open(t, options{database: pg.URL(), harmed: roomy()})
	all := w.holdEverywhere(everyKind()...)
	acknowledged := w.acknowledged(all)
	w.crash(pg)
	w.release()
	w.whileAway(all)
	took := w.comesBack(pg)
	w.collect(all)
	w.stillThere(acknowledged)
	w.judge("F9", all, afterCrash)
	w.cameBackInTime(pg, took)
}

// Both stores are away while requests are at every step: that is said at once, and ends by itself.
func TestF35BothStoresAwayAtAnyStep(t *testing.T) {
	t.Parallel()
	pg, redis := stores.PrivatePostgres(t), stores.StartRealRedis(t)
	w := open(t, options{database: pg.URL(), redis: redis.URL()})
	all := w.holdEverywhere()
	acknowledged := w.acknowledged(all)
	redis.Stop()
	w.crash(pg)
	fastest := map[string]time.Duration{}
	for i := range 5 {
		for what, resp := range map[string]service.Response{
			"an order":  w.client.Post("/v1/orders", fmt.Sprint("away-", i), service.OrderBody),
			"a payment": w.client.Pay("ord_00000000000000000000000000", "pm_card_visa", fmt.Sprint("away-", i)),
		} {
			service.Wants(t, what+" with both stores away", resp, http.StatusServiceUnavailable, "unavailable")
			if resp.Took > 5*time.Second {
				t.Errorf("%s: 503 took %s", what, resp.Took)
			}
			if i == 0 || resp.Took < fastest[what] {
				fastest[what] = resp.Took
			}
		}
	}
	for what, took := range fastest {
		if took > 500*time.Millisecond { // 100 ms on a quiet machine; a busy one may have a bad moment, but not five
			t.Errorf("%s: the fastest 503 took %s", what, took)
		}
	}
	if ready := w.client.Get("/readyz"); ready.Status != http.StatusServiceUnavailable {
		t.Errorf("/readyz: %s", ready)
	}
	w.release()
	w.whileAway(all)
	redis.Start()
	took := w.comesBack(pg)
	w.collect(all)
	w.stillThere(acknowledged)
	w.judge("F35", all, afterCrash)
	w.cameBackInTime(pg, took)
}

// afterCrash is what a crash of Postgres leaves of a request whose process lives on.
func afterCrash(h *held) class {
	switch {
	case h.place.at <= s3:
		return notStarted
	case h.place.at >= s9:
		return answered
	}
	return commitUnknown
}

// crash kills Postgres, and breaks its connections with what was on its way.
func (w *world) crash(pg *embedded.Postgres) {
	w.t.Helper()
	w.db.SetMaxIdleConns(-1) // the test's own don't survive either
	if err := pg.Kill(); err != nil {
		w.t.Fatal(err)
	}
	w.toPostgres.ResetAll()
}

// whileAway: what had not begun is refused for as long as Postgres is away.
func (w *world) whileAway(all []*held) {
	w.t.Helper()
	for _, h := range all {
		if h.place.at <= s3 {
			w.collect([]*held{h})
			service.Wants(w.t, h.String()+", while Postgres is away", h.first, http.StatusServiceUnavailable, "unavailable")
		}
	}
}

// comesBack starts Postgres again, and returns how long it took a replica to serve again, the slower one.
func (w *world) comesBack(pg *embedded.Postgres) (slowest time.Duration) {
	w.t.Helper()
	if err := pg.Restart(context.Background()); err != nil {
		w.t.Fatal(err)
	}
	for _, c := range []*service.Client{w.client, w.other} {
		took := service.Until(w.t, "it serves again", func() bool { return c.Post("/v1/orders", newKey(), service.OrderBody).Status == http.StatusCreated })
		slowest = max(slowest, took)
	}
	return slowest
}

// cameBackInTime holds replicas to serving within 5 s. A busy machine may have a bad moment, but not at three crashes.
func (w *world) cameBackInTime(pg *embedded.Postgres, took time.Duration) {
	w.t.Helper()
	for try := 0; try < 2 && took > 5*time.Second; try++ {
		w.crash(pg)
		took = w.comesBack(pg)
	}
	if took > 5*time.Second {
		w.t.Errorf("it served again after %s", took)
	}
}

// acknowledged is what is committed of these requests.
func (w *world) acknowledged(all []*held) map[string]traces {
	found := map[string]traces{}
	for _, h := range all {
		if now := w.traces(h.key); now.records == 1 {
			found[h.key] = now
		}
	}
	return found
}

// stillThere: no record that was committed is gone, and none that was completed is anything else.
func (w *world) stillThere(before map[string]traces) {
	w.t.Helper()
	if len(before) < 10 {
		w.t.Errorf("only %d records were committed before the crash", len(before))
	}
	for key, was := range before {
		if now := w.traces(key); now.records != 1 || (was.running == 0 && now != was) {
			w.t.Errorf("%+v was committed, and %+v is there after the crash", was, now)
		}
	}
}

// While Postgres takes no writes, what is decided is told and shown, what has begun waits, and nothing new begins.
func TestF12PostgresTurnsReadOnlyAtAnyStep(t *testing.T) {
	t.Parallel()
	pg := stores.PrivatePostgres(t)
	redis := stores.Redis(t)
	w := open(t, options{database: pg.URL(), redis: redis})
	all := w.holdEverywhere()
	w.readOnly(true)
	for _, c := range []*service.Client{w.client, w.other} {
		service.Until(t, "no session takes writes", func() bool { return w.refusesOrders(c, 30) })
	}
	w.release()
	w.collect(all)
	flush(t, redis) // Postgres itself has to replay
	for _, h := range all {
		if outcome(h.first) {
			again := w.retry(h)
			if !again.Replayed() || !again.Same(h.first) {
				t.Errorf("%s: a replay while nothing can be written: %s", h, again)
			}
			service.Wants(t, "what it made", w.other.Get(h.first.Header.Get("Location")), http.StatusOK, "")
		}
	}
	service.Wants(t, "/readyz", w.other.Get("/readyz"), http.StatusOK, "")
	w.readOnly(false)
	w.judge("F12", all, func(h *held) class {
		if h.place.at == s8 && w.released.Sub(h.since) > 2*time.Second { // T2 ended by its own limits, and can't run again
			return outlasted
		}
		return afterReadOnly(h)
	})
}

// afterReadOnly: a transaction that has begun may still commit, the next one can't begin.
func afterReadOnly(h *held) class {
	switch {
	case h.place.at <= s2:
		return notStarted
	case h.kind != anOrder && h.place.at <= s7:
		return pending
	}
	return answered
}

// refusesOrders sends so many at once, each to be refused by a connection of its own.
func (w *world) refusesOrders(c *service.Client, n int) bool {
	answers := make([]service.Response, n)
	var group sync.WaitGroup
	for i := range answers {
		group.Go(func() { answers[i] = c.Post("/v1/orders", newKey(), service.OrderBody) })
	}
	group.Wait()
	refused := 0
	for _, resp := range answers {
		if resp.Status == http.StatusServiceUnavailable && resp.Header.Get("Retry-After") != "" {
			refused++
		}
	}
	return refused == n
}

// readOnly makes every session of the test's own server refuse writes, or take them again.
func (w *world) readOnly(on bool) {
	w.t.Helper()
	w.onOneSession(func(conn *sql.Conn) {
		for _, statement := range []string{
			"SET default_transaction_read_only = off", // for this session, whatever the server says
			fmt.Sprintf("ALTER SYSTEM SET default_transaction_read_only = %t", on),
			"SELECT pg_reload_conf()",
		} {
			if _, err := conn.ExecContext(context.Background(), statement); err != nil {
				w.t.Fatalf("%s: %v", statement, err)
			}
		}
	})
}

// onOneSession keeps to one connection, for statements that are about it.
func (w *world) onOneSession(do func(*sql.Conn)) {
	w.t.Helper()
	conn, err := w.db.Conn(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	do(conn)
}
