package repository

import (
	"fmt"

	"github.com/maypok86/otter/v2"

	"github.com/payonce/payonce/idempotency"
)

const (
	// DefaultMemoryBytes is what L1 may hold.
	DefaultMemoryBytes = 32 << 20
	// memoryOverhead is what a record costs beside its text: the record, its response, and the cache's node.
	memoryOverhead = 640
	// memoryShare keeps one response from pushing out all others: it may take a 64th of the cache.
	memoryShare = 64
)

// Memory is L1: completed records in the process, bounded by bytes. They never change, so nothing has to be
// invalidated; they only end, by the store's clock or when a promotion may have lost the commit they came from.
type Memory struct {
	cache     *otter.Cache[memoryKey, *idempotency.Record]
	authority idempotency.Authority
	largest   int
}

var _ idempotency.Memory = (*Memory)(nil)

type memoryKey struct {
	tenant  idempotency.Tenant
	keyHash [32]byte
}

// NewMemory returns a cache of at most about so many bytes; zero or less means DefaultMemoryBytes.
func NewMemory(bytes int, authority idempotency.Authority) (*Memory, error) {
	if bytes <= 0 {
		bytes = DefaultMemoryBytes
	}
	cache, err := otter.New(&otter.Options[memoryKey, *idempotency.Record]{
		MaximumWeight: uint64(bytes),
		Weigher:       func(_ memoryKey, rec *idempotency.Record) uint32 { return uint32(weight(rec)) },
	})
	if err != nil {
		return nil, fmt.Errorf("memory of %d bytes: %w", bytes, err)
	}
	return &Memory{cache: cache, authority: authority, largest: max(bytes/memoryShare, memoryOverhead)}, nil
}

// Get returns a record that may still be replayed, or nil. Callers must not change it.
func (m *Memory) Get(tenant idempotency.Tenant, keyHash [32]byte) *idempotency.Record {
	key := memoryKey{tenant, keyHash}
	rec, ok := m.cache.GetIfPresent(key)
	if !ok {
		return nil
	}
	if rec.Timeline != m.authority.Timeline() || !rec.ExpiresAt.After(m.authority.Now()) {
		m.cache.Invalidate(key)
		return nil
	}
	return rec
}

// Put keeps a completed record; anything else, and what is too large, it ignores.
func (m *Memory) Put(rec *idempotency.Record) {
	if rec == nil || rec.State != idempotency.Completed || rec.Response == nil || weight(rec) > m.largest {
		return
	}
	m.cache.Set(memoryKey{rec.Tenant, rec.KeyHash}, rec)
}

func weight(rec *idempotency.Record) int {
	n := memoryOverhead + len(rec.Response.Body) + len(rec.Path) + len(rec.Resource.Type)
	for _, h := range rec.Response.Headers {
		n += len(h.Name) + len(h.Value) + 32 // two string headers
	}
	return n
}
