package redis

import (
	"encoding/binary"
	"math/rand/v2"
	"sync/atomic"

	"github.com/payonce/payonce/idempotency"
)

const (
	// manyMisses in a row, and a tenant's keys are taken for new: most of its requests don't look theirs up any more.
	manyMisses = 64
	// stillAsks is one in so many of them, by chance: no order of a client's requests keeps the repeated ones from being asked for. When one
	// finds its key, or WasKnown says that the store knew one that was not looked up, each request asks again.
	stillAsks = 16
	// missCounters bounds the memory. Tenants that share a counter, by chance, are taken for one.
	missCounters = 4096
)

// misses counts for each tenant how many look-ups in a row found nothing. A first request's look-up costs a round trip and finds
// nothing; a repeated request that goes without is answered by the store, as if Redis were away.
type misses struct{ inARow [missCounters]atomic.Uint32 }

func (m *misses) of(tenant idempotency.Tenant) *atomic.Uint32 {
	return &m.inARow[binary.BigEndian.Uint64(tenant[8:])%missCounters] // the random half of a UUID
}

// skips reports that a request need not look its key up.
func (m *misses) skips(tenant idempotency.Tenant) bool {
	return m.of(tenant).Load() >= manyMisses && rand.N(stillAsks) != 0 //nolint:gosec // no secret
}

// note counts what a look-up found.
func (m *misses) note(tenant idempotency.Tenant, found idempotency.LookupResult) {
	switch n := m.of(tenant); {
	case found.Record != nil || found.InFlight:
		n.Store(0)
	case found.Unseen && n.Load() < manyMisses:
		n.Add(1)
	}
}
