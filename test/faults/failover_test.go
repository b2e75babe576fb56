package faults

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/payonce/payonce/internal/embedded"
	"github.com/payonce/payonce/migrations"
	"github.com/payonce/payonce/test/check"
	"github.com/payonce/payonce/test/service"
)

// A standby that lagged is promoted while requests are at every step: all that was committed since is gone, also what was
// acknowledged. A retry runs again and is the same request to the provider: the money is taken once, and the payment
// has the id that it had.
func TestF13AFailoverThatLosesAcknowledgedCommits(t *testing.T) {
	t.Parallel()
	dir := folderOfPostgres(t)
	pg := startPostgres(t, dir)
	if err := migrations.Up(t.Context(), pg.URL()); err != nil {
		t.Fatal(err)
	}
	w := open(t, options{database: pg.URL()})
	// Answers were lost with their commits: the retry's has another created_at, and what is cached is of the old timeline.
	w.except = []check.Rule{
		check.OneAnswer, check.AnswerStays, check.Committed, check.CommittedBefore, check.KnownResources, check.CacheHasRecord,
	}
	standby := dir + "-standby"
	w.db.SetMaxIdleConns(-1) // the test's own connections don't survive either
	w.ready = func() { w.replacePostgres(pg, func() { copyFolder(t, dir, standby) }) }
	all := w.holdEverywhere()
	before := w.number("SELECT count(*) FROM idempotency_keys")
	w.replacePostgres(pg, func() { promote(t, standby, dir) })
	if now := w.number("SELECT count(*) FROM idempotency_keys"); now > before-8 {
		t.Errorf("%d records were there, %d are: the failover lost nothing", before, now)
	}
	if timeline := w.number("SELECT timeline_id FROM pg_control_checkpoint()"); timeline != 2 {
		t.Errorf("timeline %d", timeline)
	}
	w.release()
	for _, h := range all {
		h.first = <-h.answer // may be what is lost now; the retry's created_at is another one
	}
	for _, at := range everyStep() {
		in(t, "F13", at, func(c *cell) {
			for _, h := range all {
				if h.place.at == at {
					c.hit()
					w.runsAgain(c.T, h)
				}
			}
		})
	}
}

// runsAgain: the retry has an outcome of its own, for the same payment, and no second charge.
func (w *world) runsAgain(t *testing.T, h *held) {
	t.Helper()
	var last service.Response
	service.Until(t, h.String()+": the retry runs again", func() bool { // for up to a second a cache may not have heard of the new timeline
		last = w.retry(h)
		return outcome(last) && w.traces(h.key).records == 1
	})
	if h.kind == aPayment && outcome(h.first) && h.first.Field("id") != last.Field("id") {
		t.Errorf("%s: first %s\nretry %s", h, h.first, last)
	}
	w.once(t, h, last)
}

// replacePostgres changes the folder of a server that has crashed, and starts it again there.
func (w *world) replacePostgres(pg *embedded.Postgres, change func()) {
	w.t.Helper()
	if err := pg.Kill(); err != nil {
		w.t.Fatal(err)
	}
	change()
	if err := pg.Restart(context.Background()); err != nil {
		w.t.Fatal(err)
	}
	for _, c := range []*service.Client{w.client, w.other} {
		service.Insist(w.t, "it serves again", func() service.Response { return c.Post("/v1/orders", newKey(), service.OrderBody) })
	}
}

// copyFolder copies a stopped server's data, as a standby would have it that got no further.
func copyFolder(t *testing.T, from, to string) {
	t.Helper()
	if err := os.RemoveAll(to); err != nil {
		t.Fatal(err)
	}
	if output, err := exec.CommandContext(t.Context(), "cp", "-a", from, to).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, output)
	}
}

// promote puts the standby's data in the server's place. Recovery ends with what is there, on a timeline of its own.
func promote(t *testing.T, standby, dir string) {
	t.Helper()
	clusters, err := filepath.Glob(filepath.Join(dir, "postgres-*"))
	if err != nil || len(clusters) != 1 {
		t.Fatalf("%v, %v", clusters, err)
	}
	lagging := filepath.Join(standby, filepath.Base(clusters[0]))
	if err := os.RemoveAll(clusters[0]); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(lagging, clusters[0]); err != nil {
		t.Fatal(err)
	}
	signal := filepath.Join(clusters[0], "recovery.signal")
	if output, err := exec.CommandContext(t.Context(), "cp", "-p", filepath.Join(clusters[0], "PG_VERSION"), signal).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, output) // with the owner of the other files
	}
}

// folderOfPostgres is one that the server's user may enter.
func folderOfPostgres(t *testing.T) string {
	t.Helper()
	root, err := os.MkdirTemp("", "payonce-failover-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(root) })
	if err := os.Chmod(root, 0o711); err != nil { //nolint:gosec // to pass through, not to read
		t.Fatal(err)
	}
	return filepath.Join(root, "data")
}

// startPostgres starts a server of the test's own in this folder.
func startPostgres(t *testing.T, dir string) *embedded.Postgres {
	t.Helper()
	pg, err := embedded.StartPostgres(t.Context(), embedded.PostgresConfig{
		Dir: dir, BinDir: os.Getenv("PG_BIN_DIR"),
		Settings: map[string]string{
			"fsync": "off", "min_wal_size": "32MB", "max_wal_size": "64MB", "max_connections": strconv.Itoa(100),
			"restore_command": "'false'", // there is no more than what lies in the folder
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		if err := pg.Stop(ctx); err != nil {
			t.Errorf("stop the test's own Postgres: %v", err)
		}
	})
	return pg
}
