//go:build unix

package embedded_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"go.uber.org/goleak"

	"github.com/payonce/payonce/internal/embedded"
)

// helperDir makes this test binary an owner of the folder that it names: a
// process that a test may kill.
const helperDir = "PAYONCE_TEST_HELPER_DIR"

func TestMain(m *testing.M) {
	if dir := os.Getenv(helperDir); dir != "" {
		if err := helper(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}

// owned is what a helper says about its servers.
type owned struct {
	Postgres, Redis int // pids
}

func helper(dir string) error {
	pg, err := embedded.StartPostgres(context.Background(), embedded.PostgresConfig{Dir: dir, BinDir: os.Getenv("PG_BIN_DIR")})
	if err != nil {
		return err
	}
	redis, err := embedded.StartRedis(context.Background(), embedded.RedisConfig{Dir: dir})
	if err != nil {
		return err
	}
	if err := json.NewEncoder(os.Stdout).Encode(owned{pg.Pid(), redis.Pid()}); err != nil {
		return err
	}
	_, err = os.Stdin.Read(make([]byte, 1)) // until the test ends us
	return errors.Join(err, redis.Stop(context.Background()), pg.Stop(context.Background()))
}

// startHelper starts a helper with env on top of ours, and doesn't wait for its servers.
func startHelper(t *testing.T, dir string, env ...string) (*exec.Cmd, *bufio.Reader) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	// A temporary folder of its own, because a killed process leaves some.
	cmd.Env = append(os.Environ(), helperDir+"="+dir, "TMPDIR="+filepath.Dir(dataFolder(t)))
	cmd.Env = append(cmd.Env, env...)
	cmd.Stderr = os.Stderr
	// Never closed by us: the helper goes on until it is killed.
	if _, err := cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { kill(t, cmd) })
	return cmd, bufio.NewReader(out)
}

// startOwner starts a helper and waits until its servers run.
func startOwner(t *testing.T, dir string, env ...string) (*exec.Cmd, owned) {
	t.Helper()
	cmd, out := startHelper(t, dir, env...)
	var servers owned
	line, err := out.ReadBytes('\n')
	if err != nil {
		t.Fatalf("the helper did not start its servers: %v", err)
	}
	if err := json.Unmarshal(line, &servers); err != nil {
		t.Fatal(err)
	}
	return cmd, servers
}

// kill ends a helper with SIGKILL and reaps it; a second call does nothing.
func kill(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	if cmd.ProcessState != nil {
		return
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Errorf("kill the helper: %v", err)
	}
	_ = cmd.Wait() // says that it was killed
}

// dataFolder names a folder that doesn't exist yet.
func dataFolder(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "payonce-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	if err := os.Chmod(dir, 0o711); err != nil { // root's servers have to get there
		t.Fatal(err)
	}
	return filepath.Join(dir, "data")
}

func start(t testing.TB, cfg embedded.PostgresConfig) *embedded.Postgres {
	t.Helper()
	pg, err := embedded.StartPostgres(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stop(t, pg) })
	return pg
}

// attach asks for the address of a running owner, for 20 s at most.
func attach(t *testing.T, dir string) (url string, err error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	return embedded.AttachPostgres(ctx, dir, slog.New(slog.DiscardHandler))
}

func stop(t testing.TB, server interface{ Stop(context.Context) error }) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if err := server.Stop(ctx); err != nil {
		t.Error(err)
	}
}

// query runs one statement and returns the first column of its first row.
func query(t *testing.T, url, statement string) (value string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	err = conn.QueryRow(t.Context(), statement).Scan(&value)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		t.Fatalf("%s: %v", statement, err)
	}
	return value
}

func running(pid int) bool { return syscall.Kill(pid, 0) == nil }

// eventually asks until ok, for 20 s at most.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	limit := time.After(20 * time.Second)
	for !ok() {
		select {
		case <-limit:
			t.Fatalf("waited 20 s in vain until %s", what)
		case <-tick.C:
		}
	}
}
