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

// times is processor time by who used it.
type times struct{ server, postgres, redis, others time.Duration }

// storesTimes is what PostgreSQL, Redis and what is called beside them have used.
func (s *stage) storesTimes() (used times) {
	for _, pid := range childrenOf(s.postgres.Pid()) {
		used.postgres += processorTime(pid)
	}
	used.redis = processorTime(s.redis.Pid())
	for _, called := range s.called {
		used.others += processorTime(called.cmd.Process.Pid)
	}
	return used
}

// per is the time between two moments for each of n requests, in seconds.
func (t times) per(before times, n float64) spent {
	return spent{
		server: (t.server - before.server).Seconds() / n, postgres: (t.postgres - before.postgres).Seconds() / n,
		redis: (t.redis - before.redis).Seconds() / n, others: (t.others - before.others).Seconds() / n,
	}
}

// spent is processor time per request, in seconds.
type spent struct{ server, postgres, redis, others float64 }

func (s spent) all() float64 { return s.server + s.postgres + s.redis + s.others }
