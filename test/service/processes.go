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
