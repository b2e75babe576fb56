//go:build unix

package embedded_test

import (
	"errors"
	"os"
	"os/exec"
	"syscall"
	"testing"

	"github.com/payonce/payonce/internal/embedded"
)

// That it ends with its parent is shown by the demo's tests, which kill one.
func TestAProcessIsSignalledAndKilled(t *testing.T) {
	t.Parallel()
	if _, err := embedded.StartProcess(exec.Command("/no/such/program")); err == nil {
		t.Error("a program that does not exist was started")
	}
	p, err := embedded.StartProcess(exec.Command("sleep", "1000"))
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Signal(syscall.SIGSTOP); err != nil {
		t.Error(err)
	}
	select {
	case <-p.Done():
		t.Error("it has ended by itself")
	default:
	}
	p.Kill()
	<-p.Done()
	if err := p.Signal(syscall.SIGCONT); !errors.Is(err, os.ErrProcessDone) {
		t.Errorf("a signal after the end: %v", err)
	}
	p.Kill() // again, which changes nothing
}
