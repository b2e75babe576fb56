// Package procfs reads what Linux tells of running processes: proc(5). Elsewhere nothing is known, and everything is zero.
package procfs

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// Known says whether this system tells anything.
func Known() bool {
	_, err := os.Stat("/proc/self/stat")
	return err == nil
}

// Children are the processes that a process has started and that still run.
func Children(parent int) (pids []int) {
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, stat := range stats {
		fields := afterName(stat)
		if len(fields) < 2 || fields[1] != strconv.Itoa(parent) {
			continue
		}
		if pid, err := strconv.Atoi(filepath.Base(filepath.Dir(stat))); err == nil {
			pids = append(pids, pid)
		}
	}
	return pids
}

// Stopped says whether a signal has stopped each thread of a process that runs; true where nothing is known.
func Stopped(pid int) bool {
	folder := fmt.Sprintf("/proc/%d/task", pid)
	if _, err := os.Stat(folder); err != nil {
		return true
	}
	threads, _ := filepath.Glob(folder + "/*/stat")
	for _, thread := range threads {
		if fields := afterName(thread); len(fields) > 0 && fields[0] != "T" {
			return false
		}
	}
	return len(threads) > 0
}

// afterName are the fields of a file stat behind the name, which may hold anything: the state, the parent, ...; none when the process
// has ended.
func afterName(stat string) []string {
	text, err := os.ReadFile(stat) //nolint:gosec // of this package's making
	if err != nil {
		return nil
	}
	return strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
}

// ProcessorTime is what a process has used, in all its threads that still run.
func ProcessorTime(pid int) (used time.Duration) {
	threads, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid))
	for _, thread := range threads {
		text, err := os.ReadFile(thread) //nolint:gosec // of this package's making
		if err != nil {
			continue // it ended
		}
		first, _, _ := strings.Cut(string(text), " ")
		nanoseconds, _ := strconv.ParseInt(first, 10, 64)
		used += time.Duration(nanoseconds)
	}
	return used
}

// Memory is what a process holds, in bytes.
type Memory struct {
	Resident, Highest int64 // in memory, now and at most
	Own               int64 // of it, what no file backs and no other process shares
}

// MemoryOf is what a process holds now.
func MemoryOf(pid int) (held Memory) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return held
	}
	for line := range strings.Lines(string(status)) {
		name, value, _ := strings.Cut(line, ":")
		kilobytes, _ := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 10, 64)
		switch name {
		case "VmRSS":
			held.Resident = kilobytes << 10
		case "VmHWM":
			held.Highest = kilobytes << 10
		case "RssAnon":
			held.Own = kilobytes << 10
		}
	}
	return held
}
