package faults

import (
	"context"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/payonce/payonce/idempotency"
	"github.com/payonce/payonce/test/service"
	"github.com/payonce/payonce/test/stores"
)

func TestF2RedisRefusesConnections(t *testing.T) {
	t.Parallel()
	r := stores.StartRealRedis(t)
	w := open(t, options{redis: r.URL()})
	w.doesWithout("F2", brokenRedis{begin: r.Stop, end: r.Start, whileItLasts: func() {
		w.harmed.Restart()
		w.payAndReplay(t)
		raced, key := w.newOrder(), newKey()
		for _, resp := range service.AtOnce(30, func(i int) service.Response { return w.replica(i).Pay(raced, "pm_card_visa", key) }) {
			if resp.Status != http.StatusCreated {
				service.Wants(t, "a copy without Redis", resp, http.StatusConflict, "idempotency-request-in-flight")
			}
		}
	}})
}

func TestF3RedisNeverAnswers(t *testing.T) {
	t.Parallel()
	r := stores.StartRealRedis(t)
	w := open(t, options{redis: r.URL()})
	w.doesWithout("F3", brokenRedis{begin: r.Freeze, end: r.Thaw})
}

func TestF6RedisRefusesCommands(t *testing.T) {
	t.Parallel()
	r := stores.StartRealRedis(t)
	w := open(t, options{redis: r.URL()})
	admin := redisClient(t, r.URL())
	say := func(command ...any) func() {
		return func() {
			if err := admin.Do(context.Background(), command...).Err(); err != nil {
				t.Fatalf("%v: %v", command, err)
			}
		}
	}
	t.Run("full", func(t *testing.T) {
		w.at(t).doesWithout("F6", brokenRedis{begin: say("CONFIG", "SET", "maxmemory", "1"), end: say("CONFIG", "SET", "maxmemory", "0")})
	})
	t.Run("read-only", func(t *testing.T) { // the master that it follows doesn't answer: it serves what it has and takes no writes
		w.at(t).doesWithout("F6", brokenRedis{begin: say("REPLICAOF", "127.0.0.1", "1"), end: say("REPLICAOF", "NO", "ONE")})
	})
	t.Run("evicting", func(t *testing.T) {
		say("CONFIG", "SET", "maxmemory-policy", "allkeys-lru")()
		w.at(t).doesWithout("F6", brokenRedis{
			answers: true, begin: func() { w.evict(admin) }, end: say("CONFIG", "SET", "maxmemory", "0"),
			happened: func() float64 { return info(t, admin, "evicted_keys") },
		})
	})
}

func TestF6RedisIsLoading(t *testing.T) {
	t.Parallel()
	w := open(t, options{redis: loadingRedis(t), otherRedis: stores.Redis(t)})
	w.doesWithout("F6", brokenRedis{begin: func() {}})
}

// brokenRedis is a fault of Redis that lasts.
type brokenRedis struct {
	begin, end   func() // without an end nothing is asked afterwards
	whileItLasts func()
	answers      bool           // it does what it is told, after all
	happened     func() float64 // grows with each time that Redis failed; nil: by the service's own count
}

// doesWithout makes Redis fail when an outcome is to be published, and then under traffic: answers are normal and in time.
func (w *world) doesWithout(fault string, broken brokenRedis) {
	t := w.t
	t.Helper()
	if broken.happened == nil {
		broken.happened = func() float64 { return redisFailures(t, w.harmed) }
	}
	complaints := complaintsIn(w.harmed.Log())
	w.warm()
	var usual []service.Response
	for range 5 {
		usual = append(usual, w.payAndReplay(t)...)
	}
	publishing := w.hold(place{at: s9, name: "its outcome is to be published", hold: announced(idempotency.StepCommitted)}, aPayment)
	before := broken.happened()
	broken.begin()
	in(t, fault, s9, func(c *cell) {
		began := time.Now()
		w.release()
		w.collect([]*held{publishing})
		service.Wants(c.T, "published without Redis", publishing.first, http.StatusCreated, "")
		if took := time.Since(began); took > 10*time.Second { // 25 ms on a quiet machine
			c.Errorf("the answer left after %s", took)
		}
		service.Until(c.T, "Redis has failed", func() bool { return broken.happened() > before })
		c.hit()
	})
	in(t, fault, s2, func(c *cell) {
		before := broken.happened()
		var answers []service.Response
		for i := 0; i < 10 || (i < 200 && broken.happened() <= before); i++ {
			answers = append(answers, w.payAndReplay(c.T)...)
		}
		w.prompt(c.T, usual, answers)
		if broken.happened() <= before {
			c.Error("Redis did not fail")
		}
		if away := metric(c.T, w.harmed, "payonce_redis_away"); away != 1 && !broken.answers {
			c.Error("Redis is still asked")
		}
		c.hit()
	})
	if broken.whileItLasts != nil {
		broken.whileItLasts()
	}
	if n := complaintsIn(w.harmed.Log()) - complaints; n > 6 {
		t.Errorf("%d complaints about Redis in the log: one for each change, not for each request", n)
	}
	if broken.end == nil {
		return
	}
	broken.end()
	service.Until(t, "Redis is used again", func() bool {
		w.payAndReplay(t)
		return metric(t, w.harmed, "payonce_redis_away") == 0
	})
}

// payAndReplay makes an order and pays it at the harmed service, and asks again at the other, which has not seen it.
func (w *world) payAndReplay(t *testing.T) []service.Response {
	t.Helper()
	made := w.client.Post("/v1/orders", newKey(), service.OrderBody)
	service.Wants(t, "an order without Redis", made, http.StatusCreated, "")
	key := newKey()
	paid := w.client.Pay(made.Field("id"), "pm_card_visa", key)
	service.Wants(t, "a payment without Redis", paid, http.StatusCreated, "")
	again := service.Insist(t, "it replays", func() service.Response { return w.pay(made.Field("id"), "pm_card_visa", key) })
	if !again.Replayed() || !again.Same(paid) {
		t.Errorf("replay: %s", again)
	}
	for _, resp := range []service.Response{made, paid, again} {
		for _, word := range []string{"OOM", "READONLY", "LOADING", "redis", "Redis"} {
			if strings.Contains(string(resp.Body), word) {
				t.Errorf("Redis shows through: %s", resp)
			}
		}
	}
	return []service.Response{made, paid}
}

// prompt fails when answers were later than usual: the slowest beyond all reason, or so many that it can't be a busy machine,
// which may have a bad moment, but not five.
func (w *world) prompt(t *testing.T, usual, answers []service.Response) {
	t.Helper()
	before, _ := times(usual)
	for try := 0; ; try++ {
		middle, last := times(answers)
		if last > 10*time.Second {
			t.Errorf("the slowest answer took %s; usual are %s", last, before)
		}
		if middle <= 2*before+100*time.Millisecond {
			return
		}
		if try == 4 {
			t.Errorf("half of the answers took more than %s; usual are %s", middle, before)
			return
		}
		answers = nil
		for range 10 {
			answers = append(answers, w.payAndReplay(t)...)
		}
	}
}

func times(answers []service.Response) (middle, last time.Duration) {
	var took []time.Duration
	for _, resp := range answers {
		took = append(took, resp.Took)
	}
	slices.Sort(took)
	return took[len(took)/2], took[len(took)-1]
}

// evict fills Redis and takes room from it, so that whatever comes drives something out.
func (w *world) evict(admin *redis.Client) {
	ctx := context.Background()
	pipe := admin.Pipeline()
	for range 2000 {
		pipe.Set(ctx, newKey(), strings.Repeat("x", 100), 0)
	}
	if _, err := pipe.Exec(ctx); err != nil {
		w.t.Fatal(err)
	}
	room := strconv.Itoa(int(info(w.t, admin, "used_memory")) - 100<<10)
	if err := admin.ConfigSet(ctx, "maxmemory", room).Err(); err != nil {
		w.t.Fatal(err)
	}
}

// info reads one number of what Redis says about itself.
func info(t *testing.T, admin *redis.Client, name string) float64 {
	t.Helper()
	text, err := admin.Info(context.Background(), "memory", "stats").Result()
	if err != nil {
		t.Fatal(err)
	}
	return series(t, strings.ReplaceAll(text, "\r", ""), name+":")
}

// complaintsIn counts a log's lines about Redis.
func complaintsIn(log string) (n int) {
	for line := range strings.SplitSeq(strings.ToLower(log), "\n") {
		if strings.Contains(line, "redis") && (strings.Contains(line, `"warn"`) || strings.Contains(line, `"error"`)) {
			n++
		}
	}
	return n
}

// redisFailures is how often Redis failed, of whatever kind.
func redisFailures(t *testing.T, s *service.Service) float64 {
	t.Helper()
	return series(t, s.Metrics(), "payonce_redis_failures_total{")
}

func metric(t *testing.T, s *service.Service, name string) float64 {
	t.Helper()
	return series(t, s.Metrics(), name+" ")
}

// series is the sum over all lines that begin so.
func series(t *testing.T, text, prefix string) (sum float64) {
	t.Helper()
	for line := range strings.SplitSeq(text, "\n") {
		if !strings.HasPrefix(line, prefix) {
			continue
		}
		n, err := strconv.ParseFloat(line[strings.LastIndexAny(line, " :")+1:], 64)
		if err != nil {
			t.Fatal(err)
		}
		sum += n
	}
	return sum
}
