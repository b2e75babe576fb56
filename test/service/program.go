package service

import (
	"bytes"
	"os"
	"os/exec"
	"regexp"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Printed is what a process has printed so far. The zero value is empty; it is safe for concurrent use.
type Printed struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (p *Printed) Write(text []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.text.Write(text)
}

func (p *Printed) String() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.text.String()
}

// Program is the service as a person runs it, with nothing in its environment but what a test gives it.
type Program struct {
	Printed // stdout and stderr

	t       testing.TB
	command *exec.Cmd
	ended   chan struct{}
}

// RunProgram starts the binary without arguments, with its listeners on free ports, and waits until it listens. It is killed
// at the end of the test.
func RunProgram(t testing.TB, settings ...string) *Program {
	t.Helper()
	command := exec.Command(Binary(t)) //nolint:noctx // killed by the cleanup
	command.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir(), "ADDR=127.0.0.1:0", "ADMIN_ADDR=127.0.0.1:0"}, settings...)
	return RunCommand(t, command)
}

// RunCommand is RunProgram for a command that is prepared already.
func RunCommand(t testing.TB, command *exec.Cmd) *Program {
	t.Helper()
	p := &Program{t: t, command: command, ended: make(chan struct{})}
	command.Stdout, command.Stderr = p, p
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		_ = command.Wait() // how it ended is in ProcessState
		close(p.ended)
	}()
	t.Cleanup(p.Kill)
	Until(t, "the service listens", func() bool { return p.Find(`(?m)^listening on (\S+)$`) != "" })
	return p
}

// URL is where it listens.
func (p *Program) URL() string { return p.Find(`(?m)^listening on (\S+)$`) }

// Find is what the first group of a pattern matches in what was printed; empty when nothing matches.
func (p *Program) Find(pattern string) string {
	if match := regexp.MustCompile(pattern).FindStringSubmatch(p.String()); match != nil {
		return match[1]
	}
	return ""
}

// PID is the process's.
func (p *Program) PID() int { return p.command.Process.Pid }

// Kill ends it as a crash would.
func (p *Program) Kill() {
	_ = p.command.Process.Kill() // it may have ended
	<-p.ended
}

// Stop asks it to end, waits until it has, and returns its exit code.
func (p *Program) Stop() (exitCode int) {
	p.t.Helper()
	if err := p.command.Process.Signal(syscall.SIGTERM); err != nil {
		p.t.Errorf("ask the service to end: %v", err)
	}
	select {
	case <-p.ended:
	case <-time.After(stopLimit):
		p.t.Errorf("the service did not end within %s; it printed\n%s", stopLimit, p)
		p.Kill()
	}
	return p.command.ProcessState.ExitCode()
}
