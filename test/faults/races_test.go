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

// What makes a transaction lose: at the statement, or at its COMMIT.
const (
	atOnceSQL   = `CREATE TRIGGER loses BEFORE %s ON %s FOR EACH ROW %s EXECUTE FUNCTION lose();`
	atCommitSQL = `CREATE CONSTRAINT TRIGGER loses AFTER %s ON %s DEFERRABLE INITIALLY DEFERRED FOR EACH ROW %s EXECUTE FUNCTION lose();`
)

// trigger makes the transaction of a kind lose at a step: T1 where it writes its row, T2 where that gets its outcome.
func (k kind) trigger(at step) string {
	table, when := k.spec().table, ""
	if at >= s7 && k != aKeyCancel { // others reserve on the same row
		when = "WHEN (OLD.status IS DISTINCT FROM NEW.status)"
	}
	return fmt.Sprintf(map[step]string{s3: atOnceSQL, s4: atCommitSQL, s7: atOnceSQL, s8: atCommitSQL}[at],
		map[bool]string{true: "UPDATE", false: "INSERT"}[at >= s7], table, when)
}

// A transaction loses a race, so many times: up to twice the client sees nothing of it, and more often it is refused without half an
// effect. T2 tries for as long as it has time, and then recovery does.
func TestF31ATransactionLosesARace(t *testing.T) {
	t.Parallel()
	database := stores.Database(t)
	execute(t, database, "ALTER DATABASE "+path.Base(strings.Split(database, "?")[0])+" SET deadlock_timeout = '50ms'")
	w := open(t, options{database: database, env: settings("COMPLETION_BUDGET", "3s", "IDEMPOTENCY_LEASE", "7s")})
	w.warm()
	w.execute(`CREATE SEQUENCE lost; CREATE TABLE losing (often int, code text); INSERT INTO losing VALUES (0, '');
		CREATE FUNCTION lose() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
			IF nextval('lost') <= (SELECT often FROM losing) THEN
				RAISE EXCEPTION 'lost' USING ERRCODE = (SELECT code FROM losing);
			END IF;
			RETURN coalesce(NEW, OLD);
		END $$`)
	for at, kinds := range map[step][]kind{s3: everyKind(), s4: everyKind(), s7: outside(), s8: outside()} {
		in(t, "F31", at, func(c *cell) {
			for _, k := range kinds {
				w.loses(c, at, "40001", 1, k)
				w.loses(c, at, "40P01", 2, k)
			}
			w.loses(c, at, "40001", 1000, kinds...)
		})
	}
	in(t, "F31", s3, w.deadlock)
}

// loses sends a request of each kind at once, whose transactions lose so often.
func (w *world) loses(c *cell, at step, code string, often int, kinds ...kind) {
	c.Helper()
	var all []*held
	triggers, drops := "", ""
	for _, k := range kinds {
		triggers, drops = triggers+k.trigger(at), drops+"DROP TRIGGER loses ON "+k.spec().table+";"
		all = append(all, &held{
			place:   place{at: at, name: fmt.Sprintf("it lost %d times with %s", often, code)},
			subject: w.newSubject(k, "pm_card_visa"), key: newKey(),
		})
	}
	w.execute(fmt.Sprintf("ALTER SEQUENCE lost RESTART; UPDATE losing SET often = %d, code = '%s'; %s", often, code, triggers))
	for i, resp := range service.AtOnce(len(all), func(i int) service.Response { return all[i].send(context.Background(), w.client) }) {
		all[i].first = resp
	}
	lost, most := w.number("SELECT last_value FROM lost"), int64(3*len(kinds))
	if lost < min(int64(often), most) || (at < s7 && lost > most) {
		c.Errorf("%v: lost %d races", kinds, lost)
	}
	var now []traces
	for _, h := range all {
		now = append(now, w.traces(h.key))
	}
	w.execute(drops)
	for i, h := range all {
		w.hasLost(c, h, now[i], often)
	}
}

// hasLost: what lost so often is whole, or refused and at most begun, and a retry brings it to its end.
func (w *world) hasLost(c *cell, h *held, now traces, often int) {
	c.Helper()
	want, stands := h.kind.spec().made, now.whole(h.kind)
	if often > 2 {
		want, stands = http.StatusServiceUnavailable, now.none()
		if h.place.at >= s7 {
			stands = now.open()
		}
	}
	if h.first.Status != want || !stands {
		c.Errorf("%s: answered %s, and %+v is in Postgres", h, h.first, now)
	}
	last := service.Insist(c.T, h.String(), func() service.Response { return w.retry(h) })
	service.Wants(c.T, h.String(), last, h.kind.spec().made, "")
	w.once(c.T, h, last)
	c.hit()
}

// deadlock: T1 has the order and wants to write a payment; another session locks the payments and wants the
// order. Postgres ends T1, and its second run succeeds.
func (w *world) deadlock(c *cell) {
	before := w.number("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
	h := w.hold(place{at: s3, name: "T1 has the key", hold: announced(idempotency.StepBegun)}, aPayment)
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
		service.Until(c.T, "the other one waits for the order", func() bool {
			return w.number("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'") == 1
		})
		w.harmed.ReleaseStep(idempotency.StepBegun)
		if err := <-mine; err != nil {
			c.Errorf("the other one lost: %v", err)
		}
	})
	w.collect([]*held{h})
	service.Wants(c.T, "after a deadlock", h.first, http.StatusCreated, "")
	w.once(c.T, h, h.first)
	service.Until(c.T, "Postgres counts the deadlock", func() bool {
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

// execute runs statements before the services are connected.
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
