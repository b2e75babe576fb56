package redis

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"go.uber.org/goleak"

	"github.com/payonce/payonce/internal/batches"
	"github.com/payonce/payonce/test/proxy"
	"github.com/payonce/payonce/test/stores"
)

// F7: Redis has set the marker, and the request never learns of it.
func TestALostReplyNeverTurnsARequestAgainstItself(t *testing.T) {
	t.Parallel()
	server := miniredis.RunT(t)
	proxy := proxy.NewLossy(t, server.Addr())
	b := newBench(t, "redis://"+proxy.Addr().String(), off())
	eventually(t, "connections stand", func() bool { return b.client.Ping(t.Context()).Err() == nil })
	proxy.Lose.Store(true)
	entry := b.passes("the reply was lost")
	if !server.Exists(b.name()) {
		t.Fatal("the command wasn't executed: this test proves nothing")
	}
	if !owned(entry) {
		t.Fatal("the request would not remove its marker")
	}
	if b.counts.of(OutcomeUnreachable) != 1 {
		t.Errorf("counted %v", b.counts.seen)
	}
	proxy.Lose.Store(false)
	eventually(t, "the marker is removed", func() bool {
		b.ReleaseMarker(t.Context(), testRequest(), entry.Marker)
		return !server.Exists(b.name())
	})
}

// F2, and a start while Redis is down.
func TestWithoutRedisRequestsPassAndOneLineSaysSo(t *testing.T) {
	t.Parallel()
	server := miniredis.RunT(t)
	addr := server.Addr()
	server.Close()
	b := newBench(t, "redis://"+addr, Limit{Requests: 1, Per: time.Hour, Burst: 40})
	began := time.Now()
	for range 40 {
		if entry := b.passes("without Redis"); !entry.Admission.Limited || owned(entry) {
			t.Fatalf("%+v", entry)
		}
		b.Publish(t.Context(), testRecord())
	}
	if took := time.Since(began); took > time.Second {
		t.Errorf("40 requests took %v", took)
	}
	if entry := b.enter(); entry.Admission.Allowed {
		t.Error("rates are not limited while Redis is away")
	}
	if b.log.Count("Redis is away") != 1 || b.log.Count("level=WARN") != 1 || b.counts.of(OutcomeBreakerOpen) == 0 || b.counts.of(OutcomeDropped) == 0 {
		t.Errorf("log:\n%s\ncounted %v", b.log.String(), b.counts.seen)
	}
	if err := server.StartAddr(addr); err != nil {
		t.Fatal(err)
	}
	eventually(t, "Redis is asked again", func() bool { return b.LookupAndMark(t.Context(), testRequest()).Admission.Allowed })
	eventually(t, "its return is said", func() bool { return b.log.Count("Redis is back") == 1 })
	if b.log.Count("level=") != 2 {
		t.Errorf("more than one line per change:\n%s", b.log.String())
	}
}

// F6: Redis answers, but with errors.
func TestARedisThatRefusesIsLikeOneThatIsAway(t *testing.T) {
	t.Parallel()
	for _, reply := range []string{
		"OOM command not allowed when used memory > 'maxmemory'.", "READONLY You can't write against a read only replica.",
		"LOADING Redis is loading the dataset in memory", "MISCONF Errors writing to the AOF file", "NOAUTH Authentication required.",
	} {
		b, server := newMiniBench(t, off())
		b.passes("before")
		server.SetError(reply)
		for range breakerFailures {
			b.passes(reply)
		}
		if !b.breaker.open() || b.counts.of(OutcomeRefused) != breakerFailures || b.log.Count("Redis is away") != 1 {
			t.Errorf("%s: open %v, counted %v", reply, b.breaker.open(), b.counts.seen)
		}
		server.SetError("")
		eventually(t, "Redis is asked again", func() bool { b.enter(); return !b.breaker.open() && b.log.Count("Redis is back") == 1 })
	}
}

// F3: it accepts and never answers.
func TestAFrozenRedisCostsARequest100msAtMostUntilTheBreakerOpens(t *testing.T) {
	server := stores.StartRealRedis(t)
	b := newBenchWith(t, server.URL(), Limit{Requests: 1000, Per: time.Second}, usual)
	b.passes("before")
	server.Freeze()
	var lost []time.Duration
	for range 30 {
		began := time.Now()
		b.passes("frozen")
		b.Publish(t.Context(), testRecord())
		lost = append(lost, time.Since(began))
	}
	slices.Sort(lost)
	waited := lost[len(lost)-breakerFailures:]
	if middle := waited[len(waited)/2]; middle > usual.lookUp+usual.publish+50*time.Millisecond { // the last is the machine's: other tests run
		t.Errorf("a request lost %v: %v", middle, lost)
	}
	if usually := lost[len(lost)/2]; usually > 10*time.Millisecond || b.log.Count("Redis is away") != 1 {
		t.Errorf("requests wait for Redis behind an open breaker: %v; log:\n%s", lost, b.log.String())
	}
	server.Thaw()
	eventually(t, "Redis is asked again", func() bool { b.enter(); return b.log.Count("Redis is back") == 1 })
	eventually(t, "and remembers again", func() bool {
		b.Publish(t.Context(), testRecord())
		return b.enter().Record != nil
	})
}

func TestARealRedisRestartsWithoutAnyoneNoticing(t *testing.T) {
	server := stores.StartRealRedis(t)
	b := newBench(t, server.URL(), Limit{Requests: 1000, Per: time.Second})
	b.passes("first")
	b.Publish(t.Context(), testRecord())
	if b.enter().Record == nil {
		t.Fatal("not replayed")
	}
	eventually(t, "the limit is shared", func() bool {
		b.Allow(t.Context(), "key")
		return b.client.Exists(t.Context(), b.codec.limiterName("key")).Val() == 1
	})
	server.Stop()
	for range 2 * breakerFailures {
		b.passes("stopped")
	}
	server.Start()
	eventually(t, "back", func() bool { return b.enter().Record == nil && b.log.Count("Redis is back") == 1 })
	eventually(t, "the script, too", func() bool {
		b.Allow(t.Context(), "key")
		return b.client.Exists(t.Context(), b.codec.limiterName("key")).Val() == 1
	})
}

func TestTheMarkerScriptWorksInARealRedis(t *testing.T) {
	server := stores.StartRealRedis(t)
	b := newBench(t, server.URL(), Limit{Requests: 3, Per: time.Minute, Burst: 3})
	b.loadedScript()
	began := time.Now()
	first := b.passes("first")
	if second := b.enter(); !second.InFlight {
		t.Fatalf("second: %+v", second)
	}
	b.ReleaseMarker(t.Context(), testRequest(), first.Marker)
	if third := b.passes("third"); !owned(third) || third.Admission.Remaining != 0 {
		t.Fatalf("third: %+v", third)
	}
	if fourth, took := b.enter(), time.Since(began); fourth.Admission.Allowed || fourth.Admission.RetryAfter <= 19*time.Second-took {
		t.Fatalf("fourth: %+v after %s", fourth, took)
	}
}

func TestAFullQueueDropsAtOnce(t *testing.T) {
	took := publishToFrozen(t)
	for try := 0; try < 2 && took > time.Second; try++ { // a busy machine may have a bad moment, but not three
		took = publishToFrozen(t)
	}
	if took > time.Second {
		t.Errorf("publishing to a frozen Redis took %v", took)
	}
}

// publishToFrozen returns how long more publications take than can wait, and checks the rest.
func publishToFrozen(t *testing.T) (took time.Duration) {
	t.Helper()
	server := stores.StartRealRedis(t)
	b := newBenchWith(t, server.URL(), off(), usual)
	b.passes("before")
	server.Freeze()
	var group sync.WaitGroup
	began := time.Now()
	for range batches.Room + 4*batches.Size {
		group.Go(func() { b.Publish(context.Background(), testRecord()) })
	}
	group.Wait()
	took = time.Since(began)
	if b.counts.of(OutcomeDropped) == 0 || b.counts.of(OutcomeLate) == 0 {
		t.Errorf("counted %v", b.counts.seen)
	}
	server.Thaw()
	return took
}

func TestManyPublicationsShareRoundTrips(t *testing.T) {
	t.Parallel()
	b, server := newMiniBench(t, off())
	const many = 500
	var group sync.WaitGroup
	for i := range many {
		group.Go(func() {
			rec := testRecord()
			rec.KeyHash = [32]byte{byte(i), byte(i >> 8)}
			b.Publish(context.Background(), rec)
		})
	}
	group.Wait()
	b.Close()                            // sends what was late
	b.Publish(t.Context(), testRecord()) // after Close: no effect, no panic
	if n := len(server.Keys()); n+b.counts.of(OutcomeDropped) != many {
		t.Errorf("%d stored, counted %v", n, b.counts.seen)
	}
}

func TestACacheLeavesNothingRunning(t *testing.T) {
	before := goleak.IgnoreCurrent()
	server := miniredis.NewMiniRedis()
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	b := newBench(t, "redis://"+server.Addr(), Limit{Requests: 10, Per: time.Second})
	b.enter()
	b.Publish(t.Context(), testRecord())
	b.Close()
	b.Close()
	_ = b.client.Close()
	server.Close()
	goleak.VerifyNone(t, before)
}
