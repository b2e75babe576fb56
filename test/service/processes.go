package service

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// Children are the processes that a process has started and that still run, by /proc.
func Children(t testing.TB, parent int) (pids []int) {
	t.Helper()
	entries, err := os.ReadDir("/proc")
	if err != nil {
		t.Skip("without /proc the children are not known") // macOS
	}
	for _, entry := range entries {
		stat, err := os.ReadFile("/proc/" + entry.Name() + "/stat")
		if err != nil {
			continue
		}
		fields := afterName(stat)
		if pid, err := strconv.Atoi(entry.Name()); err == nil && fields[1] == strconv.Itoa(parent) {
			pids = append(pids, pid)
		}
	}
	return pids
}

// afterName are the fields of a /proc/.../stat behind the name, which may hold spaces: the state, the parent, ...
func afterName(stat []byte) []string {
	return strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
}

// Freeze stops the process (SIGSTOP) until Thaw, and returns when each of its threads has stopped, by /proc.
func (s *Service) Freeze() {
	s.t.Helper()
	s.Signal(syscall.SIGSTOP)
	threads := fmt.Sprintf("/proc/%d/task", s.current().cmd.Process.Pid)
	Until(s.t, "the process is frozen", func() bool {
		running, err := os.ReadDir(threads)
		for _, thread := range running {
			stat, err := os.ReadFile(filepath.Join(threads, thread.Name(), "stat"))
			if err == nil && afterName(stat)[0] != "T" {
				return false
			}
		}
		return err != nil || len(running) > 0 // without /proc (macOS) the signal has to do
	})
}

// Thaw lets it go on after Freeze.
func (s *Service) Thaw() {
	s.t.Helper()
	s.Signal(syscall.SIGCONT)
}
