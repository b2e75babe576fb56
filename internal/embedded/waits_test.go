//go:build unix

package embedded_test

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/payonce/payonce/internal/embedded"
	"github.com/payonce/payonce/test/executable"
)

// spoken collects log lines of several goroutines.
type spoken struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (s *spoken) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(p)
}

func (s *spoken) has(text string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Contains(s.text.String(), text)
}

// stubs makes programs that stand in for real ones in a folder of their own.
func stubs(t *testing.T, scripts map[string]string) string {
	t.Helper()
	dir := filepath.Dir(dataFolder(t))
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, script := range scripts {
		executable.Write(t, filepath.Join(dir, name), []byte("#!/bin/sh\n"+script+"\n"))
	}
	return dir
}

const (
	hangs   = "exec sleep 600"
	version = `if [ "$1" = --version ]; then echo "postgres (PostgreSQL) 15.0"; exit; fi; `
	// makes is an initdb: the last argument is the folder.
	makes = `for dir; do :; done; echo 15 >"$dir/PG_VERSION"`
)

// Each step that hangs has a line that says so.
func TestAStepOfAStartThatHangsSaysWhatItWaitsFor(t *testing.T) {
	t.Parallel()
	for what, scripts := range map[string]map[string]string{
		"the installed PostgreSQL to tell its version": {"postgres": hangs, "initdb": hangs},
		"initdb, which makes the database":             {"postgres": version + hangs, "initdb": hangs},
		"PostgreSQL to be ready":                       {"postgres": version + hangs, "initdb": makes},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			said := &spoken{}
			ctx, cancel := context.WithCancel(t.Context())
			ended := make(chan error)
			go func() {
				_, err := embedded.StartPostgres(ctx, embedded.PostgresConfig{
					Dir: dataFolder(t), BinDir: stubs(t, scripts), Log: slog.New(slog.NewTextHandler(said, nil)),
				})
				ended <- err
			}()
			eventually(t, "a line says it", func() bool { return said.has(`level=WARN msg="waiting for ` + what) })
			cancel()
			if err := <-ended; err == nil || strings.Contains(err.Error(), "\n") {
				t.Errorf("got %v, want one line", err)
			}
		})
	}
}

// An owner that has locked the folder and never gets ready.
func TestAttachingSaysWhatItWaitsFor(t *testing.T) {
	t.Parallel()
	dir := filepath.Dir(dataFolder(t))
	lock, err := os.Create(filepath.Join(dir, "payonce.lock"))
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Close()
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	said := &spoken{}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() {
		_, err := embedded.AttachPostgres(ctx, dir, slog.New(slog.NewTextHandler(said, nil)))
		ended <- err
	}()
	eventually(t, "a line says it", func() bool { return said.has("waiting for the PostgreSQL of the process that owns the data folder") })
	cancel()
	if err := <-ended; err == nil || !strings.Contains(err.Error(), "has not started PostgreSQL") {
		t.Errorf("got %v, want who was waited for", err)
	}
}

// Not in parallel: PATH is the process's.
func TestARedisThatHangsSaysThatItIsWaitedFor(t *testing.T) {
	said := &spoken{}
	dir := dataFolder(t)
	t.Setenv("PATH", stubs(t, map[string]string{"redis-server": "exec /bin/sleep 600"}))
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() {
		_, err := embedded.StartRedis(ctx, embedded.RedisConfig{Dir: dir, Log: slog.New(slog.NewTextHandler(said, nil))})
		ended <- err
	}()
	eventually(t, "a line says it", func() bool { return said.has("waiting for the private Redis to answer") })
	cancel()
	if err := <-ended; err == nil {
		t.Error("got no error")
	}
}

func TestTheReasonOfAFailedStartIsOneLineWithARemedy(t *testing.T) {
	t.Parallel()
	const first = "2026-01-01 00:00:00 UTC [7] "
	for _, c := range []struct{ log, reason, remedy string }{
		{"FATAL:  could not write lock file \"postmaster.pid\": No space left on device", "could not write lock file", "free some space"},
		{"FATAL:  data directory \"/d\" has wrong ownership\nHINT:  The server must be started by the user that owns it.", "has wrong ownership", "chown -R"},
		{"FATAL:  data directory \"/d\" has invalid permissions\nDETAIL:  Permissions should be u=rwx (0700).", "has invalid permissions", "chmod 700"},
		{"FATAL:  database files are incompatible with server\nDETAIL:  The database cluster was initialized with CATALOG_VERSION_NO 1.", "incompatible", "PG_BIN_DIR"},
		{"PANIC:  could not locate a valid checkpoint record\nLOG:  startup process (PID 9) was terminated\nFATAL:  the database system is starting up", "could not locate", "restore"},
		{"FATAL:  could not map anonymous shared memory: Cannot allocate memory\nHINT:  too much", "could not map", "memory"},
		{"FATAL:  could not open file \"/d/x\": Permission denied", "could not open file", "run payonce as the user"},
	} {
		dir := dataFolder(t)
		programs := stubs(t, map[string]string{"initdb": makes, "postgres": version + "cat <<'END' >&2\n" + first + c.log + "\nEND\nexit 1"})
		_, err := embedded.StartPostgres(t.Context(), embedded.PostgresConfig{Dir: dir, BinDir: programs})
		if err == nil || strings.Contains(err.Error(), "\n") || strings.Contains(err.Error(), first) {
			t.Errorf("%s: got %v, want one line", c.reason, err)
			continue
		}
		for _, part := range []string{c.reason, c.remedy, filepath.Join(dir, "postgres.log")} {
			if !strings.Contains(err.Error(), part) {
				t.Errorf("got %v, want %q in it", err, part)
			}
		}
	}
}
