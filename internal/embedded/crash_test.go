//go:build unix

package embedded_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/payonce/payonce/internal/embedded"
)

func TestKillingTheParentLeavesNoServer(t *testing.T) {
	t.Parallel()
	dir := dataFolder(t)
	parent, servers := startOwner(t, dir)
	url, err := attach(t, dir)
	if err != nil {
		t.Fatal(err)
	}
	query(t, url, "CREATE TABLE kept AS SELECT 'here' AS what")
	kill(t, parent)

	// At once, while the old server may still be shutting down.
	pg := start(t, embedded.PostgresConfig{Dir: dir})
	if got := query(t, pg.URL(), "SELECT what FROM kept"); got != "here" {
		t.Errorf("after kill -9: %q", got)
	}
	eventually(t, "PostgreSQL has ended", func() bool { return !running(servers.Postgres) })
	if servers.Redis != 0 {
		eventually(t, "Redis has ended", func() bool { return !running(servers.Redis) })
	}
}

func TestALongFolderLeavesNoSocketAfterAKill(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(dataFolder(t), strings.Repeat("a-long-name/", 12), "end")
	parent, _ := startOwner(t, dir)
	url, err := attach(t, dir)
	if err != nil {
		t.Fatal(err)
	}
	old := query(t, url, "SHOW unix_socket_directories")
	kill(t, parent)
	start(t, embedded.PostgresConfig{Dir: dir})
	if _, err := os.Stat(old); !os.IsNotExist(err) {
		t.Errorf("%s is left behind: %v", old, err)
	}
}

func TestAnInterruptedInitdbIsMadeAnew(t *testing.T) {
	t.Parallel()
	dir := dataFolder(t)
	parent, _ := startHelper(t, dir)
	eventually(t, "initdb is half-way", func() bool {
		half, err := filepath.Glob(filepath.Join(dir, "postgres-*.new", "base", "*"))
		return err == nil && len(half) > 0
	})
	kill(t, parent)
	if whole, _ := filepath.Glob(filepath.Join(dir, "postgres-*", "PG_VERSION")); len(whole) > 1 {
		t.Fatalf("the cluster was complete before the kill: %v", whole)
	}
	pg := start(t, embedded.PostgresConfig{Dir: dir})
	query(t, pg.URL(), "SELECT 'it answers'")
	if left, _ := filepath.Glob(filepath.Join(dir, "*.new")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// A container starts its processes under the same few numbers each time, so
// the number in a stale file is often alive, and another process's.
func TestAStalePidFileDoesNotStopTheStart(t *testing.T) {
	t.Parallel()
	stranger := exec.Command("sleep", "600")
	if err := stranger.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { kill(t, stranger) })
	ended := exec.Command("true")
	if err := ended.Run(); err != nil {
		t.Fatal(err)
	}
	for name, pid := range map[string]int{
		"of no process":      ended.Process.Pid,
		"of another program": stranger.Process.Pid,
		"of ourselves":       os.Getpid(),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := dataFolder(t)
			pg := start(t, embedded.PostgresConfig{Dir: dir})
			cluster := query(t, pg.URL(), "SHOW data_directory")
			query(t, pg.URL(), "CREATE TABLE kept AS SELECT 'here' AS what")
			path := filepath.Join(cluster, "postmaster.pid")
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if err := pg.Kill(); err != nil {
				t.Fatal(err)
			}
			_, rest, _ := strings.Cut(string(text), "\n")
			writeAsOwner(t, cluster, path, strconv.Itoa(pid)+"\n"+rest)
			if err := pg.Restart(t.Context()); err != nil {
				t.Fatal(err)
			}
			if got := query(t, pg.URL(), "SELECT what FROM kept"); got != "here" {
				t.Errorf("after a stale pid file: %q", got)
			}
		})
	}
	if !running(stranger.Process.Pid) {
		t.Error("the other program was ended")
	}
}

func TestAServerThatIsKilledAloneCanBeStartedAgain(t *testing.T) {
	t.Parallel()
	pg := start(t, embedded.PostgresConfig{Dir: dataFolder(t)})
	pid := pg.Pid()
	if out, err := exec.Command("kill", "-9", strconv.Itoa(pid)).CombinedOutput(); err != nil {
		t.Fatal(fmt.Errorf("kill: %w: %s", err, out))
	}
	eventually(t, "the server has ended", func() bool { return pg.Pid() == 0 })
	if err := pg.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	query(t, pg.URL(), "SELECT 'it answers'")
}
