package embedded

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"runtime"
	"sync/atomic"
	"syscall"
	"time"
)

// child is a server process that ends with this process, however that ends.
type child struct {
	cmd      *exec.Cmd
	done     chan struct{} // closed when the process has ended
	err      error         // how it ended; read only after done
	stopping atomic.Bool   // its end is wanted
}

// startChild starts cmd, which gets onDeath when this process dies.
//
// Linux sends that signal when the thread that started the child ends, not
// when the process does, and Go ends threads as it likes. So one goroutine
// keeps its thread from the start of the child to its end.
func startChild(cmd *exec.Cmd, as account, onDeath syscall.Signal) (*child, error) {
	cmd.SysProcAttr = childAttributes(as, onDeath)
	c := &child{cmd: cmd, done: make(chan struct{})}
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		if err != nil {
			started <- err
			return
		}
		release, err := watchParent(cmd.Process.Pid, onDeath)
		if err != nil {
			err = errors.Join(err, cmd.Process.Kill(), cmd.Wait())
			started <- err
			return
		}
		started <- nil
		c.err = cmd.Wait()
		release()
		close(c.done)
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start %s%s: %w", cmd.Path, as.suffix(), err)
	}
	return c, nil
}

// command prepares a server program. ctx is left out on purpose: it would kill
// the program at its end, and a server outlives the start that ctx bounds.
func command(program string, args ...string) *exec.Cmd {
	cmd := exec.Command(program, args...) //nolint:noctx // see above
	cmd.Env, cmd.Dir = childEnvironment(), "/"
	return cmd
}

// how says how the process ended; call it only after done.
func (c *child) how() error {
	if c.err == nil {
		return errors.New("exit status 0")
	}
	return c.err
}

func (c *child) pid() int { return c.cmd.Process.Pid }

func (c *child) ended() bool {
	select {
	case <-c.done:
		return true
	default:
		return false
	}
}

// stop sends sig and waits. When ctx ends first it kills the process, so that
// nothing is left in any case, and says so in the error.
func (c *child) stop(ctx context.Context, sig, harder syscall.Signal) error {
	if c.ended() {
		return nil
	}
	c.stopping.Store(true)
	// A process that has ended meanwhile is what we want: no error.
	_ = c.cmd.Process.Signal(sig)
	select {
	case <-c.done:
		return nil
	case <-ctx.Done():
	}
	_ = c.cmd.Process.Signal(harder)
	select {
	case <-c.done:
	case <-time.After(5 * time.Second):
		_ = c.cmd.Process.Kill()
		<-c.done
	}
	return fmt.Errorf("%s (pid %d) had to be ended by force: %w", c.cmd.Path, c.pid(), context.Cause(ctx))
}

// run runs cmd to its end; when ctx ends first the command is killed.
func run(ctx context.Context, cmd *exec.Cmd, as account) error {
	c, err := startChild(cmd, as, syscall.SIGKILL)
	if err != nil {
		return err
	}
	select {
	case <-c.done:
		return c.err
	case <-ctx.Done():
		_ = c.cmd.Process.Kill()
		<-c.done
		return context.Cause(ctx)
	}
}
