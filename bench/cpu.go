package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// processorTime is what a process has used, in all its threads that still run; zero where /proc doesn't tell.
func processorTime(pid int) (used time.Duration) {
	threads, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid))
	for _, thread := range threads {
		text, err := os.ReadFile(thread)
		if err != nil {
			continue // it ended
		}
		first, _, _ := strings.Cut(string(text), " ")
		nanoseconds, _ := strconv.ParseInt(first, 10, 64)
		used += time.Duration(nanoseconds)
	}
	return used
}

// childrenOf are the processes that a process has started and that still run.
func childrenOf(parent int) (pids []int) {
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, stat := range stats {
		text, err := os.ReadFile(stat)
		if err != nil {
			continue
		}
		// The name comes second, in parentheses, and may hold anything.
		fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
		if len(fields) < 2 || fields[1] != strconv.Itoa(parent) {
			continue
		}
		if pid, err := strconv.Atoi(filepath.Base(filepath.Dir(stat))); err == nil {
			pids = append(pids, pid)
		}
	}
	return pids
}

// storesTime is what PostgreSQL, Redis and the provider's stand-in have used.
func (s *stage) storesTime() (used time.Duration) {
	for _, pid := range append(childrenOf(s.postgres.Pid()), s.redis.Pid(), s.simulator.cmd.Process.Pid) {
		used += processorTime(pid)
	}
	return used
}
