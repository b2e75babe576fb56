//go:build unix

package embedded_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/payonce/payonce/internal/embedded"
)

func TestDataIsKeptBetweenRuns(t *testing.T) {
	t.Parallel()
	dir := dataFolder(t)
	pg := start(t, embedded.PostgresConfig{Dir: dir})
	query(t, pg.URL(), "CREATE TABLE kept AS SELECT 'here' AS what")
	stop(t, pg)
	if pg.Pid() != 0 {
		t.Errorf("pid %d after Stop", pg.Pid())
	}
	pg = start(t, embedded.PostgresConfig{Dir: dir})
	if got := query(t, pg.URL(), "SELECT what FROM kept"); got != "here" {
		t.Errorf("after a second start: %q", got)
	}
}

func TestACrashLosesNothingThatWasCommitted(t *testing.T) {
	t.Parallel()
	pg := start(t, embedded.PostgresConfig{Dir: dataFolder(t)})
	url := pg.URL()
	query(t, url, "CREATE TABLE kept AS SELECT 'here' AS what")
	if err := pg.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := pg.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := query(t, url, "SELECT what FROM kept"); got != "here" {
		t.Errorf("after a crash: %q", got)
	}
}

func TestOthersAttachToTheOwner(t *testing.T) {
	t.Parallel()
	dir := dataFolder(t)
	if _, err := attach(t, dir); !errors.Is(err, embedded.ErrNotRunning) {
		t.Errorf("before the start: %v", err)
	}
	pg := start(t, embedded.PostgresConfig{Dir: dir})
	url, err := attach(t, dir)
	if err != nil {
		t.Fatal(err)
	}
	if got := query(t, url, "SELECT current_database()"); got != "payonce" {
		t.Errorf("attached to database %q", got)
	}
	stop(t, pg)
	if _, err := attach(t, dir); !errors.Is(err, embedded.ErrNotRunning) {
		t.Errorf("after Stop: %v", err)
	}
}

func TestALongDataFolderWorks(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(dataFolder(t), strings.Repeat("a-long-name/", 12), "end")
	pg := start(t, embedded.PostgresConfig{Dir: dir})
	url, err := attach(t, dir)
	if err != nil {
		t.Fatal(err)
	}
	query(t, url, "SELECT 'it answers'")
	socketDir := query(t, url, "SHOW unix_socket_directories")
	info, err := os.Stat(socketDir)
	if err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("socket folder %s: %v, %v", socketDir, info, err)
	}
	if err := pg.Restart(t.Context()); err != nil || pg.URL() != url {
		t.Errorf("restart: %v; URL %s, was %s", err, pg.URL(), url)
	}
	stop(t, pg)
	if _, err := os.Stat(socketDir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("socket folder %s is left behind: %v", socketDir, err)
	}
}

func TestAFailedStartQuotesTheServersLog(t *testing.T) {
	t.Parallel()
	dir := dataFolder(t)
	_, err := embedded.StartPostgres(t.Context(), embedded.PostgresConfig{
		Dir: dir, Settings: map[string]string{"shared_buffers": "nonsense"},
	})
	if err == nil || !strings.Contains(err.Error(), `invalid value for parameter "shared_buffers"`) {
		t.Fatalf("start with a wrong setting: %v", err)
	}
	start(t, embedded.PostgresConfig{Dir: dir}) // the folder was given up
}

func TestAWrongBinDirIsNamed(t *testing.T) {
	t.Parallel()
	empty := t.TempDir()
	_, err := embedded.StartPostgres(t.Context(), embedded.PostgresConfig{Dir: dataFolder(t), BinDir: empty})
	if err == nil || !strings.Contains(err.Error(), "PG_BIN_DIR="+empty) {
		t.Errorf("start with an empty PG_BIN_DIR: %v", err)
	}
}
