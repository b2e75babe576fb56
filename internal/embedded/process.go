package embedded

import (
	"os"
	"os/exec"
	"syscall"
)

// Process is any other program that ends with this process, however that ends:
// it is watched over like the private servers are.
type Process struct{ child *child }

// StartProcess starts cmd, in a process group of its own and as the user that we
// are. It sets cmd.SysProcAttr.
func StartProcess(cmd *exec.Cmd) (*Process, error) {
	c, err := startChild(cmd, account{}, syscall.SIGKILL)
	if err != nil {
		return nil, err
	}
	return &Process{c}, nil
}

// Done is closed when the process has ended and all that it wrote was read.
func (p *Process) Done() <-chan struct{} { return p.child.done }

// Signal sends the process a signal; the error is os.ErrProcessDone when it has ended.
func (p *Process) Signal(sig os.Signal) error { return p.child.cmd.Process.Signal(sig) }

// Kill ends the process as a crash would (SIGKILL) and waits until it is gone.
func (p *Process) Kill() {
	_ = p.child.cmd.Process.Kill() // an error says that it is gone already
	<-p.child.done
}
