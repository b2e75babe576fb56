package service

import (
	"bytes"
	"os"
	"strconv"
	"strings"
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
		fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:])) // after the name, which may hold spaces
		if pid, err := strconv.Atoi(entry.Name()); err == nil && fields[1] == strconv.Itoa(parent) {
			pids = append(pids, pid)
		}
	}
	return pids
}
