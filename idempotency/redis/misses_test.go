package redis

import (
	"testing"
	"time"

	"github.com/payonce/payonce/idempotency"
)

// counted is a cache whose round trips are counted.
func counted(t *testing.T, limit Limit) (*bench, *pipelines) {
	t.Helper()
	b, _ := newMiniBench(t, limit)
	b.loadedScript()
	seen := &pipelines{}
	b.client.AddHook(seen)
	return b, seen
}

// asks sends n requests with new keys, and counts those that were looked up: each of them, and no other, made a round trip. One that a busy
// machine answers too late, which says nothing of its key, is sent again with another key.
func (p *pipelines) asks(b *bench, tenant byte, first, n int) (asked int) {
	b.t.Helper()
	before, late := p.sent.Load(), 0
	for i := range n {
		for try := 0; ; try++ {
			req := numbered(first + i + try*1_000_000)
			req.Tenant[15] = tenant
			found := b.LookupAndMark(b.t.Context(), req)
			if found.Unseen && found.Admission.Allowed {
				if !found.Assumed {
					asked++
				}
				break
			}
			if try == 10 || found.InFlight || found.Record != nil || !found.Admission.Allowed {
				b.t.Fatalf("a new key: %+v", found)
			}
			late++
		}
	}
	if trips := int(p.sent.Load() - before); trips < asked || trips > asked+late {
		b.t.Errorf("%d round trips for %d look-ups and %d that were late", trips, asked, late)
	}
	return asked
}

func TestATenantWhoseKeysAreNewHardlyAsks(t *testing.T) {
	t.Parallel()
	b, seen := counted(t, off())
	if n := seen.asks(b, 1, 0, manyMisses); n != manyMisses {
		t.Errorf("%d of the first %d new keys were looked up", n, manyMisses)
	}
	const many = 100 * stillAsks
	n := seen.asks(b, 1, 1000, many)
	if n < 50 || n > 150 { // 100 by chance, give or take 10
		t.Errorf("then %d of %d were looked up, want about 100", n, many)
	}
	if skipped := int(b.counts.skipped.Load()); skipped != many-n {
		t.Errorf("%d look-ups were counted as left out, want %d", skipped, many-n)
	}
	if n := seen.asks(b, 2, 2000, 10); n != 10 {
		t.Errorf("%d of 10 keys of another tenant were looked up", n)
	}
}

// A client that begins to send its requests again is answered by Redis again after a few of them.
func TestATenantWhoseKeyIsFoundAsksAgain(t *testing.T) {
	t.Parallel()
	for name, put := range map[string]func(b *bench, again idempotency.Request){
		"a record": func(b *bench, again idempotency.Request) {
			rec := testRecord()
			rec.Tenant = again.Tenant
			b.Publish(b.t.Context(), rec)
		},
		"a marker": func(b *bench, again idempotency.Request) {
			set := b.codec.encodeMarker(again.Tenant, again.KeyHash, marker{token: newToken(), setAt: b.primary.Now()})
			if err := b.client.Set(b.t.Context(), b.codec.recordName(again.Tenant, again.KeyHash), set, time.Minute).Err(); err != nil {
				b.t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b, seen := counted(t, off())
			seen.asks(b, 1, 0, 5*manyMisses)
			again := testRequest()
			again.Tenant[15] = 1
			put(b, again)
			tries := 0
			for found := (idempotency.LookupResult{}); found.Record == nil && !found.InFlight; tries++ {
				if found = b.LookupAndMark(t.Context(), again); tries > 50*stillAsks {
					t.Fatal("what stands in Redis is never found")
				}
			}
			if n := seen.asks(b, 1, 5000, manyMisses); n != manyMisses {
				t.Errorf("then %d of %d keys were looked up", n, manyMisses)
			}
		})
	}
}

// What the engine has counted already, because it met a copy, has no limiter either.
func TestARepeatedRequestAlwaysAsks(t *testing.T) {
	t.Parallel()
	b, seen := counted(t, Limit{Requests: 1_000_000, Per: time.Second})
	seen.asks(b, 1, 0, 2*manyMisses)
	before := seen.sent.Load()
	for i := range manyMisses {
		req := numbered(1000 + i)
		req.Tenant[15], req.Limiter, req.Repeated = 1, "", true
		b.LookupAndMark(t.Context(), req)
	}
	if n := seen.sent.Load() - before; n != manyMisses {
		t.Errorf("%d of %d repeated requests were looked up", n, manyMisses)
	}
}

func TestATenantAsksAgainWhenTheStoreKnewItsKey(t *testing.T) {
	t.Parallel()
	b, seen := counted(t, off())
	seen.asks(b, 1, 0, 2*manyMisses)
	req := numbered(0)
	req.Tenant[15] = 1
	b.WasKnown(req.Tenant)
	if n := seen.asks(b, 1, 5000, manyMisses); n != manyMisses {
		t.Errorf("then %d of %d keys were looked up", n, manyMisses)
	}
}

func TestARequestThatRedisCountsAlwaysAsks(t *testing.T) {
	t.Parallel()
	b, seen := counted(t, Limit{Requests: 1_000_000, Per: time.Second})
	if n := seen.asks(b, 1, 0, 3*manyMisses); n != 3*manyMisses {
		t.Errorf("%d of %d requests were counted in Redis", n, 3*manyMisses)
	}
}

// What Redis did not answer says nothing of a tenant's keys.
func TestARedisThatIsAwayTeachesNothing(t *testing.T) {
	t.Parallel()
	b, server := newMiniBench(t, off())
	server.Close()
	for i := range 2 * manyMisses {
		if found := b.LookupAndMark(t.Context(), numbered(i)); found.Unseen {
			t.Fatalf("request %d without Redis took its key for new", i)
		}
	}
}
