package repository

import (
	"context"
	"net"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"go.uber.org/goleak"

	"github.com/payonce/payonce/test/stores"
)

// lossyProxy forwards to a store, and while lossy it swallows what the store answers.
type lossyProxy struct {
	net.Listener
	target string // an address, or the path of a socket
	lossy  atomic.Bool
	passed atomic.Int64 // bytes towards the store
}

func newLossyProxy(t *testing.T, target string) *lossyProxy {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &lossyProxy{Listener: listener, target: target}
	var group sync.WaitGroup
	group.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			group.Go(func() { p.forward(conn) })
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		group.Wait()
	})
	return p
}

func (p *lossyProxy) forward(client net.Conn) {
	network := "tcp"
	if filepath.IsAbs(p.target) {
		network = "unix"
	}
	server, err := net.Dial(network, p.target)
	if err != nil {
		_ = client.Close()
		return
	}
	var group sync.WaitGroup
	defer group.Wait()
	pump := func(from, to net.Conn, lose func() bool) {
		defer func() { _, _ = from.Close(), to.Close() }()
		buf := make([]byte, 64<<10)
		for {
			n, err := from.Read(buf)
			if n > 0 && lose() {
				return // the connection breaks after the store has acted
			}
			if n > 0 {
				_, _ = to.Write(buf[:n])
			}
			if err != nil {
				return
			}
		}
	}
	group.Go(func() { pump(server, client, p.lossy.Load) })
	pump(client, server, func() bool { p.passed.Add(1); return false })
}

// F7: Redis has set the hint, and the request never learns of it.
func TestALostReplyNeverTurnsARequestAgainstItself(t *testing.T) {
	t.Parallel()
	server := miniredis.RunT(t)
	proxy := newLossyProxy(t, server.Addr())
	b := newBench(t, "redis://"+proxy.Addr().String(), off())
	eventually(t, "connections stand", func() bool { return b.client.Ping(t.Context()).Err() == nil })
	proxy.lossy.Store(true)
	entry := b.passes("the reply was lost")
	if !server.Exists(b.name()) {
		t.Fatal("the command wasn't executed: this test proves nothing")
	}
	if !owned(entry) {
		t.Fatal("nobody will remove the hint")
	}
	if b.counts.of(RedisUnreachable) != 1 {
		t.Errorf("counted %v", b.counts.seen)
	}
	proxy.lossy.Store(false)
	eventually(t, "the hint is removed", func() bool {
		b.Leave(t.Context(), testRequest(), entry.Token)
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
	if b.log.count("Redis is away") != 1 || b.log.count("level=WARN") != 1 || b.counts.of(RedisBreakerOpen) == 0 || b.counts.of(RedisDropped) == 0 {
		t.Errorf("log:\n%s\ncounted %v", b.log.buf.String(), b.counts.seen)
	}
	if err := server.StartAddr(addr); err != nil {
		t.Fatal(err)
	}
	eventually(t, "Redis is asked again", func() bool { return b.Enter(t.Context(), testRequest()).Admission.Allowed })
	eventually(t, "its return is said", func() bool { return b.log.count("Redis is back") == 1 })
	if b.log.count("level=") != 2 {
		t.Errorf("more than one line per change:\n%s", b.log.buf.String())
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
		if !b.guard.open() || b.counts.of(RedisRefused) != breakerFailures || b.log.count("Redis is away") != 1 {
			t.Errorf("%s: open %v, counted %v", reply, b.guard.open(), b.counts.seen)
		}
		server.SetError("")
		eventually(t, "Redis is asked again", func() bool { b.enter(); return !b.guard.open() && b.log.count("Redis is back") == 1 })
	}
}

// F3: it accepts and never answers.
func TestAFrozenRedisCostsARequest100msAtMostUntilTheBreakerOpens(t *testing.T) {
	server := stores.StartRealRedis(t)
	b := newBench(t, server.URL(), Limit{Requests: 1000, Per: time.Second})
	b.passes("before")
	server.Freeze()
	slow := 0
	for range 30 {
		began := time.Now()
		b.passes("frozen")
		b.Publish(t.Context(), testRecord())
		took := time.Since(began)
		if took > 100*time.Millisecond+50*time.Millisecond { // the second is the machine's: other tests run
			t.Errorf("a request lost %v", took)
		}
		if took > 10*time.Millisecond {
			slow++
		}
	}
	if slow > breakerFailures+1 || b.log.count("Redis is away") != 1 {
		t.Errorf("%d requests waited; log:\n%s", slow, b.log.buf.String())
	}
	server.Thaw()
	eventually(t, "Redis is asked again", func() bool { b.enter(); return b.log.count("Redis is back") == 1 })
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
	eventually(t, "back", func() bool { return b.enter().Record == nil && b.log.count("Redis is back") == 1 })
	eventually(t, "the script, too", func() bool {
		b.Allow(t.Context(), "key")
		return b.client.Exists(t.Context(), b.codec.limiterName("key")).Val() == 1
	})
}

func TestTheHintScriptWorksInARealRedis(t *testing.T) {
	server := stores.StartRealRedis(t)
	b := newBench(t, server.URL(), Limit{Requests: 3, Per: time.Minute, Burst: 3})
	b.loadedScript()
	first := b.passes("first")
	if second := b.enter(); !second.Hinted {
		t.Fatalf("second: %+v", second)
	}
	b.Leave(t.Context(), testRequest(), first.Token)
	if third := b.passes("third"); !owned(third) || third.Admission.Remaining != 0 {
		t.Fatalf("third: %+v", third)
	}
	if fourth := b.enter(); fourth.Admission.Allowed || fourth.Admission.RetryAfter <= 19*time.Second {
		t.Fatalf("fourth: %+v", fourth)
	}
}

func TestAFullQueueDropsAtOnce(t *testing.T) {
	server := stores.StartRealRedis(t)
	b := newBench(t, server.URL(), off())
	b.passes("before")
	server.Freeze()
	var group sync.WaitGroup
	began := time.Now()
	for range publishQueue + 4*publishBatch {
		group.Go(func() { b.Publish(context.Background(), testRecord()) })
	}
	group.Wait()
	if took := time.Since(began); took > time.Second {
		t.Errorf("publishing to a frozen Redis took %v", took)
	}
	if b.counts.of(RedisDropped) == 0 || b.counts.of(RedisLate) == 0 {
		t.Errorf("counted %v", b.counts.seen)
	}
	server.Thaw()
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
	b.Close() // sends what was late
	if n := len(server.Keys()); n+b.counts.of(RedisDropped) != many {
		t.Errorf("%d stored, counted %v", n, b.counts.seen)
	}
	b.Publish(t.Context(), testRecord()) // after Close: no effect, no panic
}

func TestAGateLeavesNothingRunning(t *testing.T) {
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
