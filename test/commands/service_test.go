package commands

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"

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
	service.Until(t, "the service listens", func() bool { return strings.Contains(r.output(), "\nlistening on ") })
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

// children are the processes that the service started.
func (r *running) children() []int {
	r.t.Helper()
	return service.Children(r.t, r.command.Process.Pid)
}

func anyAlive(pids []int) bool {
	for _, pid := range pids {
		if _, err := os.Stat(fmt.Sprint("/proc/", pid)); err == nil {
			return true
		}
	}
	return false
}
