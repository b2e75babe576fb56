package idempotency

import (
	"sync"
	"sync/atomic"
	"time"
)

const (
	// lookFirst is for how long every key of a tenant that the fast path doesn't know is looked up before anything else, after
	// one of them was known to the store: a cache that lost its values shows none of many keys that exist.
	lookFirst = 2 * time.Second
	// maxSuspects bounds the memory: so many tenants are remembered, some 200 kB.
	maxSuspects = 4096
)

// cacheTrust remembers for which tenants the fast path's ignorance is not taken for a new key, and until when. It is per
// tenant: one that reuses its keys slows no other. Its zero point is the engine's start, on the monotonic clock.
type cacheTrust struct {
	since    time.Time
	last     atomic.Int64 // until when any tenant is suspect; past it no lock is taken
	mu       sync.Mutex
	suspects map[Tenant]int64
}

func newCacheTrust() cacheTrust {
	return cacheTrust{since: time.Now(), suspects: map[Tenant]int64{}}
}

// suspect notes that a key of this tenant was not new.
func (c *cacheTrust) suspect(tenant Tenant) {
	now := int64(time.Since(c.since))
	until := now + int64(lookFirst)
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, known := c.suspects[tenant]; !known && len(c.suspects) >= maxSuspects {
		c.makeRoom(now)
	}
	c.suspects[tenant] = until
	c.last.Store(until) // the clock is monotonic: no earlier one ends later
}

// suspected reports whether that was a short while ago.
func (c *cacheTrust) suspected(tenant Tenant) bool {
	now := int64(time.Since(c.since))
	if now >= c.last.Load() {
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return now < c.suspects[tenant]
}

// makeRoom forgets every tenant whose time is over, and any one where there is none: that one pays a transaction that is
// refused, and is noted again.
func (c *cacheTrust) makeRoom(now int64) {
	var one Tenant
	for tenant, until := range c.suspects {
		if one = tenant; until <= now {
			delete(c.suspects, tenant)
		}
	}
	if len(c.suspects) >= maxSuspects {
		delete(c.suspects, one)
	}
}
