package crash

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/payonce/payonce/test/binary"
)

const (
	secretKey   = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
	providerKey = "sk_test_provider_of_the_crash_tests"
)

// replica is one process of the service.
type replica struct {
	t        *testing.T
	settings map[string]string
	command  *exec.Cmd
	log      *announced
	url      string
	ended    chan struct{}
}

// start runs a replica and waits until it listens. Its log must never hold a secret.
func start(t *testing.T, settings map[string]string) *replica {
	t.Helper()
	r := &replica{t: t, settings: settings}
	r.restart()
	t.Cleanup(func() {
		r.kill()
		for _, secret := range []string{secretKey, providerKey, settings["TEST_API_KEY"]} {
			if secret != "" && strings.Contains(r.log.String(), secret) {
				t.Errorf("the log holds the secret %.12s…", secret)
			}
		}
		if t.Failed() {
			t.Logf("log of %s:\n%s", r.url, tail(r.log.String()))
		}
	})
	return r
}

func tail(log string) string { return log[max(0, len(log)-4000):] }

// restart starts the process (again), with the same settings on another port.
func (r *replica) restart() {
	r.t.Helper()
	r.log = &announced{ready: make(chan struct{})}
	r.command = exec.Command(binary.Path(r.t), "serve") //nolint:noctx // killed by the test's cleanup
	r.command.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + os.Getenv("HOME")}
	for name, value := range r.settings {
		r.command.Env = append(r.command.Env, name+"="+value)
	}
	r.command.Stderr = r.log
	if err := r.command.Start(); err != nil {
		r.t.Fatal(err)
	}
	r.ended = make(chan struct{})
	go func(c *exec.Cmd, ended chan struct{}) {
		_ = c.Wait() // how it ended is in ProcessState
		close(ended)
	}(r.command, r.ended)
	select {
	case <-r.log.ready:
		r.url = r.log.address()
	case <-r.ended:
		r.t.Fatalf("the service ended at once: %s", r.log)
	case <-time.After(20 * time.Second):
		r.t.Fatalf("the service does not listen: %s", r.log)
	}
}

// kill is kill -9.
func (r *replica) kill() {
	r.signal(syscall.SIGKILL)
	<-r.ended
}

// stop is SIGTERM; it returns the exit code.
func (r *replica) stop() int {
	r.t.Helper()
	r.signal(syscall.SIGTERM)
	select {
	case <-r.ended:
	case <-time.After(25 * time.Second):
		r.t.Fatal("the service does not stop")
	}
	return r.command.ProcessState.ExitCode()
}

func (r *replica) signal(signal syscall.Signal) {
	r.t.Helper()
	if err := r.command.Process.Signal(signal); err != nil && !errors.Is(err, os.ErrProcessDone) {
		r.t.Fatal(err)
	}
}

// announced collects a log and tells when the service listens.
type announced struct {
	mu    sync.Mutex
	text  bytes.Buffer
	ready chan struct{}
	once  sync.Once
}

func (a *announced) Write(p []byte) (int, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.text.Write(p)
	if strings.Contains(a.text.String(), "\nlistening on ") {
		a.once.Do(func() { close(a.ready) })
	}
	return len(p), nil
}

func (a *announced) String() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.text.String()
}

func (a *announced) address() string {
	for line := range strings.Lines(a.String()) {
		if address, ok := strings.CutPrefix(strings.TrimSpace(line), "listening on "); ok {
			return address
		}
	}
	return ""
}

// eventually waits for a condition.
func eventually(t *testing.T, within time.Duration, what string, condition func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), within)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !condition() {
		select {
		case <-ctx.Done():
			t.Fatalf("not within %s: %s", within, what)
		case <-tick.C:
		}
	}
}
