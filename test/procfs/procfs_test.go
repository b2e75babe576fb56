package procfs_test

import (
	"os"
	"os/exec"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/payonce/payonce/test/procfs"
	"github.com/payonce/payonce/test/wait"
)

func TestAProcessIsKnownByWhatItDoes(t *testing.T) {
	t.Parallel()
	if !procfs.Known() {
		t.Skip("there is no /proc")
	}
	child := exec.CommandContext(t.Context(), "sh", "-c", "while :; do :; done")
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = child.Process.Kill(); _ = child.Wait() })
	pid := child.Process.Pid
	wait.Within(t, 10*time.Second, "it has worked", func() bool { return procfs.ProcessorTime(pid) > 10*time.Millisecond })
	if children := procfs.Children(os.Getpid()); !slices.Contains(children, pid) {
		t.Errorf("got the children %v, want %d among them", children, pid)
	}
	if procfs.Stopped(pid) {
		t.Error("it counts as stopped, and works")
	}
	if err := child.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	wait.Within(t, 10*time.Second, "it is stopped", func() bool { return procfs.Stopped(pid) })
	held := procfs.MemoryOf(pid)
	if held.Own <= 0 || held.Resident < held.Own || held.Highest < held.Resident {
		t.Errorf("it holds %+v", held)
	}
}
