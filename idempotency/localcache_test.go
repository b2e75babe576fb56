package idempotency

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// handClock is an authority whose clock and timeline move by hand.
type handClock struct {
	now      atomic.Pointer[time.Time]
	timeline atomic.Uint32
}

func newHandClock() *handClock {
	a := &handClock{}
	a.timeline.Store(3)
	a.set(time.Unix(1_800_000_000, 0))
	return a
}

func (a *handClock) set(now time.Time) { a.now.Store(&now) }
func (a *handClock) Now() time.Time    { return *a.now.Load() }
func (a *handClock) Timeline() uint32  { return a.timeline.Load() }

func cached(a *handClock, n uint64, body int) *Record {
	rec := &Record{
		Tenant: Tenant{1}, State: Completed, Timeline: a.Timeline(), ExpiresAt: a.Now().Add(time.Hour),
		Response: &Response{Status: 201, Body: make([]byte, body), Headers: []Header{{"Location", "/x"}}},
	}
	binary.LittleEndian.PutUint64(rec.KeyHash[:], n)
	binary.LittleEndian.PutUint64(rec.KeyHash[24:], n*0x9e3779b97f4a7c15)
	return rec
}

func TestLocalCacheReplaysCompletedRecordsOnly(t *testing.T) {
	t.Parallel()
	a := newHandClock()
	c := NewLocalCache(0, a)
	c.Put(nil)
	for _, state := range []State{InProgress, Expired, ""} {
		rec := cached(a, 1, 10)
		rec.State = state
		c.Put(rec)
	}
	secret := cached(a, 1, 10)
	secret.Response.Secret = true
	c.Put(secret)
	bare := cached(a, 1, 10)
	bare.Response = nil
	c.Put(bare)
	rec := cached(a, 1, 10)
	if got := c.Get(rec.Tenant, rec.KeyHash); got != nil {
		t.Fatalf("got %+v, want nothing", got)
	}
	c.Put(rec)
	if c.Get(rec.Tenant, rec.KeyHash) != rec {
		t.Fatal("the record is not there")
	}
	if c.Get(Tenant{9}, rec.KeyHash) != nil || c.Get(rec.Tenant, cached(a, 2, 1).KeyHash) != nil {
		t.Fatal("another tenant or key sees it")
	}
}

func TestLocalCacheForgetsAtTheStoresTimeAndAfterAPromotion(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(*handClock, *Record){
		"expired":    func(a *handClock, rec *Record) { a.set(rec.ExpiresAt) },
		"promotion":  func(a *handClock, _ *Record) { a.timeline.Store(4) },
		"other side": func(a *handClock, _ *Record) { a.timeline.Store(2) },
	} {
		a := newHandClock()
		c := NewLocalCache(0, a)
		rec := cached(a, 1, 10)
		c.Put(rec)
		a.set(rec.ExpiresAt.Add(-time.Microsecond))
		if c.Get(rec.Tenant, rec.KeyHash) == nil {
			t.Errorf("%s: gone too early", name)
		}
		end(a, rec)
		if c.Get(rec.Tenant, rec.KeyHash) != nil {
			t.Errorf("%s: still replayed", name)
		}
		if shard := c.shard(&rec.KeyHash); shard.bytes != 0 || len(shard.entries) != 0 || shard.first != nil || shard.last != nil {
			t.Errorf("%s: still kept", name)
		}
	}
}

func TestLocalCacheServesNothingWhileTheTimelineIsNotKnown(t *testing.T) {
	t.Parallel()
	a := newHandClock()
	c := NewLocalCache(0, a)
	rec := cached(a, 1, 10)
	c.Put(rec)
	if a.timeline.Store(0); c.Get(rec.Tenant, rec.KeyHash) != nil {
		t.Error("replayed although nothing tells whether it is stale")
	}
	if a.timeline.Store(3); c.Get(rec.Tenant, rec.KeyHash) != rec {
		t.Error("gone although its timeline goes on")
	}
}

func TestLocalCacheIsBoundedByBytes(t *testing.T) {
	t.Parallel()
	const bytes = 1 << 20
	a := newHandClock()
	c := NewLocalCache(bytes, a)
	for i := range uint64(3000) {
		c.Put(cached(a, i, 4000))
		c.Put(cached(a, i, 4000)) // again: nothing more is counted
		if i%3 == 0 {
			c.Get(Tenant{1}, cached(a, i/2, 1).KeyHash)
		}
		c.hold(t, bytes)
	}
	held := 0
	for i := range c.shards {
		held += c.shards[i].bytes
	}
	if held < bytes/2 {
		t.Errorf("holds %d bytes of %d", held, bytes)
	}
	large := cached(a, 9999, bytes/cacheShare)
	if c.Put(large); c.Get(large.Tenant, large.KeyHash) != nil {
		t.Error("one response took more than its share")
	}
}

// hold checks what is always true of a cache at rest.
func (c *LocalCache) hold(t *testing.T, bytes int) {
	t.Helper()
	for i := range c.shards {
		s := &c.shards[i]
		sum, n := 0, 0
		for e := s.last; e != nil; e = e.newer {
			sum, n = sum+e.weight, n+1
			if e.newer == nil && s.first != e {
				t.Fatal("the list doesn't end at the newest")
			}
		}
		if sum != s.bytes || n != len(s.entries) || sum > bytes/cacheShards {
			t.Fatalf("shard %d: %d entries of %d bytes in the list, %d in the map, %d bytes counted, %d allowed", i, n, sum, len(s.entries), s.bytes, bytes/cacheShards)
		}
	}
}

// What is asked for again and again outlives a stream of keys that are used once.
func TestLocalCacheKeepsWhatIsRead(t *testing.T) {
	t.Parallel()
	a := newHandClock()
	c := NewLocalCache(1<<20, a)
	const hot = 50
	for i := range uint64(hot) {
		c.Put(cached(a, i, 1000))
	}
	for i := range uint64(20000) {
		c.Put(cached(a, 1000+i, 1000))
		c.Get(Tenant{1}, cached(a, i%hot, 1).KeyHash)
	}
	kept := 0
	for i := range uint64(hot) {
		if c.Get(Tenant{1}, cached(a, i, 1).KeyHash) != nil {
			kept++
		}
	}
	if kept < hot*9/10 {
		t.Errorf("%d of %d are left that were read all the time", kept, hot)
	}
}

func TestLocalCacheMayBeUsedByManyAtOnce(t *testing.T) {
	t.Parallel()
	a := newHandClock()
	c := NewLocalCache(1<<18, a)
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for range 5000 {
				rec := cached(a, rand.Uint64N(400), 500)
				if got := c.Get(rec.Tenant, rec.KeyHash); got != nil && got.KeyHash != rec.KeyHash {
					t.Error("another key's record")
				}
				c.Put(rec)
			}
		})
	}
	group.Wait()
	c.hold(t, 1<<18)
}

func TestLocalCacheHitAllocatesNothing(t *testing.T) {
	a := newHandClock()
	c := NewLocalCache(0, a)
	rec := cached(a, 1, 100)
	c.Put(rec)
	if n := testing.AllocsPerRun(1000, func() { c.Get(rec.Tenant, rec.KeyHash) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkLocalCacheGet(b *testing.B) {
	a := newHandClock()
	c := NewLocalCache(0, a)
	recs := make([]*Record, 1000)
	for i := range recs {
		recs[i] = cached(a, uint64(i), 500)
		c.Put(recs[i])
	}
	for _, parallel := range []bool{false, true} {
		b.Run(fmt.Sprint("parallel=", parallel), func(b *testing.B) {
			b.ReportAllocs()
			if !parallel {
				for i := 0; b.Loop(); i++ {
					c.Get(recs[i%1000].Tenant, recs[i%1000].KeyHash)
				}
				return
			}
			b.RunParallel(func(pb *testing.PB) {
				for i := 0; pb.Next(); i++ {
					c.Get(recs[i%1000].Tenant, recs[i%1000].KeyHash)
				}
			})
		})
	}
}
