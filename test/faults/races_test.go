package faults

import (
	"context"
	"database/sql"
	"fmt"
	"net/http"
	"path"
	"strings"
	"testing"

	"github.com/payonce/payonce/idempotency"
	"github.com/payonce/payonce/test/service"
	"github.com/payonce/payonce/test/stores"
)

// race is where a transaction loses one: the trigger that makes it do so, and for whom.
type race struct {
	at      step
	kind    kind
	trigger string // CREATE ...
	forT2   bool
}

const (
	atOnceSQL   = `CREATE TRIGGER loses BEFORE %s ON %s FOR EACH ROW EXECUTE FUNCTION lose()`
	atCommitSQL = `CREATE CONSTRAINT TRIGGER loses AFTER %s ON %s DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION lose()`
)

// A transaction loses a race, so many times: up to twice nobody notices, and more often it is refused without half an
// effect. T2 tries for as long as it has time, and then recovery does.
func TestF31ATransactionLosesARace(t *testing.T) {
	t.Parallel()
	database := stores.Database(t)
	execute(t, database, "ALTER DATABASE "+path.Base(strings.Split(database, "?")[0])+" SET deadlock_timeout = '50ms'")
	w := open(t, options{database: database, env: settings("COMPLETION_BUDGET", "1s", "IDEMPOTENCY_LEASE", "5s")})
	w.warm()
	w.execute(`CREATE SEQUENCE lost; CREATE TABLE losing (often int, code text); INSERT INTO losing VALUES (0, '');
		CREATE FUNCTION lose() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
			IF nextval('lost') <= (SELECT often FROM losing) THEN
				RAISE EXCEPTION 'lost' USING ERRCODE = (SELECT code FROM losing);
			END IF;
			RETURN coalesce(NEW, OLD);
		END $$`)
	for _, r := range []race{
		{s3, aPayment, fmt.Sprintf(atOnceSQL, "INSERT", "payments"), false},
		{s3, anOrder, fmt.Sprintf(atOnceSQL, "INSERT", "orders"), false},
		{s4, aPayment, fmt.Sprintf(atCommitSQL, "INSERT", "payments"), false},
		{s4, anOrder, fmt.Sprintf(atCommitSQL, "INSERT", "orders"), false},
		{s7, aPayment, fmt.Sprintf(atOnceSQL, "UPDATE", "payments"), true},
		{s8, aPayment, fmt.Sprintf(atCommitSQL, "UPDATE", "payments"), true},
	} {
		in(t, "F31", r.at, func(c *cell) {
			for _, code := range []string{"40001", "40P01"} {
				w.loses(c, r, code, 1, http.StatusCreated)
				w.loses(c, r, code, 2, http.StatusCreated)
			}
			w.loses(c, r, "40001", 1000, http.StatusServiceUnavailable)
		})
	}
	in(t, "F31", s3, w.deadlock)
}

// loses sends a request whose transaction loses so often.
func (w *world) loses(c *cell, r race, code string, often, want int) {
	c.Helper()
	h := &held{place: place{at: r.at, name: fmt.Sprintf("it lost %d times with %s", often, code)}, kind: r.kind, key: newKey()}
	table := map[kind]string{aPayment: "payments", anOrder: "orders"}[r.kind]
	if r.kind == aPayment {
		h.order = w.newOrder()
	}
	w.execute(fmt.Sprintf("ALTER SEQUENCE lost RESTART; UPDATE losing SET often = %d, code = '%s'; %s", often, code, r.trigger))
	h.first = h.send(context.Background(), w.client)
	lost := w.number("SELECT last_value FROM lost")
	if h.first.Status != want || lost < min(int64(often), 3) || (!r.forT2 && lost > 3) {
		c.Errorf("%s: lost %d races, and answered %s", h, lost, h.first)
	}
	now := w.traces(h.key)
	w.execute("DROP TRIGGER loses ON " + table)
	switch {
	case want == http.StatusCreated && !now.whole(r.kind),
		want != http.StatusCreated && r.forT2 && !now.open(),
		want != http.StatusCreated && !r.forT2 && !now.none():
		c.Errorf("%s: %+v is in Postgres", h, now)
	}
	last := insist(c.T, h.String(), func() service.Response { return w.retry(h) })
	wants(c.T, h.String(), last, http.StatusCreated, "")
	w.once(c.T, r.kind, h.key, last)
	c.hit()
}

// deadlock: T1 has the order and wants to write a payment; somebody else keeps everybody from payments and wants the
// order. Postgres ends T1, and its second run succeeds.
func (w *world) deadlock(c *cell) {
	before := w.number("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
	h := w.hold(place{at: s3, name: "T1 has the key", hold: announced(idempotency.StepBegun)}, aPayment, w.newOrder())
	w.onOneSession(func(conn *sql.Conn) {
		tx, err := conn.BeginTx(c.Context(), nil)
		if err != nil {
			c.Fatal(err)
		}
		defer func() { _ = tx.Rollback() }()
		for _, statement := range []string{"SET LOCAL deadlock_timeout = '1min'", "LOCK TABLE payments IN SHARE ROW EXCLUSIVE MODE"} {
			if _, err := tx.ExecContext(c.Context(), statement); err != nil {
				c.Fatal(err)
			}
		}
		mine := make(chan error, 1)
		go func() {
			_, err := tx.ExecContext(c.Context(), "SELECT FROM orders ORDER BY id FOR UPDATE")
			mine <- err
		}()
		until(c.T, "the other one waits for the order", func() bool {
			return w.number("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'") == 1
		})
		w.harmed.ReleaseStep(idempotency.StepBegun)
		if err := <-mine; err != nil {
			c.Errorf("the other one lost: %v", err)
		}
	})
	w.collect([]*held{h})
	wants(c.T, "after a deadlock", h.first, http.StatusCreated, "")
	w.once(c.T, aPayment, h.key, h.first)
	until(c.T, "Postgres counts the deadlock", func() bool {
		return w.number("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()") > before
	})
	c.hit()
}

// execute runs statements at the database.
func (w *world) execute(statements string) {
	w.t.Helper()
	if _, err := w.db.ExecContext(context.Background(), statements); err != nil {
		w.t.Fatalf("%s: %v", statements, err)
	}
}

// execute runs statements before anybody else is connected.
func execute(t *testing.T, database, statements string) {
	t.Helper()
	db, err := sql.Open("pgx", database)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	if _, err := db.ExecContext(context.Background(), statements); err != nil {
		t.Fatal(err)
	}
}
