package e2e

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/payonce/payonce/test/service"
	"github.com/payonce/payonce/test/stores"
)

// payTwice pays an order and asks again; both answers must be normal ones.
func (s *shop) payTwice(c *service.Client, key string) []service.Response {
	s.t.Helper()
	order := s.order(c, "order-"+key)
	first := s.payAt(c, order.Field("id"), "pm_card_visa", key)
	wants(s.t, "payment "+key, first, http.StatusCreated, "")
	again := s.insist("a left-over hint ends", func() service.Response { return s.payAt(c, order.Field("id"), "pm_card_visa", key) })
	if again.Status != http.StatusCreated || !again.Replayed() {
		s.t.Errorf("replay of %s: %s", key, again)
	}
	return []service.Response{order, first, again}
}

// prompt fails when answers were late: the slowest beyond all reason, or so many that it can't be a busy machine.
func prompt(t *testing.T, what string, answers []service.Response) {
	t.Helper()
	var took []time.Duration
	for _, resp := range answers {
		took = append(took, resp.Took)
	}
	slices.Sort(took)
	if middle, last := took[len(took)/2], took[len(took)-1]; middle > 150*time.Millisecond || last > 2*time.Second {
		t.Errorf("%s: half of the answers took more than %s, the slowest %s", what, middle, last)
	}
}

func TestPaymentsWorkWithRedisDownFromTheStart(t *testing.T) {
	t.Parallel()
	r := stores.StartRealRedis(t)
	r.Stop()
	s := open(t, service.Options{RedisURL: r.URL()})
	other := s.At(s.service.Replica(nil))
	var answers []service.Response
	for i := range 10 {
		answers = append(answers, s.payTwice(s.Client, fmt.Sprint("down-", i))...)
	}
	prompt(t, "without Redis", answers)
	order := s.CreateOrder()
	raced := copies(30, func(i int) service.Response {
		return s.payAt([]*service.Client{s.Client, other}[i%2], order, "pm_card_visa", "raced")
	})
	if count := statuses(raced); count[201] < 1 || count[201]+count[409] != 30 {
		t.Errorf("statuses %v, want 201 and 409 only", count)
	}
	if n := complaints(s.service.Log()); n > 12 {
		t.Errorf("%d complaints about Redis in the log: one for each change, not for each request", n)
	}
	r.Start()
	service.Until(t, "Redis is used again", func() bool {
		s.payTwice(s.Client, "back-"+rand.Text())
		return s.service.Metric("payonce_redis_away") == 0
	})
	s.check()
}

// complaints counts a log's lines about Redis.
func complaints(log string) (n int) {
	for line := range strings.SplitSeq(strings.ToLower(log), "\n") {
		if strings.Contains(line, "redis") && (strings.Contains(line, `"warn"`) || strings.Contains(line, `"error"`)) {
			n++
		}
	}
	return n
}

func TestRedisStoppedFlushedAndFrozenUnderTrafficIsNotNoticed(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]struct{ begin, end func(*stores.RealRedis) }{
		"stopped": {(*stores.RealRedis).Stop, (*stores.RealRedis).Start},
		"frozen":  {(*stores.RealRedis).Freeze, (*stores.RealRedis).Thaw},
		"flushed": {flush, flush},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := stores.StartRealRedis(t)
			s := open(t, service.Options{RedisURL: r.URL()})
			other := s.At(s.service.Replica(nil))
			traffic := func(phase string) []service.Response {
				all := make([][]service.Response, 40)
				flow(4, len(all)/4, func(i int) service.Response {
					all[i] = s.payTwice([]*service.Client{s.Client, other}[i%2], fmt.Sprint(phase, "-", i))
					return service.Response{}
				})
				return slices.Concat(all...)
			}
			traffic("before")
			background := make(chan []service.Response)
			go func() { background <- traffic("into") }()
			fault.begin(r)
			prompt(t, "during the fault", slices.Concat(<-background, traffic("during")))
			for key, first := range s.outcomes() { // each at the replica that has not seen it
				if strings.HasPrefix(key, "before-") {
					s.replays(other, key, first)
				}
			}
			fault.end(r)
			traffic("after")
			service.Until(t, "Redis is used again", func() bool {
				s.payTwice(s.Client, "back-"+rand.Text())
				return s.service.Metric("payonce_redis_away") == 0
			})
			s.check()
		})
	}
}

// replays sends a payment again, as the client would that has lost the answer.
func (s *shop) replays(c *service.Client, key string, first service.Response) {
	s.t.Helper()
	again := s.insist("the key replays", func() service.Response {
		return s.payAt(c, first.Field("order_id"), "pm_card_visa", key)
	})
	if !again.Replayed() || !again.Same(first) {
		s.t.Errorf("replay of %s: %s", key, again)
	}
}

func flush(r *stores.RealRedis) {
	c := redisClient(r.URL())
	defer func() { _ = c.Close() }()
	_ = c.FlushAll(context.Background()).Err()
}

func redisClient(url string) *redis.Client {
	options, err := redis.ParseURL(url)
	if err != nil {
		panic(err) // the stores' own URL
	}
	return redis.NewClient(options)
}

// A Redis that hands out something else than what was put in: nothing of it is served.
func TestALyingRedisIsNotBelieved(t *testing.T) {
	t.Parallel()
	r := stores.StartRealRedis(t)
	s := open(t, service.Options{RedisURL: r.URL()})
	reader := s.service.Replica(nil) // its own memory holds nothing of what is asked
	mine, theirs := s.Client, s.service.NewMerchant().Recorded(s.record)
	c := redisClient(r.URL())
	t.Cleanup(func() { _ = c.Close() })
	for name, lie := range map[string]func(values [2][]byte) [2][]byte{
		"swapped":   func(v [2][]byte) [2][]byte { return [2][]byte{v[1], v[0]} },
		"truncated": func(v [2][]byte) [2][]byte { return [2][]byte{v[0][:len(v[0])/2], v[1][:len(v[1])-1]} },
		"changed":   func(v [2][]byte) [2][]byte { return [2][]byte{flipped(v[0]), flipped(v[1])} },
		"random":    func(v [2][]byte) [2][]byte { return [2][]byte{[]byte(rand.Text()), {}} },
		"lengthened": func(v [2][]byte) [2][]byte {
			return [2][]byte{slices.Concat(v[0], v[0]), slices.Concat(v[1], []byte{0})}
		},
	} {
		t.Run(name, func(t *testing.T) {
			orders, clients := [2]string{mine.CreateOrder(), theirs.CreateOrder()}, [2]*service.Client{mine, theirs}
			if err := c.FlushAll(t.Context()).Err(); err != nil {
				t.Fatal(err)
			}
			var firsts [2]service.Response
			for i, client := range clients {
				firsts[i] = s.payAt(client, orders[i], "pm_card_visa", "lie-"+name)
				wants(t, "payment", firsts[i], http.StatusCreated, "")
			}
			tamper(t, c, lie)
			bad := badValues(t, reader)
			for i, client := range clients {
				again := s.payAt(client.At(reader), orders[i], "pm_card_visa", "lie-"+name)
				if !again.Replayed() || !again.Same(firsts[i]) {
					t.Errorf("replay: %s", again)
				}
			}
			if n := badValues(t, reader) - bad; n != 2 {
				t.Errorf("%v bad values were counted, want 2", n)
			}
		})
	}
	s.check()
}

func flipped(value []byte) []byte {
	changed := bytes.Clone(value)
	changed[len(changed)/2] ^= 1
	return changed
}

// tamper replaces the two stored outcomes by what lie makes of them.
func tamper(t *testing.T, c *redis.Client, lie func([2][]byte) [2][]byte) {
	t.Helper()
	var names []string
	service.Until(t, "both outcomes are published", func() bool {
		var err error
		if names, err = c.Keys(t.Context(), "idem:*").Result(); err != nil {
			t.Fatal(err)
		}
		return len(names) == 2
	})
	var values [2][]byte
	for i, name := range names {
		value, err := c.Get(t.Context(), name).Bytes()
		if err != nil {
			t.Fatal(err)
		}
		values[i] = value
	}
	for i, value := range lie(values) {
		if err := c.Set(t.Context(), names[i], value, redis.KeepTTL).Err(); err != nil {
			t.Fatal(err)
		}
	}
}

func badValues(t *testing.T, s *service.Service) (n float64) {
	t.Helper()
	for _, reason := range []string{"type", "size", "version", "signature", "state", "owner"} {
		n += s.Metric(fmt.Sprintf(`payonce_redis_failures_total{outcome="bad_value:%s"}`, reason))
	}
	return n
}
