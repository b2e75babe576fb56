package commands

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/payonce/payonce/test/service"
)

// running is a service with private stores.
type running struct {
	t       *testing.T
	command *exec.Cmd
	mu      sync.Mutex
	text    bytes.Buffer
	ended   chan struct{}
}

// startService starts `serve` with nothing configured but where it listens and keeps its data.
func startService(t *testing.T, settings ...string) *running {
	t.Helper()
	r := &running{t: t, command: exec.Command(service.Binary(t)), ended: make(chan struct{})} //nolint:noctx // killed by the cleanup
	r.command.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir(), "ADDR=127.0.0.1:0", "ADMIN_ADDR=127.0.0.1:0"}, settings...)
	r.command.Stdout, r.command.Stderr = r, r
	if err := r.command.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		_ = r.command.Wait() // how it ended is in ProcessState
		close(r.ended)
	}()
	t.Cleanup(r.kill)
	eventually(t, "the service listens", func() bool { return strings.Contains(r.output(), "\nlistening on ") })
	return r
}

// Write collects what the service prints.
func (r *running) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.text.Write(p)
}

func (r *running) output() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.text.String()
}

func (r *running) kill() {
	_ = r.command.Process.Kill() // it may have ended
	<-r.ended
}

func (r *running) stop() int {
	r.t.Helper()
	if err := r.command.Process.Signal(syscall.SIGTERM); err != nil {
		r.t.Fatal(err)
	}
	<-r.ended
	return r.command.ProcessState.ExitCode()
}

// children are the processes that the service started, by /proc.
func (r *running) children() (pids []string) {
	r.t.Helper()
	entries, err := os.ReadDir("/proc")
	if err != nil {
		r.t.Skip("without /proc the children are not known") // macOS
	}
	for _, entry := range entries {
		stat, err := os.ReadFile("/proc/" + entry.Name() + "/stat")
		if err != nil {
			continue
		}
		fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
		if fields[1] == fmt.Sprint(r.command.Process.Pid) {
			pids = append(pids, entry.Name())
		}
	}
	return pids
}

func anyAlive(pids []string) bool {
	for _, pid := range pids {
		if _, err := os.Stat("/proc/" + pid); err == nil {
			return true
		}
	}
	return false
}

// eventually waits for a condition.
func eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !condition() {
		select {
		case <-ctx.Done():
			t.Fatalf("not within 20 s: %s", what)
		case <-tick.C:
		}
	}
}
