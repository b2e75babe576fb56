package redis

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/payonce/payonce/idempotency"
	"github.com/payonce/payonce/internal/batches"
	"github.com/payonce/payonce/test/stores"
)

// pipelines stands between a cache and Redis. It counts the round trips, and each waits at the gate, if there is one.
type pipelines struct {
	sent atomic.Int32
	gate chan struct{}
	fail error
}

func (*pipelines) DialHook(next redis.DialHook) redis.DialHook          { return next }
func (*pipelines) ProcessHook(next redis.ProcessHook) redis.ProcessHook { return next }
func (p *pipelines) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, commands []redis.Cmder) error {
		p.sent.Add(1)
		if p.gate != nil {
			<-p.gate
		}
		if p.fail != nil {
			return p.fail
		}
		return next(ctx, commands)
	}
}

// held starts one look-up, which is on its way until the gate is opened, and then as many as are wanted behind it.
func (p *pipelines) held(b *bench, many int, each func(i int)) (open func()) {
	p.gate = make(chan struct{})
	b.client.AddHook(p)
	opened := sync.OnceFunc(func() { close(p.gate) })
	b.t.Cleanup(opened) // before the cache is closed, which waits for what is on its way
	var group sync.WaitGroup
	ended := p.one(b)
	for i := range many {
		group.Go(func() { each(i) })
	}
	eventually(b.t, "the others wait", func() bool { return b.lookUps.Waiting() == many })
	return func() { opened(); group.Wait(); <-ended }
}

// one starts a look-up that is on its way until the gate is opened. A busy machine may give one up before it is sent.
func (p *pipelines) one(b *bench) (ended chan struct{}) {
	b.t.Helper()
	for i := -1; p.sent.Load() == 0; i-- {
		if i < -20 {
			b.t.Fatal("no look-up is sent")
		}
		ended = make(chan struct{})
		go func() { defer close(ended); b.LookupAndMark(context.Background(), numbered(i)) }()
		eventually(b.t, "a look-up is on its way, or given up", func() bool { return p.sent.Load() == 1 || isClosed(ended) })
	}
	return ended
}

func isClosed(c chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

func numbered(i int) idempotency.Request {
	req := testRequest()
	req.KeyHash = [32]byte{byte(i), byte(i >> 8), 7}
	return req
}

func TestLookUpsThatWaitTogetherTravelTogether(t *testing.T) {
	t.Parallel()
	b, _ := newMiniBench(t, Limit{Requests: 1000, Per: time.Second})
	b.loadedScript()
	seen := &pipelines{}
	const many = batches.Size
	found := make([]idempotency.LookupResult, many)
	seen.held(b, many, func(i int) { found[i] = b.LookupAndMark(context.Background(), numbered(i)) })()
	if n := seen.sent.Load(); n != 2 {
		t.Errorf("one look-up and %d behind it took %d round trips, want 2", many, n)
	}
	for i, entry := range found {
		if !owned(entry) || !entry.Unseen || !entry.Admission.Allowed || !entry.Admission.Limited {
			t.Fatalf("%d of %d: %+v; counted %v", i, many, entry, b.counts.seen)
		}
		if again := b.LookupAndMark(t.Context(), numbered(i)); !again.InFlight {
			t.Fatalf("%d again: %+v", i, again) // each has its own marker, and meets it
		}
	}
}

// A look-up of another program's key, or one that Redis refuses, doesn't disturb those beside it.
func TestALookUpFailsAlone(t *testing.T) {
	t.Parallel()
	b, server := newMiniBench(t, off())
	odd := numbered(1)
	server.HSet(b.codec.recordName(odd.Tenant, odd.KeyHash), "field", "value")
	found := make([]idempotency.LookupResult, 3)
	(&pipelines{}).held(b, len(found), func(i int) { found[i] = b.LookupAndMark(context.Background(), numbered(i)) })()
	if owned(found[1]) || !owned(found[0]) || !owned(found[2]) || b.counts.of(outcomeBadValue+string(badType)) != 1 {
		t.Errorf("%+v; counted %v", found, b.counts.seen)
	}
}

// F3: those that wait behind a batch that hangs wait no longer than it does, set no marker later, and count as what they are.
func TestAFrozenRedisIsLeftAloneByAllThatWait(t *testing.T) {
	limit := 8 * usual.lookUp
	took := waitForFrozen(t)
	for try := 0; try < 2 && took > limit; try++ { // a busy machine may have a bad moment, but not three
		took = waitForFrozen(t)
	}
	if took > limit {
		t.Errorf("they waited %v", took)
	}
}

// waitForFrozen returns how long many look-ups wait in all, and checks the rest.
func waitForFrozen(t *testing.T) (took time.Duration) {
	t.Helper()
	server := stores.StartRealRedis(t)
	b := newBenchWith(t, server.URL(), off(), usual)
	b.passes("before")
	server.Freeze()
	const many = 14 * batches.Size // one behind the other, they would take a second
	var group sync.WaitGroup
	unsent := make([]bool, many)
	began := time.Now()
	for i := range many {
		group.Go(func() { unsent[i] = !owned(b.LookupAndMark(context.Background(), numbered(i))) })
	}
	group.Wait()
	took = time.Since(began)
	if !b.breaker.open() {
		t.Error("the breaker is closed")
	}
	server.Thaw()
	eventually(t, "Redis is asked again", func() bool { b.enter(); return !b.breaker.open() })
	dropped := 0
	for i := range many {
		if !unsent[i] {
			continue
		}
		dropped++
		if b.client.Exists(t.Context(), b.codec.recordName(numbered(i).Tenant, numbered(i).KeyHash)).Val() != 0 {
			t.Errorf("look-up %d was given up and has set its marker", i)
		}
	}
	if dropped < many-2*batches.Size {
		t.Errorf("%d of %d were given up", dropped, many)
	}
	return took
}

// When a request goes on without its look-up, that must not be sent later: its marker would stay for a second.
func TestALookUpThatWasGivenUpIsNotSent(t *testing.T) {
	t.Parallel()
	b, server := newMiniBenchWith(t, off(), usual)
	const few = breakerFailures - 2 // so that the breaker stays closed
	seen := &pipelines{}
	var gaveUp atomic.Int32
	open := seen.held(b, few, func(i int) {
		b.LookupAndMark(context.Background(), numbered(i))
		gaveUp.Add(1)
	})
	eventually(t, "they give up", func() bool { return gaveUp.Load() == few })
	open()
	b.passes("the next one") // behind them in the queue
	for i := range few {
		if server.Exists(b.codec.recordName(numbered(i).Tenant, numbered(i).KeyHash)) {
			t.Errorf("look-up %d was given up and has set its marker", i)
		}
	}
}

// A connection that breaks under a batch is one failure, however many were in it.
func TestABrokenConnectionIsOneFailure(t *testing.T) {
	t.Parallel()
	b, _ := newMiniBench(t, off())
	seen := &pipelines{fail: errors.New("broken")}
	seen.held(b, 3*breakerFailures, func(i int) { b.LookupAndMark(context.Background(), numbered(i)) })()
	if n := seen.sent.Load(); n != 2 || b.breaker.open() {
		t.Errorf("%d round trips failed, Redis is left alone: %v; counted %v", n, b.breaker.open(), b.counts.seen)
	}
}

// An answer that comes when it is no longer waited for is counted.
func TestALateAnswerIsCounted(t *testing.T) {
	t.Parallel()
	b, _ := newMiniBenchWith(t, off(), usual)
	seen := &pipelines{gate: make(chan struct{})}
	t.Cleanup(sync.OnceFunc(func() { close(seen.gate) }))
	b.client.AddHook(seen)
	<-seen.one(b) // it is waited for no longer
	given := b.counts.of(OutcomeTimeout)
	seen.gate <- struct{}{}
	eventually(t, "it is counted", func() bool { return b.counts.of(OutcomeTimeout) == given+1 })
}

// While one batch asks whether Redis is back, other requests don't wait for the answer.
func TestWhileRedisIsTriedAgainOthersGoOn(t *testing.T) {
	t.Parallel()
	b, _ := newMiniBench(t, off())
	seen := &pipelines{fail: errors.New("broken")}
	b.client.AddHook(seen)
	for range breakerFailures {
		b.passes("broken")
	}
	if !b.breaker.open() {
		t.Fatal("the breaker is closed")
	}
	seen.fail, seen.gate = nil, make(chan struct{})
	eventually(t, "the pause is over", func() bool { return !b.breaker.open() })
	asks := make(chan idempotency.LookupResult)
	go func() { asks <- b.LookupAndMark(context.Background(), numbered(1)) }()
	eventually(t, "one asks", func() bool { return seen.sent.Load() == breakerFailures+1 })
	began := time.Now()
	if entry := b.LookupAndMark(t.Context(), numbered(2)); owned(entry) || !entry.Admission.Allowed {
		t.Errorf("%+v", entry)
	}
	if took := time.Since(began); took > patient.lookUp/2 {
		t.Errorf("the other one waited %v", took)
	}
	close(seen.gate)
	if entry := <-asks; !owned(entry) {
		t.Errorf("the one that asked: %+v; counted %v", entry, b.counts.seen)
	}
}

func TestAfterItsEndACacheLetsEverythingThrough(t *testing.T) {
	t.Parallel()
	b, server := newMiniBench(t, off())
	b.Close()
	if entry := b.passes("closed"); owned(entry) || len(server.Keys()) != 0 {
		t.Errorf("%+v, %v", entry, server.Keys())
	}
}
