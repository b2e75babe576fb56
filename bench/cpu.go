package main

import (
	"time"

	"github.com/payonce/payonce/test/procfs"
)

// times is processor time by who used it.
type times struct{ server, postgres, redis, others time.Duration }

// storesTimes is what PostgreSQL, Redis and what is called beside them have used.
func (s *stage) storesTimes() (used times) {
	for _, pid := range procfs.Children(s.postgres.Pid()) {
		used.postgres += procfs.ProcessorTime(pid)
	}
	used.redis = procfs.ProcessorTime(s.redis.Pid())
	for _, called := range s.called {
		used.others += procfs.ProcessorTime(called.cmd.Process.Pid)
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
