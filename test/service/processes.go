package service

import (
	"syscall"
	"testing"

	"github.com/payonce/payonce/test/procfs"
)

// Children are the processes that a process has started and that still run. Where they can't be known the test is skipped.
func Children(t testing.TB, parent int) []int {
	t.Helper()
	if !procfs.Known() {
		t.Skip("without /proc the children are not known") // macOS
	}
	return procfs.Children(parent)
}

// FreezeWithChildren stops a process and its children (SIGSTOP) until thaw is called, at the latest at the end of the test.
func FreezeWithChildren(t testing.TB, pid int) (thaw func()) {
	t.Helper()
	frozen := []int{pid}
	thaw = func() {
		for _, pid := range frozen {
			_ = syscall.Kill(pid, syscall.SIGCONT) // it may have ended
		}
	}
	t.Cleanup(thaw)
	_ = syscall.Kill(pid, syscall.SIGSTOP)
	Until(t, "the process is frozen", func() bool { return procfs.Stopped(pid) }) // from now on it starts none
	for _, child := range Children(t, pid) {
		frozen = append(frozen, child)
		_ = syscall.Kill(child, syscall.SIGSTOP)
		Until(t, "its child is frozen", func() bool { return procfs.Stopped(child) })
	}
	return thaw
}

// Freeze stops the process (SIGSTOP) until Thaw, and returns when each of its threads has stopped.
func (s *Service) Freeze() {
	s.t.Helper()
	s.Signal(syscall.SIGSTOP)
	Until(s.t, "the process is frozen", func() bool { return procfs.Stopped(s.Pid()) })
}

// Thaw lets it go on after Freeze.
func (s *Service) Thaw() {
	s.t.Helper()
	s.Signal(syscall.SIGCONT)
}
