package repository

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/payonce/payonce/idempotency"
)

// fixedAuthority is a store whose clock and timeline move by hand.
type fixedAuthority struct {
	now      atomic.Pointer[time.Time]
	timeline atomic.Uint32
}

func newFixedAuthority() *fixedAuthority {
	a := &fixedAuthority{}
	a.timeline.Store(3)
	a.set(testRecord().ExpiresAt.Add(-time.Hour))
	return a
}

func (a *fixedAuthority) set(now time.Time) { a.now.Store(&now) }
func (a *fixedAuthority) Now() time.Time    { return *a.now.Load() }
func (a *fixedAuthority) Timeline() uint32  { return a.timeline.Load() }

func testMemory(t testing.TB, bytes int) (*Memory, *fixedAuthority) {
	t.Helper()
	authority := newFixedAuthority()
	m, err := NewMemory(bytes, authority)
	if err != nil {
		t.Fatal(err)
	}
	return m, authority
}

func TestMemoryReplaysCompletedRecordsOnly(t *testing.T) {
	t.Parallel()
	m, _ := testMemory(t, 0)
	m.Put(nil)
	for _, state := range []idempotency.State{idempotency.InProgress, idempotency.Expired} {
		rec := testRecord()
		rec.State = state
		m.Put(rec)
	}
	bare := testRecord()
	bare.Response = nil
	m.Put(bare)
	rec := testRecord()
	if got := m.Get(rec.Tenant, rec.KeyHash); got != nil {
		t.Fatalf("replays %+v", got)
	}
	m.Put(rec)
	if m.Get(rec.Tenant, rec.KeyHash) != rec {
		t.Fatal("the record is not there")
	}
	if m.Get(idempotency.Tenant{9}, rec.KeyHash) != nil || m.Get(rec.Tenant, [32]byte{9}) != nil {
		t.Fatal("another merchant or key sees it")
	}
}

func TestMemoryForgetsAtTheStoresTimeAndAfterAPromotion(t *testing.T) {
	t.Parallel()
	rec := testRecord()
	for name, end := range map[string]func(*fixedAuthority){
		"expired":    func(a *fixedAuthority) { a.set(rec.ExpiresAt) },
		"promotion":  func(a *fixedAuthority) { a.timeline.Store(4) },
		"other side": func(a *fixedAuthority) { a.timeline.Store(2) },
	} {
		m, authority := testMemory(t, 0)
		m.Put(rec)
		authority.set(rec.ExpiresAt.Add(-time.Microsecond))
		if m.Get(rec.Tenant, rec.KeyHash) == nil {
			t.Errorf("%s: gone too early", name)
		}
		end(authority)
		if m.Get(rec.Tenant, rec.KeyHash) != nil {
			t.Errorf("%s: still replayed", name)
		}
	}
}

func TestMemoryIsBoundedByBytes(t *testing.T) {
	t.Parallel()
	const bytes = 1 << 20
	m, _ := testMemory(t, bytes)
	for i := range 2000 {
		rec := testRecord()
		rec.KeyHash = [32]byte{byte(i), byte(i >> 8)}
		rec.Response.Body = make([]byte, 4000)
		m.Put(rec)
	}
	m.cache.CleanUp()
	if size := m.cache.WeightedSize(); size > bytes || size < bytes/2 {
		t.Errorf("holds %d bytes of %d", size, bytes)
	}
	large := testRecord()
	large.Response.Body = make([]byte, bytes/memoryShare)
	m.Put(large)
	if m.Get(large.Tenant, large.KeyHash) != nil {
		t.Error("one response took more than its share")
	}
}

func TestAHitInMemoryAllocatesNothing(t *testing.T) {
	m, _ := testMemory(t, 0)
	rec := testRecord()
	m.Put(rec)
	if n := testing.AllocsPerRun(1000, func() { m.Get(rec.Tenant, rec.KeyHash) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkMemoryGet(b *testing.B) {
	m, _ := testMemory(b, 0)
	rec := testRecord()
	m.Put(rec)
	b.ReportAllocs()
	for b.Loop() {
		if m.Get(rec.Tenant, rec.KeyHash) == nil {
			b.Fatal("miss")
		}
	}
}
