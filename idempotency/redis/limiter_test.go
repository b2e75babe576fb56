package redis

import (
	"fmt"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"
	"pgregory.net/rapid"

	"github.com/payonce/payonce/idempotency"
)

// handClock is a monotonic clock that only moves by hand.
type handClock struct{ now time.Duration }

func (c *handClock) read() time.Duration { return c.now }

func TestALocalLimiterAllowsABurstAndThenTheRate(t *testing.T) {
	t.Parallel()
	clock := &handClock{now: time.Hour}
	limiter := newLocalLimiter(Limit{Requests: 10, Per: time.Second, Burst: 3}, clock.read)
	for i := range 3 {
		got := limiter.Admit("key")
		if !got.Allowed || got.Remaining != 2-i || !got.Limited || got.Limit != 10 || got.Window != time.Second {
			t.Fatalf("request %d of the burst: %+v", i, got)
		}
	}
	if got := limiter.Admit("key"); got.Allowed || got.RetryAfter != 100*time.Millisecond || got.Reset != 300*time.Millisecond {
		t.Fatalf("beyond the burst: %+v", got)
	}
	if !limiter.Admit("other").Allowed {
		t.Fatal("another key paid for the first")
	}
	clock.now += 99_999 * time.Microsecond
	if got := limiter.Peek("key"); got.Allowed || got.RetryAfter != time.Microsecond {
		t.Fatalf("a microsecond too early: %+v", got)
	}
	clock.now += time.Microsecond
	if !limiter.Peek("key").Allowed || !limiter.Admit("key").Allowed || limiter.Peek("key").Allowed {
		t.Fatal("one request more fits, looking at it costs nothing, and it fits once")
	}
}

func TestAnEmptyKeyAndNoLimitAreNeverRefused(t *testing.T) {
	t.Parallel()
	strict := NewLocalLimiter(Limit{Requests: 1, Per: time.Hour, Burst: 1})
	off := NewLocalLimiter(Limit{Requests: 1, Per: time.Hour, Burst: 1, Off: true})
	for range 10 {
		if got := strict.Admit(""); !got.Allowed || got.Limited {
			t.Fatalf("a request of no client: %+v", got)
		}
		if got := off.Admit("key"); !got.Allowed || got.Limited {
			t.Fatalf("without a limit: %+v", got)
		}
	}
}

func TestALocalLimiterHoldsABoundedNumberOfKeys(t *testing.T) {
	t.Parallel()
	limiter := NewLocalLimiter(Limit{Requests: 1, Per: time.Hour})
	for i := range 2 * limiterShards * limiterKeys {
		limiter.Admit(fmt.Sprint("key", i))
	}
	for i := range limiter.shards {
		if n := len(limiter.shards[i].tat); n > limiterKeys {
			t.Errorf("shard %d holds %d keys", i, n)
		}
	}
}

// The two implementations decide alike on the same arrivals, whatever the limit, a clock that goes back included.
func TestLuaAndGoDecideAlike(t *testing.T) {
	t.Parallel()
	server := miniredis.RunT(t)
	client := redis.NewClient(&redis.Options{Addr: server.Addr()})
	t.Cleanup(func() { _ = client.Close() })
	script, run := redis.NewScript(gcraScript), 0
	rapid.Check(t, func(t *rapid.T) {
		limit := Limit{
			Requests: rapid.IntRange(1, 2000).Draw(t, "requests"),
			Per:      rapid.SampledFrom([]time.Duration{time.Second, time.Minute}).Draw(t, "per"),
			Burst:    rapid.IntRange(0, 40).Draw(t, "burst"),
		}
		run++
		name, g := fmt.Sprint("limiter", run), limit.gcra()
		now := time.Date(2026, 1, 2, 3, 4, 5, 678901000, time.UTC)
		tat := int64(0)
		for i := range rapid.IntRange(1, 60).Draw(t, "arrivals") {
			now = now.Add(time.Duration(rapid.Int64Range(-g.interval, 3*g.interval).Draw(t, "pause")) * time.Microsecond)
			server.SetTime(now)
			got, err := script.Run(t.Context(), client, []string{name}, g.interval, g.capacity).Int64Slice()
			if err != nil {
				t.Fatal(err)
			}
			after, v := g.decide(tat, now.UnixMicro())
			if v.allowed == 1 {
				tat = after
			}
			if diff := cmp.Diff([]int64{v.allowed, v.remaining, v.reset, v.retryAfter}, got); diff != "" {
				t.Fatalf("arrival %d (-Go +Lua):\n%s", i, diff)
			}
			if !g.plausible(v) {
				t.Fatalf("an honest answer is implausible: %+v", v)
			}
		}
	})
}

// What is announced is true, of both limiters: no more is left than the quota, it is whole again within the window, the
// quota is the rate over the window, and a client that spreads the quota over the window is never refused.
func TestTheAnnouncedPolicyHoldsForBothLimiters(t *testing.T) {
	t.Parallel()
	server := miniredis.RunT(t)
	client := redis.NewClient(&redis.Options{Addr: server.Addr()})
	t.Cleanup(func() { _ = client.Close() })
	script, run := redis.NewScript(gcraScript), 0
	rapid.Check(t, func(t *rapid.T) {
		limit := Limit{
			Requests: rapid.OneOf(rapid.IntRange(1, 3000), rapid.SampledFrom([]int{1, 7, 60, 999_999, 1_000_000})).Draw(t, "requests"),
			Per:      rapid.SampledFrom([]time.Duration{time.Second, time.Minute}).Draw(t, "per"),
			Burst:    rapid.OneOf(rapid.IntRange(0, 4000), rapid.SampledFrom([]int{1, 2_000_000})).Draw(t, "burst"),
		}
		run++
		name, g, now := fmt.Sprint("policy", run), limit.gcra(), time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
		clock := &handClock{}
		local := newLocalLimiter(limit, clock.read)
		even := time.Duration(0) // between two requests of a client that spreads the quota over the window
		for i := range rapid.IntRange(1, 20).Draw(t, "arrivals") {
			server.SetTime(now)
			numbers, err := script.Run(t.Context(), client, []string{name}, g.interval, g.capacity).Int64Slice()
			if err != nil {
				t.Fatal(err)
			}
			for where, got := range map[string]idempotency.Admission{
				"Go": local.Admit("key"), "Lua": limit.admission(verdict{numbers[0], numbers[1], numbers[2], numbers[3]}),
			} {
				if got.Remaining < 0 || got.Remaining > got.Limit || got.Reset < 0 || got.Reset > got.Window || got.RetryAfter > got.Window {
					t.Fatalf("%s, arrival %d of %+v: %d are left of %d, whole in %s of %s, again in %s", where, i, limit,
						got.Remaining, got.Limit, got.Reset, got.Window, got.RetryAfter)
				}
				if got.Window%limit.Per != 0 || int64(got.Limit)*int64(limit.Per) != int64(limit.Requests)*int64(got.Window) {
					t.Fatalf("%s: %d in %s is not the rate of %+v", where, got.Limit, got.Window, limit)
				}
				even = got.Window / time.Duration(got.Limit)
			}
			pause := max(even, time.Microsecond)
			if rapid.Bool().Draw(t, "at once") {
				pause = 0
			}
			now, clock.now = now.Add(pause), clock.now+pause
		}
		patient := newLocalLimiter(limit, clock.read)
		for i := range 100 {
			if !patient.Admit("key").Allowed {
				t.Fatalf("%+v: request %d was refused, although each came %s after the one before", limit, i, even)
			}
			clock.now += max(even, time.Microsecond)
		}
	})
}

func TestAPolicyIsTheShortestWindowThatHoldsTheBurst(t *testing.T) {
	t.Parallel()
	for limit, want := range map[Limit]string{
		{Requests: 100, Per: time.Second, Burst: 200}:     "200 in 2s",
		{Requests: 100, Per: time.Second, Burst: 201}:     "300 in 3s",
		{Requests: 100, Per: time.Second, Burst: 100}:     "100 in 1s",
		{Requests: 100, Per: time.Second, Burst: 1}:       "100 in 1s",
		{Requests: 100, Per: time.Second}:                 "100 in 1s",
		{Requests: 1, Per: time.Minute, Burst: 3}:         "3 in 3m0s",
		{Requests: 90, Per: time.Minute, Burst: 7}:        "90 in 1m0s",
		{Requests: 1, Per: time.Second, Burst: 2_000_000}: "2000000 in 555h33m20s",
	} {
		quota, window := limit.policy()
		if got := fmt.Sprintf("%d in %s", quota, window); got != want {
			t.Errorf("%+v: got %s, want %s", limit, got, want)
		}
	}
}

// No window of any length sees more than the burst plus what the rate gives.
func TestNoWindowExceedsTheRateAndTheBurst(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		limit := Limit{Requests: rapid.IntRange(1, 1000).Draw(t, "requests"), Per: time.Second, Burst: rapid.IntRange(1, 30).Draw(t, "burst")}
		clock := &handClock{}
		limiter, g := newLocalLimiter(limit, clock.read), limit.gcra()
		var allowed []int64
		for range 200 {
			clock.now += time.Duration(rapid.Int64Range(0, 2*g.interval).Draw(t, "pause")) * time.Microsecond
			if limiter.Admit("key").Allowed {
				allowed = append(allowed, clock.now.Microseconds())
			}
		}
		for i := range allowed {
			for j := i; j < len(allowed); j++ {
				if most := g.capacity/g.interval + (allowed[j]-allowed[i])/g.interval; int64(j-i+1) > most {
					t.Fatalf("%d requests in %d us, at most %d fit", j-i+1, allowed[j]-allowed[i], most)
				}
			}
		}
	})
}

func BenchmarkLocalLimiter(b *testing.B) {
	limiter := NewLocalLimiter(Limit{Requests: 100, Per: time.Second, Burst: 200})
	b.ReportAllocs()
	for b.Loop() {
		limiter.Admit("sk_test_0123456789abcdef")
	}
}
