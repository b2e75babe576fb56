package scaleout

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/payonce/payonce/test/needs"
	"github.com/payonce/payonce/test/service"
)

// program finds a program, also where Debian hides those of servers. Without it the test is skipped, and in CI fails.
func program(t *testing.T, name, debianPackage string) string {
	t.Helper()
	if path, err := exec.LookPath(name); err == nil {
		return path
	}
	for _, pattern := range []string{"/usr/sbin/", "/usr/lib/postgresql/*/bin/"} {
		if found, _ := filepath.Glob(pattern + name); len(found) > 0 {
			return found[len(found)-1]
		}
	}
	needs.Missing(t, fmt.Sprintf("needs %s (on Debian: apt-get install %s)", name, debianPackage))
	return ""
}

// process is a server that a test started, to be killed by it.
type process struct {
	cmd   *exec.Cmd
	ended chan struct{}
	log   string // a file
}

// start runs a server as a user (nil: our own) until the end of the test.
func start(t *testing.T, as *syscall.Credential, path string, args ...string) *process {
	t.Helper()
	log, err := os.CreateTemp(t.TempDir(), filepath.Base(path)+"-*.log")
	if err != nil {
		t.Fatal(err)
	}
	p := &process{cmd: exec.Command(path, args...), ended: make(chan struct{}), log: log.Name()} //nolint:noctx // killed by the cleanup
	p.cmd.Stdout, p.cmd.Stderr = log, log
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Credential: as}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	_ = log.Close() // the server has its own handle
	go func() {
		_ = p.cmd.Wait() // how it ended doesn't matter
		close(p.ended)
	}()
	t.Cleanup(func() {
		p.kill()
		if text, err := os.ReadFile(p.log); err == nil && t.Failed() {
			lines := strings.Split(string(text), "\n")
			t.Logf("the end of %s's log:\n%s", filepath.Base(path), strings.Join(lines[max(0, len(lines)-30):], "\n"))
		}
	})
	return p
}

// kill ends it as a crash would.
func (p *process) kill() {
	_ = p.cmd.Process.Kill() // it may have ended
	<-p.ended
}

// freePorts are ports of the loopback that nothing listens on.
func freePorts(t *testing.T, n int) (ports []int) {
	t.Helper()
	var open []net.Listener // until all ports are known, or the next one might be the same
	for range n {
		listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		open = append(open, listener)
		ports = append(ports, listener.Addr().(*net.TCPAddr).Port)
	}
	for _, listener := range open {
		_ = listener.Close()
	}
	return ports
}

// listens waits until something accepts connections.
func listens(t *testing.T, port int) {
	t.Helper()
	service.Until(t, fmt.Sprintf("something listens on port %d", port), func() bool {
		conn, err := (&net.Dialer{Timeout: time.Second}).DialContext(context.Background(), "tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err == nil {
			_ = conn.Close()
		}
		return err == nil
	})
}

// output runs a program to its end and returns what it wrote.
func output(t *testing.T, path string, args ...string) string {
	t.Helper()
	text, err := exec.CommandContext(t.Context(), path, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v: %s", filepath.Base(path), err, text)
	}
	return string(text)
}
