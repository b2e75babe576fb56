//go:build unix

package archive

import (
	"bytes"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/payonce/payonce/test/service"
)

// The service archives by itself, on two replicas, and what it archives shows neither keys nor responses.
func TestTheServiceArchivesWhatItForgets(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	env := map[string]string{
		"IDEMPOTENCY_RETENTION": "1s", "IDEMPOTENCY_TOMBSTONE_RETENTION": "1s", "CLEANUP_INTERVAL": "50ms", "ARCHIVE_DIR": dir, "SEAL_RESPONSES": "on",
	}
	s := service.Start(t, service.Options{Env: env})
	replica := s.Replica(map[string]string{"DB_EXEC_MODE": "exec"})
	w := open(t, s.Options.DatabaseURL)
	w.dir = dir
	c := s.NewMerchant()
	const rounds = 30
	for i := range rounds {
		at := c
		if i%2 == 1 {
			at = c.At(replica)
		}
		made := at.Post("/v1/orders", "secret-key-"+itoa(i), `{"amount":1999,"currency":"USD","metadata":{"note":"canary-of-the-response"}}`)
		service.Wants(t, "an order", made, http.StatusCreated, "")
		gone := at.Post("/v1/idempotency-keys/secret-key%20that%20is%20given%20up-"+itoa(i)+"/cancel", "secret-key-cancel-"+itoa(i), "")
		service.Wants(t, "the giving up", gone, http.StatusOK, "")
	}
	const keys = 3 * rounds
	service.Until(t, "all tombstones are archived", func() bool { return w.number("SELECT count(*) FROM idempotency_keys") == 0 })
	w.whole("while the service runs", keys)
	found := w.must("find", "--json", "--merchant", c.MerchantID(), "secret-key-7")
	if !strings.Contains(found, `"path":"/v1/orders"`) || !strings.Contains(found, `"type":"order"`) || strings.Count(found, "\n") != 1 {
		t.Errorf("got %s, want the order's record", found)
	}
	service.Until(t, "the gauge says that nothing is due", func() bool { return s.Metric("payonce_archive_backlog_rows") == 0 })
	if n := s.Metric(`payonce_cleanup_rows_total{kind="archived"}`) + replica.Metric(`payonce_cleanup_rows_total{kind="archived"}`); n != keys {
		t.Errorf("%v rows were counted as archived, want %d", n, keys)
	}
	for _, r := range []*service.Service{s, replica} {
		if code := r.Stop(); code != 0 {
			t.Errorf("a replica ended with %d", code)
		}
	}
	w.archived("the service has ended", keys) // it seals its files
	w.noSecrets("secret-key", "canary-of-the-response", "secret-key%20that")
	if got := w.must("find", "--json", "secret-key-cancel-3"); !strings.Contains(got, "/v1/idempotency-keys/sha256:"+sum("secret-key that is given up-3")+"/cancel") {
		t.Errorf("got %s, want the other key's hash in the path", got)
	}
}

// noSecrets fails when a line of the archive, or a name or manifest, holds one of the texts.
func (w *world) noSecrets(texts ...string) {
	w.Helper()
	entries, err := os.ReadDir(w.dir)
	if err != nil {
		w.Fatal(err)
	}
	for _, entry := range entries {
		path := filepath.Join(w.dir, entry.Name())
		info, err := os.Stat(path)
		if err != nil {
			w.Fatal(err)
		}
		content, err := os.ReadFile(path)
		if err != nil {
			w.Fatal(err)
		}
		if strings.HasSuffix(path, ".gz") {
			content = []byte(strings.Join(w.lines(entry.Name(), info.Size()), "\n"))
		}
		for _, text := range texts {
			if strings.Contains(entry.Name()+string(content), text) {
				w.Errorf("%s holds %q", entry.Name(), text)
			}
		}
		if info.Mode().Perm() != 0o600 {
			w.Errorf("%s may be read by others: %s", entry.Name(), info.Mode())
		}
	}
}

// Two folders, or the same one again: each event is copied once to each, and is still where it was.
func TestEventsAreCopiedAndStay(t *testing.T) {
	t.Parallel()
	s := service.Start(t, service.Options{})
	w := open(t, s.Options.DatabaseURL)
	c := s.NewMerchant()
	for i := range 12 {
		if i%3 == 0 {
			w.must("--events", "--before", "2199-01-01")
		}
		order := c.CreateOrder()
		service.Wants(t, "a payment", c.Pay(order, "pm_card_visa", "key-"+itoa(i)), http.StatusCreated, "")
	}
	w.shown()
	shown := c.Get("/v1/events?limit=100")
	if out := w.must("--events", "--before", "2000-01-01"); !strings.HasPrefix(out, "0 events copied") {
		t.Errorf("got %s, want none that are older", out)
	}
	w.must("--events", "--before", "2199-01-01")
	w.eventsOnce()
	if out := w.must("--events", "--before", "2199-01-01"); !strings.HasPrefix(out, "0 events copied") {
		t.Errorf("got %s, want none a second time", out)
	}
	if again := c.Get("/v1/events?limit=100"); !bytes.Equal(again.Body, shown.Body) || len(shown.Body) < 1000 {
		t.Errorf("the list of events has changed:\n%s\n%s", shown, again)
	}
	w.dir, w.mode = t.TempDir(), "exec"
	w.must("--events", "--before", "2199-01-01")
	w.must("--events", "--before", "2199-01-01")
	w.eventsOnce()
}

// A service whose archive can't be written to serves requests, and keeps what it may not delete.
func TestAnArchiveThatIsNotThereKeepsTheTombstones(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "not mounted")
	s := service.Start(t, service.Options{Env: map[string]string{
		"IDEMPOTENCY_RETENTION": "1s", "IDEMPOTENCY_TOMBSTONE_RETENTION": "1s", "CLEANUP_INTERVAL": "50ms", "ARCHIVE_DIR": dir,
	}})
	w := open(t, s.Options.DatabaseURL)
	w.dir = dir
	c := s.NewMerchant()
	c.CreateOrder()
	service.Until(t, "the backlog is seen", func() bool { return s.Metric("payonce_archive_backlog_rows") == 1 })
	if n := w.number("SELECT count(*) FROM idempotency_keys"); n != 1 {
		t.Errorf("%d tombstones, want the one that is not archived", n)
	}
	if log := s.Log(); strings.Count(log, "job fails") != 1 || !strings.Contains(log, "make it, or mount it") {
		t.Errorf("want one line that says what is missing, got %s", log)
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	service.Until(t, "it is archived", func() bool { return w.number("SELECT count(*) FROM idempotency_keys") == 0 })
	w.whole("there is a folder", 1)
	c.CreateOrder()
}
