//go:build unix

package embedded_test

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/payonce/payonce/embedded"
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

func TestTheServerIsDurable(t *testing.T) {
	t.Parallel()
	pg := start(t, embedded.PostgresConfig{Dir: dataFolder(t)})
	for _, name := range []string{"fsync", "synchronous_commit", "full_page_writes"} {
		if got := query(t, pg.URL(), "SHOW "+name); got != "on" {
			t.Errorf("%s is %s", name, got)
		}
	}
}

func TestASecondOwnerIsRefused(t *testing.T) {
	t.Parallel()
	dir := dataFolder(t)
	start(t, embedded.PostgresConfig{Dir: dir})
	_, err := embedded.StartPostgres(t.Context(), embedded.PostgresConfig{Dir: dir})
	if !errors.Is(err, embedded.ErrInUse) {
		t.Fatalf("second owner: %v", err)
	}
	for _, part := range []string{dir, "process " + strconv.Itoa(os.Getpid()), "DATA_DIR"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%q doesn't say %q", err, part)
		}
	}
}

func TestOthersAttachToTheOwner(t *testing.T) {
	t.Parallel()
	dir := dataFolder(t)
	if _, err := embedded.AttachPostgres(dir); !errors.Is(err, embedded.ErrNotRunning) {
		t.Errorf("before the start: %v", err)
	}
	pg := start(t, embedded.PostgresConfig{Dir: dir})
	url, err := embedded.AttachPostgres(dir)
	if err != nil {
		t.Fatal(err)
	}
	if got := query(t, url, "SELECT current_database()"); got != "payonce" {
		t.Errorf("attached to database %q", got)
	}
	stop(t, pg)
	if _, err := embedded.AttachPostgres(dir); !errors.Is(err, embedded.ErrNotRunning) {
		t.Errorf("after Stop: %v", err)
	}
}

func TestALongDataFolderWorks(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(dataFolder(t), strings.Repeat("a-long-name/", 12), "end")
	pg := start(t, embedded.PostgresConfig{Dir: dir})
	url, err := embedded.AttachPostgres(dir)
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

func TestTheSocketIsOnlyForItsUser(t *testing.T) {
	t.Parallel()
	pg := start(t, embedded.PostgresConfig{Dir: dataFolder(t)})
	info, err := os.Stat(query(t, pg.URL(), "SHOW unix_socket_directories"))
	if err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("socket folder: %v, %v", info, err)
	}
}

func TestCtrlCIsNotForTheServers(t *testing.T) {
	t.Parallel()
	dir := dataFolder(t)
	pg := start(t, embedded.PostgresConfig{Dir: dir})
	redis, err := embedded.StartRedis(t.Context(), embedded.RedisConfig{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stop(t, redis) })
	for _, pid := range []int{pg.Pid(), redis.Pid()} {
		if pid == 0 {
			continue // Redis in this process
		}
		if group, err := syscall.Getpgid(pid); err != nil || group == syscall.Getpgrp() {
			t.Errorf("process %d is in group %d, ours (%v): a terminal would signal it with us", pid, group, err)
		}
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
