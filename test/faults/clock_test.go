package faults

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/payonce/payonce/migrations"
	"github.com/payonce/payonce/test/check"
	"github.com/payonce/payonce/test/service"
	"github.com/payonce/payonce/test/stores"
)

// One replica thinks that it is an hour later, the other that it is an hour earlier. Leases end when Postgres says so.
func TestF23AReplicaWhoseClockIsAnHourOff(t *testing.T) {
	t.Parallel()
	build := wrongClock(t)
	for _, offsets := range [][2]string{{"-3600", "3600"}, {"3600", "-3600"}} {
		t.Run("harmed "+offsets[0]+" s, survivor "+offsets[1]+" s", func(t *testing.T) {
			t.Parallel()
			w := open(t, options{
				build: build, harmed: map[string]string{clockOffset: offsets[0]}, survivor: map[string]string{clockOffset: offsets[1]},
			})
			w.offBy(w.client, offsets[0])
			w.offBy(w.other, offsets[1])
			began := time.Now()
			all := w.holdEverywhere()
			w.harmed.Kill()
			w.toPostgres.ResetAll()
			w.arrive()
			early := w.number("SELECT count(*) FROM idempotency_keys WHERE fence > 1")
			if lease := 8 * time.Second; early > 0 && time.Since(began) < lease {
				t.Errorf("%d keys were taken over before a lease could have ended", early)
			}
			w.judge("F23", all, (*held).left)
		})
	}
}

const clockOffset = "PAYONCE_TEST_CLOCK_OFFSET" // seconds; nothing but the overlay reads it

// wrongClock are the build's arguments for a service whose wall clock is off by clockOffset seconds. Go reads the clock in the vDSO, which
// no library can replace from outside; so two files are added that put another clock in its place.
func wrongClock(t *testing.T) []string {
	t.Helper()
	if platform := runtime.GOOS + "/" + runtime.GOARCH; platform != "linux/amd64" {
		missing := "Go's clock is replaced on linux/amd64 only, and this is " + platform
		cells.excuse("F23", missing)
		t.Skip(missing)
	}
	files := map[string]string{}
	for _, name := range []string{"shifted.go", "shifted_amd64.s"} {
		text, err := os.ReadFile(filepath.Join("testdata", "clock", name))
		if err != nil {
			t.Fatal(err)
		}
		files[filepath.Join(moduleRoot(t), name)] = string(text)
	}
	return append(service.Failpoints(), "-overlay="+overlay(t, files))
}

// overlays are the folders of what [overlay] has written. A global, because tests that build the same share it.
var overlays struct {
	mu     sync.Mutex
	folder string // removed by TestMain
}

// overlay writes what go build's -overlay takes: files, and what stands in them instead. The same replacements have the same path, so
// that they are built once.
func overlay(t *testing.T, files map[string]string) (path string) {
	t.Helper()
	text, err := json.Marshal(files)
	if err != nil {
		t.Fatal(err)
	}
	overlays.mu.Lock()
	defer overlays.mu.Unlock()
	dir := filepath.Join(overlays.folder, fmt.Sprintf("%x", sha256.Sum256(text)))
	path = filepath.Join(dir, "overlay.json")
	if _, err := os.Stat(path); err == nil {
		return path
	}
	replace := map[string]string{}
	for name := range files {
		replace[name] = filepath.Join(dir, filepath.Base(name))
	}
	list, err := json.Marshal(map[string]any{"Replace": replace})
	err = errors.Join(err, os.MkdirAll(dir, 0o700))
	for name, text := range files {
		err = errors.Join(err, os.WriteFile(replace[name], []byte(text), 0o600))
	}
	if err = errors.Join(err, os.WriteFile(path, list, 0o600)); err != nil {
		t.Fatal(err)
	}
	return path
}

// offBy proves that a replica's clock is off: its answers carry net/http's Date.
func (w *world) offBy(c *service.Client, seconds string) {
	w.t.Helper()
	want, err := time.ParseDuration(seconds + "s")
	if err != nil {
		w.t.Fatal(err)
	}
	date, err := http.ParseTime(c.Get("/healthz").Header.Get("Date"))
	if off := time.Until(date) - want; err != nil || off.Abs() > time.Minute {
		w.t.Fatalf("the replica's clock says %s, %v: it should be off by %s", date, err, want)
	}
}

// Postgres's clock jumps an hour ahead: every lease is over although its holder is at work. Others take all over, the
// holders come too late and answer with what was stored.
func TestF24PostgresClockJumpsAhead(t *testing.T) {
	t.Parallel()
	clock := startClock(t)
	w := open(t, options{database: clock.url, env: settings("RESEND_MAX_AGE", "3h")})
	w.except = []check.Rule{check.CommittedBefore, check.ConvergedInTime} // by a clock that jumped
	all := w.holdEverywhere()
	clock.jump(time.Hour)
	w.arrive() // nothing on its way may hold the others up
	outcomes := map[*held]service.Response{}
	for _, h := range all {
		outcomes[h] = service.Insist(t, h.String()+": others have its outcome", func() service.Response { return w.retry(h) })
	}
	taken := w.number("SELECT count(*) FROM idempotency_keys WHERE fence > 1")
	w.release()
	w.collect(all)
	if taken < 2 { // beside them are those that had not begun, and those that were at their end
		t.Errorf("%d keys were taken over when all leases ended", taken)
	}
	w.alerted()
	w.each("F24", all, func(c *cell, h *held) {
		// It may find that its time is over, or that the other is at work still; an outcome it shares.
		if h.first.Status != http.StatusServiceUnavailable && h.first.Status != http.StatusConflict && !h.first.Same(outcomes[h]) {
			c.Errorf("%s: the late holder answered %s\nthe outcome is %s", h, h.first, outcomes[h])
		}
		w.once(c.T, h, outcomes[h])
	})
}

// Postgres's clock jumps an hour back, and the holders die: their leases end an hour late, which a person is told. When
// the clock is mended, all goes on.
func TestF24PostgresClockJumpsBack(t *testing.T) {
	t.Parallel()
	clock := startClock(t)
	w := open(t, options{database: clock.url})
	w.except = []check.Rule{check.CommittedBefore, check.ConvergedInTime} // by a clock that jumped
	all := w.holdEverywhere()
	clock.jump(-time.Hour)
	w.harmed.Kill()
	w.toPostgres.ResetAll()
	w.arrive()
	w.alerted()
	late := w.number("SELECT count(*) FROM idempotency_keys WHERE state = 'in_progress' AND lease_until > clock_timestamp() + interval '30 minutes'")
	if late < 6 {
		t.Errorf("%d leases end late", late)
	}
	for _, h := range all {
		if h.left() == pending {
			service.Wants(t, "while the lease lasts", w.retry(h), http.StatusConflict, "idempotency-request-in-flight")
		}
	}
	clock.jump(time.Hour)
	w.judge("F24", all, (*held).left)
}

// alerted waits until the survivor has called for a person.
func (w *world) alerted() {
	w.t.Helper()
	service.Until(w.t, "the log says that the clock jumped", func() bool {
		return strings.Contains(w.survivor.Log(), "ALERT PostgreSQL's clock jumped")
	})
}

// clock is a database whose clock a test can set: its functions stand before Postgres's own.
type clock struct {
	t   *testing.T
	url string
	db  *sql.DB
}

func startClock(t *testing.T) *clock {
	t.Helper()
	c := &clock{t: t, url: stores.EmptyDatabase(t)}
	for range 2 { // the second connection has the search path that the first has set
		db, err := sql.Open("pgx", c.url)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = db.Close() })
		if c.db == nil {
			c.db = db
			c.do(clockSchema)
		}
		c.db = db
	}
	if err := migrations.Up(t.Context(), c.url); err != nil {
		t.Fatal(err)
	}
	return c
}

const clockSchema = `CREATE SCHEMA moved;
CREATE TABLE moved.clock (by interval NOT NULL);
INSERT INTO moved.clock VALUES ('0');
CREATE FUNCTION moved.now() RETURNS timestamptz LANGUAGE sql STABLE AS 'SELECT pg_catalog.now() + by FROM moved.clock';
CREATE FUNCTION moved.clock_timestamp() RETURNS timestamptz LANGUAGE sql VOLATILE AS 'SELECT pg_catalog.clock_timestamp() + by FROM moved.clock';
DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET search_path = moved, pg_catalog', current_database()); END $$`

func (c *clock) jump(by time.Duration) {
	c.t.Helper()
	c.do("UPDATE moved.clock SET by = by + interval '" + by.String() + "'")
}

func (c *clock) do(statement string) {
	c.t.Helper()
	if _, err := c.db.ExecContext(context.Background(), statement); err != nil {
		c.t.Fatalf("%s: %v", statement, err)
	}
}
