package faults

import (
	"database/sql"
	"net/http"
	"testing"
	"time"

	"github.com/payonce/payonce/idempotency"
	"github.com/payonce/payonce/test/proxy"
	"github.com/payonce/payonce/test/service"
)

// Another session holds a lock. A request that needs it is refused within its deadline, others are not kept, and the provider hears of
// nothing that isn't committed.
func TestF10AnotherSessionHoldsALockInPostgres(t *testing.T) {
	t.Parallel()
	w := open(t, options{env: settings("COMPLETION_BUDGET", "1s")})
	w.warm()
	in(t, "F10", s1, w.slowAuthentication)
	in(t, "F10", s3, w.slowT1)
	in(t, "F10", s7, w.slowT2)
}

func (w *world) slowAuthentication(c *cell) {
	stranger := w.newMerchant()
	w.locked(c.T, "api_keys", func() {
		for _, resp := range service.AtOnce(10, func(int) service.Response { return stranger.At(w.harmed).Get("/v1/orders") }) {
			c.refusedInTime(resp)
			c.hit()
		}
		// It is not known any more whether a known key was revoked: it is refused, too, and its many requests hold one connection.
		key := newKey()
		service.Until(c.T, "a known key is not believed any more", func() bool {
			return w.client.Post("/v1/orders", key, service.OrderBody).Status == http.StatusServiceUnavailable
		})
		for _, resp := range service.AtOnce(30, func(int) service.Response { return w.client.Get("/v1/orders") }) {
			c.refusedInTime(resp)
		}
	})
	service.Insist(c.T, "the known key works again", func() service.Response { return w.client.Post("/v1/orders", newKey(), service.OrderBody) })
	service.Until(c.T, "the lock is gone", func() bool { return stranger.At(w.harmed).Get("/v1/orders").Status == http.StatusOK })
}

func (w *world) slowT1(c *cell) {
	const many = 20
	orders, keys := make([]string, many), make([]string, many)
	for i := range many {
		orders[i], keys[i] = w.newOrder(), newKey()
	}
	pay := func(i int) service.Response { return w.client.Pay(orders[i], "pm_card_visa", keys[i]) }
	sent := w.provider.Sent()
	w.locked(c.T, "payments", func() {
		for _, resp := range service.AtOnce(many, pay) {
			c.refusedInTime(resp)
			c.hit()
		}
		service.Wants(c.T, "alive meanwhile", w.client.Get("/healthz"), http.StatusOK, "")
		service.Wants(c.T, "what needs no lock", w.client.Get("/v1/orders/"+orders[0]), http.StatusOK, "")
	})
	if n := w.provider.Sent() - sent; n != 0 {
		c.Errorf("%d calls to the provider before anything was committed", n)
	}
	for i := range many {
		again := service.Insist(c.T, "the lock is gone", func() service.Response { return pay(i) })
		service.Wants(c.T, "afterwards", again, http.StatusCreated, "")
		w.once(c.T, paid(keys[i]), again)
	}
}

func (w *world) slowT2(c *cell) {
	h := w.hold(place{at: s7, name: "T2 is about to be sent", hold: announced(idempotency.StepCompleting)}, aPayment)
	w.locked(c.T, "captures", func() {
		w.release()
		w.collect([]*held{h})
		c.refusedInTime(h.first)
		service.Wants(c.T, "a copy meanwhile", w.retry(h), http.StatusConflict, "idempotency-request-in-flight")
	})
	c.hit()
	w.comesToItsEnd(c, h)
}

// COMMITs take longer than any request waits: some are answered late, and some arrive late, when the client has been told 503.
// Then the key is in progress, and comes to its end.
func TestF10PostgresIsSlowToCommit(t *testing.T) {
	t.Parallel()
	w := open(t, options{env: settings("COMPLETION_BUDGET", "1s")})
	w.warm()
	sent := w.provider.Sent()
	var all []*held
	for _, p := range []place{
		{at: s8, name: "the answer to T2's COMMIT is late", hold: said(proxy.HoldReply, t2)},
		{at: s8, name: "T2's COMMIT is late", hold: said(proxy.HoldCommit, t2)},
		{at: s4, name: "the answer to T1's COMMIT is late", hold: said(proxy.HoldReply, t1)},
		{at: s4, name: "T1's COMMIT is late", hold: said(proxy.HoldCommit, t1)},
	} {
		all = append(all, w.hold(p, aPayment))
	}
	w.collect(all)
	if n := w.provider.Sent() - sent; n != 3 {
		t.Errorf("%d calls to the provider; one payment's T1 was not known to be committed", n)
	}
	w.toPostgres.Disarm()
	w.each("F10", all, func(c *cell, h *held) {
		switch late := all[3]; {
		case h == late:
			c.refusedInTime(h.first)
		case !commitUnknown.answers(h.first, http.StatusCreated):
			c.Errorf("%s: %s", h, h.first)
		}
		w.comesToItsEnd(c, h)
	})
}

// comesToItsEnd: the key has an outcome at last, and the money was taken once.
func (w *world) comesToItsEnd(c *cell, h *held) {
	c.Helper()
	last := service.Insist(c.T, h.String(), func() service.Response { return w.retry(h) })
	if last.Status != http.StatusCreated && last.Status != http.StatusAccepted {
		c.Errorf("%s: %s", h, last)
	}
	w.once(c.T, h, last)
}

// refusedInTime: 503, before the client gives up.
func (c *cell) refusedInTime(resp service.Response) {
	c.Helper()
	service.Wants(c.T, "while Postgres is slow", resp, http.StatusServiceUnavailable, "unavailable")
	if resp.Took > 15*time.Second { // five to begin and as many to resolve, the rest for a busy machine
		c.Errorf("the refusal took %s", resp.Took)
	}
	if resp.Header.Get("Retry-After") == "" {
		c.Error("no Retry-After")
	}
}

// locked keeps every other session from a table meanwhile.
func (w *world) locked(t *testing.T, table string, meanwhile func()) {
	t.Helper()
	w.onOneSession(func(conn *sql.Conn) {
		tx, err := conn.BeginTx(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = tx.Rollback() }()
		if _, err := tx.ExecContext(t.Context(), "LOCK TABLE "+table+" IN ACCESS EXCLUSIVE MODE"); err != nil {
			t.Fatal(err)
		}
		meanwhile()
	})
}

// All connections for new work are taken: more of it is refused within a second, and what has begun ends on the reserved
// ones.
func TestF11OutOfConnections(t *testing.T) {
	t.Parallel()
	w := open(t, options{env: unhurried("DB_MAX_CONNS", "2")})
	w.warm()
	begun := w.hold(place{at: s7, name: "T2 is about to be sent", hold: announced(idempotency.StepCompleting)}, aPayment)
	stranger := w.newMerchant().At(w.harmed)
	var holders []*held
	for range 2 {
		holders = append(holders, w.hold(place{at: s3, name: "T1 has the key", hold: announced(idempotency.StepBegun)}, aPayment))
	}
	refused := func(c *cell, ask func() []service.Response) {
		slowest := time.Hour
		for try := 0; try < 3 && slowest > 3*time.Second; try++ { // one on a quiet machine; a busy one may have a bad moment, but not three
			slowest = 0
			for _, resp := range ask() {
				service.Wants(c.T, "without a connection", resp, http.StatusServiceUnavailable, "unavailable")
				slowest = max(slowest, resp.Took)
				c.hit()
			}
		}
		if slowest > 3*time.Second {
			c.Errorf("the slowest refusal took %s", slowest)
		}
	}
	in(t, "F11", s1, func(c *cell) {
		refused(c, func() []service.Response { return []service.Response{stranger.Get("/v1/orders")} })
	})
	in(t, "F11", s3, func(c *cell) {
		refused(c, func() []service.Response {
			return service.AtOnce(4, func(int) service.Response { return w.client.Post("/v1/orders", newKey(), service.OrderBody) })
		})
	})
	in(t, "F11", s7, func(c *cell) {
		w.harmed.ReleaseStep(idempotency.StepCompleting)
		w.collect([]*held{begun})
		service.Wants(c.T, "what had begun", begun.first, http.StatusCreated, "")
		w.once(c.T, begun, begun.first)
		c.hit()
	})
	w.release()
	w.collect(holders) // however long they were held
	service.Until(t, "there are connections again", func() bool { return stranger.Get("/v1/orders").Status == http.StatusOK })
}
