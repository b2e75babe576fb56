package idempotency

import (
	"encoding/binary"
	"sync"
	"sync/atomic"
)

const (
	// DefaultMemoryBytes is what a LocalCache may hold for which no other size is given.
	DefaultMemoryBytes = 16 << 20

	// cacheShards keep requests on several cores from waiting for each other.
	cacheShards = 16
	// cacheOverhead is what a record costs beside its text: the record, its response, its place in the cache.
	cacheOverhead = 640
	// cacheShare keeps one response from pushing out all others: it may take a 64th of the cache.
	cacheShare = 64
)

// LocalCache is L1: completed records in the process, bounded by bytes. They never change, so nothing has to be
// invalidated; they only end, by the store's clock or when a promotion may have lost the commit they came from.
//
// What goes first when room is needed is decided by SIEVE (Zhang et al., NSDI 2024): a hand moves from the oldest entry to
// newer ones, spares those that were read since it last came by, and drops the first that was not. A read only sets a
// mark, so reads share a lock. A nil LocalCache is one that keeps nothing.
type LocalCache struct {
	primary Primary
	largest int
	shards  [cacheShards]cacheShard
}

type cacheShard struct {
	mu           sync.RWMutex
	entries      map[recordID]*cacheEntry
	first, last  *cacheEntry // newest, oldest
	hand         *cacheEntry // nil: begins at last
	bytes, limit int
}

type cacheEntry struct {
	rec          *Record
	weight       int
	read         atomic.Bool // since the hand came by
	newer, older *cacheEntry
}

// NewLocalCache returns a cache of at most about so many bytes; zero or less means DefaultMemoryBytes.
func NewLocalCache(bytes int, primary Primary) *LocalCache {
	if bytes <= 0 {
		bytes = DefaultMemoryBytes
	}
	c := &LocalCache{primary: primary, largest: max(bytes/cacheShare, cacheOverhead)}
	for i := range c.shards {
		c.shards[i].entries, c.shards[i].limit = map[recordID]*cacheEntry{}, bytes/cacheShards
	}
	return c
}

// shard depends on the key's hash, which is as good as random.
func (c *LocalCache) shard(keyHash *[32]byte) *cacheShard {
	return &c.shards[binary.LittleEndian.Uint16(keyHash[30:])%cacheShards]
}

// Get returns a record that may still be replayed, or nil. Callers must not change it.
func (c *LocalCache) Get(tenant Tenant, keyHash [32]byte) *Record {
	if c == nil {
		return nil
	}
	shard, id := c.shard(&keyHash), recordID{tenant, keyHash}
	shard.mu.RLock()
	entry := shard.entries[id]
	shard.mu.RUnlock()
	if entry == nil {
		return nil
	}
	timeline := c.primary.Timeline()
	if timeline == 0 { // it isn't known whether it is stale; it stays, for when that is known again
		return nil
	}
	if entry.rec.Timeline != timeline || !entry.rec.ExpiresAt.After(c.primary.Now()) {
		shard.drop(id, entry)
		return nil
	}
	if !entry.read.Load() { // writing it each time would pass the line of memory from core to core
		entry.read.Store(true)
	}
	return entry.rec
}

// Put keeps a completed record, and reports whether it did; anything else, what is too large, and what shows a secret, it ignores.
func (c *LocalCache) Put(rec *Record) (kept bool) {
	if c == nil || rec == nil || rec.State != Completed || rec.Response == nil || rec.Response.Secret {
		return false
	}
	weight := cacheWeight(rec)
	if weight > c.largest {
		return false
	}
	c.shard(&rec.KeyHash).put(recordID{rec.Tenant, rec.KeyHash}, &cacheEntry{rec: rec, weight: weight})
	return true
}

func cacheWeight(rec *Record) int {
	n := cacheOverhead + len(rec.Response.Body) + len(rec.Path) + len(rec.Resource.Type)
	for _, h := range rec.Response.Headers {
		n += len(h.Name) + len(h.Value) + 32 // two string headers
	}
	return n
}

func (s *cacheShard) put(id recordID, entry *cacheEntry) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if old := s.entries[id]; old != nil {
		s.unlink(id, old)
	}
	for s.bytes+entry.weight > s.limit && s.last != nil {
		s.evict()
	}
	s.entries[id] = entry
	s.bytes += entry.weight
	if entry.older = s.first; s.first != nil {
		s.first.newer = entry
	} else {
		s.last = entry
	}
	s.first = entry
}

// evict moves the hand until it finds an entry that was not read, and drops it. It ends: a mark is taken once.
func (s *cacheShard) evict() {
	entry := s.hand
	if entry == nil {
		entry = s.last
	}
	for entry.read.Swap(false) {
		if entry = entry.newer; entry == nil {
			entry = s.last
		}
	}
	s.hand = entry // unlink moves it on
	s.unlink(recordID{entry.rec.Tenant, entry.rec.KeyHash}, entry)
}

func (s *cacheShard) drop(id recordID, entry *cacheEntry) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.entries[id] == entry {
		s.unlink(id, entry)
	}
}

func (s *cacheShard) unlink(id recordID, entry *cacheEntry) {
	delete(s.entries, id)
	s.bytes -= entry.weight
	if s.hand == entry {
		s.hand = entry.newer
	}
	if entry.newer != nil {
		entry.newer.older = entry.older
	} else {
		s.first = entry.older
	}
	if entry.older != nil {
		entry.older.newer = entry.newer
	} else {
		s.last = entry.newer
	}
	entry.newer, entry.older = nil, nil
}
