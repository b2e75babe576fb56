package redis

import (
	_ "embed" // gcra.lua
	"hash/maphash"
	"sync"
	"time"

	"github.com/payonce/payonce/idempotency"
)

// gcraScript is the limiter that all replicas share.
//
//go:embed gcra.lua
var gcraScript string

// Limit allows Requests in each Per, with at most Burst at once. Off allows everything.
type Limit struct {
	Requests int
	Per      time.Duration
	Burst    int // zero: as many as Requests
	Off      bool
}

// gcra is the Generic Cell Rate Algorithm (ATM Forum, Traffic Management Specification 4.1, section 4.4.2; it is the
// "leaky bucket as a meter"). One number per limiter, the theoretical arrival time of the next request, replaces a
// counter and a window, and no burst of twice the limit passes at a window's edge. All of it is whole microseconds.
type gcra struct {
	interval int64 // between two requests at the allowed rate
	capacity int64 // how far arrivals may run ahead: burst * interval
}

func (l Limit) gcra() gcra {
	interval := max(1, l.Per.Microseconds()/int64(max(1, l.Requests)))
	burst := l.Burst
	if burst <= 0 {
		burst = max(1, l.Requests)
	}
	return gcra{interval: interval, capacity: interval * int64(burst)}
}

// off is true when nothing is counted under a key: without a limit, or for the empty key.
func (l Limit) off(key string) bool { return l.Off || l.Requests <= 0 || l.Per <= 0 || key == "" }

// verdict is a decision in microseconds, as gcra.lua returns it.
type verdict struct{ allowed, remaining, reset, retryAfter int64 }

// decide returns the arrival time to keep and what it means for a request that arrives now.
func (g gcra) decide(tat, now int64) (int64, verdict) {
	tat = min(max(tat, now), now+g.capacity)
	v := verdict{allowed: 1}
	after := tat + g.interval
	if after > now+g.capacity {
		v.allowed, v.retryAfter, after = 0, after-g.capacity-now, tat
	}
	v.remaining, v.reset = (now+g.capacity-after)/g.interval, after-now
	return after, v
}

// plausible refuses what no honest Redis can answer.
func (g gcra) plausible(v verdict) bool {
	return (v.allowed == 0 || v.allowed == 1) && v.remaining >= 0 && v.remaining <= g.capacity/g.interval &&
		v.reset >= 0 && v.reset <= g.capacity && v.retryAfter >= 0 && v.retryAfter <= g.interval
}

// policy is the limit as a quota and its window: the shortest multiple of Per that allows at least the burst. So what is
// left is never more than the quota (100 in a second with a burst of 200 are 200 in two seconds), and a client that spreads
// the quota evenly over the window is never refused.
func (l Limit) policy() (quota int, window time.Duration) {
	g := l.gcra()
	burst := int(g.capacity / g.interval)
	multiple := max(1, (burst+l.Requests-1)/l.Requests)
	return multiple * l.Requests, time.Duration(multiple) * l.Per
}

func (l Limit) admission(v verdict) idempotency.Admission {
	quota, window := l.policy()
	return idempotency.Admission{
		Allowed: v.allowed == 1, Limited: true, Limit: quota, Window: window, Remaining: int(v.remaining),
		Reset:      time.Duration(v.reset) * time.Microsecond,
		RetryAfter: time.Duration(v.retryAfter) * time.Microsecond,
	}
}

const (
	limiterShards = 16
	// limiterKeys bounds a shard: 16 * 4096 keys of some 50 bytes are about 3 MB.
	limiterKeys = 4096
	// limiterSweep is how many keys an insertion into a full shard looks at to find a place.
	limiterSweep = 32
)

// LocalLimiter is the limiter of one process. It counts what never reaches Redis (L1 replays, copies that meet their
// own kind in the process) and decides while Redis is away. It shares nothing with the limiter in Redis: a tenant that
// uses both may get up to the limit from each, and while Redis is away up to the limit from each replica. That is the
// price of never asking Redis for permission to answer; the limit protects the service, it doesn't meter a quota.
type LocalLimiter struct {
	limit  Limit
	gcra   gcra
	now    func() time.Duration // monotonic, from any fixed point: the wall clock may jump
	seed   maphash.Seed
	shards [limiterShards]limiterShard
}

type limiterShard struct {
	mu  sync.Mutex
	tat map[string]int64
}

// NewLocalLimiter returns a limiter that counts on the monotonic clock.
func NewLocalLimiter(limit Limit) *LocalLimiter {
	start := time.Now()
	return newLocalLimiter(limit, func() time.Duration { return time.Since(start) })
}

func newLocalLimiter(limit Limit, now func() time.Duration) *LocalLimiter {
	l := &LocalLimiter{limit: limit, gcra: limit.gcra(), now: now, seed: maphash.MakeSeed()}
	for i := range l.shards {
		l.shards[i].tat = map[string]int64{}
	}
	return l
}

// Admit counts a request. An empty key belongs to no client and is always allowed.
func (l *LocalLimiter) Admit(key string) idempotency.Admission { return l.ask(key, true) }

// Peek returns what Admit would, and counts nothing.
func (l *LocalLimiter) Peek(key string) idempotency.Admission { return l.ask(key, false) }

func (l *LocalLimiter) ask(key string, count bool) idempotency.Admission {
	if l.limit.off(key) {
		return idempotency.Admission{Allowed: true}
	}
	shard := &l.shards[maphash.String(l.seed, key)%limiterShards]
	shard.mu.Lock()
	defer shard.mu.Unlock()
	now := l.now().Microseconds()
	tat, known := shard.tat[key]
	tat, v := l.gcra.decide(tat, now)
	if count && v.allowed == 1 {
		if !known {
			shard.makeRoom(now)
		}
		shard.tat[key] = tat
	}
	return l.limit.admission(v)
}

// makeRoom drops keys whose arrival time is over: they are worth as much as absent ones. When the few it looks at are
// all alive, one of them goes; it gets its burst back, which is better than memory without a bound.
func (s *limiterShard) makeRoom(now int64) {
	if len(s.tat) < limiterKeys {
		return
	}
	looked, last := 0, ""
	for key, tat := range s.tat { // in random order
		if tat <= now {
			delete(s.tat, key)
		}
		looked, last = looked+1, key
		if looked == limiterSweep {
			break
		}
	}
	if len(s.tat) >= limiterKeys {
		delete(s.tat, last)
	}
}
