package redis

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"

	"github.com/payonce/payonce/idempotency"
	"github.com/payonce/payonce/test/textlog"
	"github.com/payonce/payonce/test/wait"
)

// counts is a Observer for tests.
type counts struct {
	idempotency.NoSpans

	mu      sync.Mutex
	seen    map[string]int
	away    []bool
	skipped atomic.Int64
}

func (c *counts) RedisSkipped() { c.skipped.Add(1) }

func (c *counts) Redis(outcome string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.seen[outcome]++
}

func (c *counts) RedisAway(away bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.away = append(c.away, away)
}

func (c *counts) of(outcome string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.seen[outcome]
}

// bench is a gate, or several, over one Redis.
type bench struct {
	*Cache
	t         testing.TB
	counts    *counts
	log       *textlog.Log
	authority *fixedPrimary
	client    redis.UniversalClient
}

// patient has time on a busy machine. Tests of what hangs have [usual].
var patient = patience{lookUp: 5 * time.Second, publish: 5 * time.Second, batch: time.Second}

func newBench(t testing.TB, url string, limit Limit) *bench {
	t.Helper()
	return newBenchWith(t, url, limit, patient)
}

func newBenchWith(t testing.TB, url string, limit Limit, patience patience) *bench {
	t.Helper()
	log, out := textlog.New()
	client, err := Open(url, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	b := &bench{t: t, counts: &counts{seen: map[string]int{}}, log: out, authority: newFixedPrimary(), client: client}
	if single, ok := client.(*redis.Client); ok {
		single.Options().ReadTimeout = max(single.Options().ReadTimeout, patience.lookUp)
	}
	b.Cache = newCache(client, Config{
		Secrets: [][]byte{[]byte(strings.Repeat("s", 32))}, Limit: limit, Primary: b.authority, Log: log, Observe: b.counts,
	}, patience)
	t.Cleanup(func() {
		b.Close()
		_ = client.Close()
		for outcome := range b.counts.seen {
			if !slices.Contains(Outcomes(), outcome) {
				t.Errorf("%q is no label that metrics know", outcome)
			}
		}
	})
	return b
}

func newMiniBench(t testing.TB, limit Limit) (*bench, *miniredis.Miniredis) {
	t.Helper()
	return newMiniBenchWith(t, limit, patient)
}

func newMiniBenchWith(t testing.TB, limit Limit, patience patience) (*bench, *miniredis.Miniredis) {
	t.Helper()
	server := miniredis.RunT(t)
	return newBenchWith(t, "redis://"+server.Addr(), limit, patience), server
}

func off() Limit { return Limit{Off: true} }

// testRequest asks for what testRecord answers.
func testRequest() idempotency.Request {
	rec := testRecord()
	return idempotency.Request{Tenant: rec.Tenant, KeyHash: rec.KeyHash, Fingerprint: rec.Fingerprint, Limiter: "key"}
}

func (b *bench) enter() idempotency.LookupResult {
	return b.LookupAndMark(b.t.Context(), testRequest())
}

func (b *bench) name() string {
	req := testRequest()
	return b.codec.recordName(req.Tenant, req.KeyHash)
}

// passes fails unless the request goes to the authority.
func (b *bench) passes(what string) idempotency.LookupResult {
	b.t.Helper()
	entry := b.enter()
	if !entry.Admission.Allowed || entry.Record != nil || entry.InFlight {
		b.t.Errorf("%s: %+v", what, entry)
	}
	return entry
}

func owned(e idempotency.LookupResult) bool { return e.Marker != ([16]byte{}) }

func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	wait.Within(t, 10*time.Second, what, ok)
}

func TestTheSecondRequestWithinASecondMeetsTheMarker(t *testing.T) {
	t.Parallel()
	b, server := newMiniBench(t, off())
	if first := b.passes("first"); !owned(first) {
		t.Error("the first owns no marker")
	}
	if second := b.enter(); !second.InFlight || owned(second) || second.Record != nil || !second.Admission.Allowed {
		t.Errorf("second: %+v", second)
	}
	if ttl := server.TTL(b.name()); ttl != time.Second {
		t.Errorf("the marker lives %v", ttl)
	}
	server.FastForward(time.Second)
	b.passes("after a second")
}

func TestReleasingRemovesTheOwnMarkerOnly(t *testing.T) {
	t.Parallel()
	b, server := newMiniBench(t, off())
	first := b.passes("first")
	b.ReleaseMarker(t.Context(), testRequest(), [16]byte{})
	b.ReleaseMarker(t.Context(), testRequest(), [16]byte{1})
	if !server.Exists(b.name()) {
		t.Fatal("a stranger removed the marker")
	}
	b.ReleaseMarker(t.Context(), testRequest(), first.Marker)
	if server.Exists(b.name()) {
		t.Fatal("the owner's marker is still there when Leave returns")
	}
	b.passes("again, at once")
	b.Publish(t.Context(), testRecord())
	b.ReleaseMarker(t.Context(), testRequest(), first.Marker)
	if b.enter().Record == nil {
		t.Fatal("Leave removed a completed record")
	}
}

func TestAPublishedRecordIsReplayed(t *testing.T) {
	t.Parallel()
	b, server := newMiniBench(t, off())
	b.passes("first")
	b.Publish(t.Context(), testRecord())
	entry := b.enter()
	if diff := cmp.Diff(testRecord(), entry.Record); diff != "" || entry.InFlight {
		t.Fatalf("hinted %v, record (-published +replayed):\n%s", entry.InFlight, diff)
	}
	if ttl := server.TTL(b.name()); ttl != time.Hour {
		t.Errorf("lives %v, the store says an hour is left", ttl)
	}
	other := testRequest()
	other.Tenant = idempotency.Tenant{9}
	if e := b.LookupAndMark(t.Context(), other); e.Record != nil || e.InFlight {
		t.Errorf("another merchant sees it: %+v", e)
	}
}

func TestOnlyCompletedRecordsAreStored(t *testing.T) {
	t.Parallel()
	b, server := newMiniBench(t, off())
	for name, change := range map[string]func(*idempotency.Record){
		"in progress":    func(r *idempotency.Record) { r.State = idempotency.InProgress },
		"a tombstone":    func(r *idempotency.Record) { r.State = idempotency.Expired },
		"no response":    func(r *idempotency.Record) { r.Response = nil },
		"expired":        func(r *idempotency.Record) { r.ExpiresAt = b.authority.Now() },
		"lost timeline":  func(r *idempotency.Record) { r.Timeline = 2 },
		"a server error": func(r *idempotency.Record) { r.Response.Status = 503 },
		"a large body":   func(r *idempotency.Record) { r.Response.Body = make([]byte, maxCachedBody+1) },
	} {
		rec := testRecord()
		change(rec)
		b.Publish(t.Context(), rec)
		if server.Exists(b.name()) {
			t.Errorf("%s: stored", name)
		}
	}
	b.Publish(t.Context(), nil)
}

// A request that is only looked up counts once, sees what Enter sees, and leaves nothing behind.
func TestLookingCountsOnceAndSetsNothing(t *testing.T) {
	t.Parallel()
	for name, before := range map[string]func(b *bench){
		"a miss": func(*bench) {},
		"a marker": func(b *bench) {
			req := testRequest()
			req.Limiter = ""
			b.LookupAndMark(b.t.Context(), req)
		},
		"a record": func(b *bench) { b.Publish(b.t.Context(), testRecord()) },
	} {
		b, server := newMiniBench(t, Limit{Requests: 1, Per: time.Minute, Burst: 2})
		b.Warm()
		before(b)
		keys := len(server.Keys())
		for remaining := 1; remaining >= 0; remaining-- {
			entry := b.Lookup(t.Context(), testRequest())
			if !entry.Admission.Allowed || entry.Admission.Remaining != remaining || owned(entry) || entry.Unseen {
				t.Errorf("%s: got %+v, want %d remaining and nothing owned", name, entry, remaining)
			}
			if entry.InFlight != (name == "a marker") || (entry.Record != nil) != (name == "a record") {
				t.Errorf("%s: hinted %v, record %v", name, entry.InFlight, entry.Record)
			}
		}
		if entry := b.Lookup(t.Context(), testRequest()); entry.Admission.Allowed || entry.Record != nil || entry.InFlight {
			t.Errorf("%s, beyond the rate: got %+v, want a refusal alone", name, entry)
		}
		if more := len(server.Keys()) - keys; more != 1 {
			t.Errorf("%s: %d keys more in Redis, want the limiter's alone: %v", name, more, server.Keys())
		}
	}
}

func TestLookingWithoutRedisFindsNothing(t *testing.T) {
	t.Parallel()
	b, server := newMiniBench(t, off())
	server.Close()
	if entry := b.Lookup(t.Context(), testRequest()); !entry.Admission.Allowed || entry.Record != nil || entry.InFlight {
		t.Errorf("got %+v, want an admission alone", entry)
	}
}

func TestAnUncacheableOutcomeStillRemovesTheMarker(t *testing.T) {
	t.Parallel()
	b, server := newMiniBench(t, off())
	b.passes("first")
	rec := testRecord()
	rec.Response.Body = make([]byte, maxCachedBody+1)
	b.Publish(t.Context(), rec)
	if server.Exists(b.name()) {
		t.Fatal("the marker is still there")
	}
}

// What Redis must never be believed (F8): each is a miss, is counted, and costs the request nothing.
func TestAWrongValueIsAMissAndACounter(t *testing.T) {
	t.Parallel()
	rec := testRecord()
	codec := testCodec(t, "s")
	with := func(change func(*idempotency.Record)) string {
		rec := testRecord()
		change(rec)
		return string(codec.encode(rec))
	}
	whole := with(func(*idempotency.Record) {})
	for name, c := range map[string]struct {
		value string
		want  badValue
	}{
		"another merchant's": {with(func(r *idempotency.Record) { r.Tenant[0]++ }), badOwner},
		"another key's":      {with(func(r *idempotency.Record) { r.KeyHash[0]++ }), badOwner},
		"an older timeline":  {with(func(r *idempotency.Record) { r.Timeline-- }), badTimeline},
		"expired":            {with(func(r *idempotency.Record) { r.ExpiresAt = rec.ExpiresAt.Add(-time.Hour) }), badExpired},
		"truncated":          {whole[:len(whole)-5], badSignature},
		"random":             {"\x01" + strings.Repeat("x", 200), badSignature},
		"an old version":     {"\x00" + whole[1:], badVersion},
		"short":              {"1", badSize},
		"another secret's":   {string(testCodec(t, "z").encode(rec)), badSignature},
		"another's marker":   {string(codec.encodeMarker(idempotency.Tenant{9}, rec.KeyHash, marker{setAt: rec.ExpiresAt})), badOwner},
		"an old marker":      {string(codec.encodeMarker(rec.Tenant, rec.KeyHash, marker{setAt: rec.ExpiresAt.Add(-2 * time.Hour)})), badMarkerAge},
		"an early marker":    {string(codec.encodeMarker(rec.Tenant, rec.KeyHash, marker{setAt: rec.ExpiresAt})), badMarkerAge},
		"an unsigned marker": {string(testCodec(t, "z").encodeMarker(rec.Tenant, rec.KeyHash, marker{setAt: rec.ExpiresAt})), badSignature},
	} {
		b, server := newMiniBench(t, off())
		_ = server.Set(b.name(), c.value)
		if entry := b.passes(name); owned(entry) {
			t.Errorf("%s: owns a marker that it didn't set", name)
		}
		if b.counts.of("bad_value:"+string(c.want)) != 1 || len(b.counts.seen) != 1 {
			t.Errorf("%s: counted %v, want %s", name, b.counts.seen, c.want)
		}
		b.Publish(t.Context(), testRecord())
		if b.enter().Record == nil {
			t.Errorf("%s: stands in the way of the right value", name)
		}
	}
}

func TestAnotherTypeOfValueIsAMissAndACounter(t *testing.T) {
	t.Parallel()
	b, server := newMiniBench(t, Limit{Requests: 5, Per: time.Second})
	_, _ = server.Lpush(b.name(), "x")
	_, _ = server.Lpush(b.codec.limiterName("key"), "x")
	b.loadedScript()
	for range 2 * breakerFailures {
		b.ReleaseMarker(t.Context(), testRequest(), [16]byte{1})
		entry := b.enter()
		if entry.Record != nil || entry.InFlight || !entry.Admission.Limited {
			t.Fatalf("%+v", entry)
		}
	}
	if b.counts.of("bad_value:type") == 0 || len(b.counts.away) > 0 {
		t.Errorf("counted %v, away %v, last %v", b.counts.seen, b.counts.away, b.breaker.last.Load())
	}
}

// loadedScript waits until Redis decides about rates.
func (b *bench) loadedScript() {
	b.t.Helper()
	if err := b.client.ScriptLoad(b.t.Context(), gcraScript).Err(); err != nil {
		b.t.Fatal(err)
	}
}

func TestACacheNeedsASecretAndAPrimaryOnly(t *testing.T) {
	t.Parallel()
	b, _ := newMiniBench(t, off())
	plain := NewCache(b.client, Config{Secrets: [][]byte{make([]byte, 32)}, Limit: off(), Primary: b.authority})
	defer plain.Close()
	if e := plain.LookupAndMark(t.Context(), testRequest()); !owned(e) {
		t.Errorf("%+v", e)
	}
	defer func() {
		if recover() == nil {
			t.Error("made without a secret")
		}
	}()
	NewCache(b.client, Config{Limit: off(), Primary: b.authority})
}

func TestReplicasShareOneLimit(t *testing.T) {
	t.Parallel()
	limit := Limit{Requests: 1, Per: time.Minute, Burst: 4}
	a, server := newMiniBench(t, limit)
	b := newBench(t, "redis://"+server.Addr(), limit)
	a.loadedScript()
	for i := range 2 {
		if !a.Allow(t.Context(), "key").Allowed || !b.Allow(t.Context(), "key").Allowed {
			t.Fatal("refused within the burst, round", i)
		}
	}
	got := b.enter()
	if got.Admission.Allowed || !got.Admission.Limited || got.Admission.RetryAfter <= 0 || got.Admission.Limit != 4 || got.Admission.Window != 4*time.Minute {
		t.Fatalf("beyond the shared burst: %+v", got)
	}
	eventually(t, "a refused request leaves no marker", func() bool { return !server.Exists(a.name()) })
	if !a.Admit("key").Allowed {
		t.Fatal("the limiter inside the process counts for itself")
	}
	if got := a.Allow(t.Context(), ""); !got.Allowed || got.Limited {
		t.Fatalf("a request of no client: %+v", got)
	}
}

func TestALostScriptIsLoadedAgainAtOnce(t *testing.T) {
	t.Parallel()
	b, server := newMiniBench(t, Limit{Requests: 1, Per: time.Minute, Burst: 100})
	for round := range 3 {
		first := b.enter()
		if !first.Admission.Allowed || !first.Admission.Limited || !owned(first) {
			t.Fatalf("round %d, without the script: %+v", round, first)
		}
		if b.counts.of(OutcomeNoScript) != round+1 {
			t.Fatalf("round %d: counted %v", round, b.counts.seen)
		}
		eventually(t, "the script is loaded", func() bool {
			exists, err := b.client.ScriptExists(t.Context(), b.script.Hash()).Result()
			return err == nil && exists[0]
		})
		eventually(t, "Redis decides again", func() bool {
			b.Allow(t.Context(), "key")
			return server.Exists(b.codec.limiterName("key"))
		})
		if err := b.client.ScriptFlush(t.Context()).Err(); err != nil {
			t.Fatal(err)
		}
		server.FlushAll()
		eventually(t, "the last load's time is over", func() bool { return time.Now().UnixNano() > b.loading.Load() })
	}
	if len(b.counts.away) > 0 {
		t.Error("a lost script is no failure of Redis")
	}
}

func TestAFlushAtAnyMomentIsAMiss(t *testing.T) {
	t.Parallel()
	b, server := newMiniBench(t, off())
	first := b.passes("first")
	server.FlushAll()
	b.passes("after a flush between marker and outcome")
	b.Publish(t.Context(), testRecord())
	server.FlushAll()
	b.passes("after a flush of the outcome")
	b.ReleaseMarker(t.Context(), testRequest(), first.Marker)
}

func TestOneEntryIsOneRoundTrip(t *testing.T) {
	t.Parallel()
	b, _ := newMiniBench(t, Limit{Requests: 100, Per: time.Second})
	b.loadedScript()
	trips := &tripCounter{}
	b.client.AddHook(trips)
	b.enter()
	if trips.singles != 0 || trips.pipelines != 1 || trips.commands != 3 {
		t.Errorf("%+v", trips)
	}
}

type tripCounter struct{ singles, pipelines, commands int }

func (c *tripCounter) DialHook(next redis.DialHook) redis.DialHook { return next }

func (c *tripCounter) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		c.singles++
		return next(ctx, cmd)
	}
}

func (c *tripCounter) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		c.pipelines++
		c.commands += len(cmds)
		return next(ctx, cmds)
	}
}

func BenchmarkEnter(b *testing.B) {
	bench, _ := newMiniBench(b, Limit{Requests: 1_000_000, Per: time.Second})
	bench.loadedScript()
	bench.Publish(b.Context(), testRecord())
	for _, kind := range []string{"replay", "first"} {
		b.Run(kind, func(b *testing.B) {
			b.ReportAllocs()
			req := testRequest()
			for i := 0; b.Loop(); i++ {
				if kind == "first" {
					copy(req.KeyHash[:], fmt.Sprintf("%032d", i))
				}
				if entry := bench.LookupAndMark(b.Context(), req); (entry.Record != nil) != (kind == "replay") {
					b.Fatalf("%+v %v", entry, bench.counts.seen)
				}
			}
		})
	}
}
