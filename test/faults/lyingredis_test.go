package faults

import (
	"bytes"
	"context"
	"crypto/rand"
	"net/http"
	"slices"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/payonce/payonce/idempotency"
	"github.com/payonce/payonce/test/proxy"
	"github.com/payonce/payonce/test/service"
	"github.com/payonce/payonce/test/stores"
)

// Redis does as it is told, and its reply is lost: its own hint is never held against a request.
func TestF7RedisDidItAndItsReplyIsLost(t *testing.T) {
	t.Parallel()
	w := open(t, options{})
	w.warm()
	in(t, "F7", s2, func(c *cell) {
		for range 3 {
			service.Until(c.T, "both replies are lost, and no request is held up", func() bool { return w.losesTwoReplies(c) })
			c.hit()
		}
	})
	in(t, "F7", s9, func(c *cell) {
		h := w.hold(place{at: s9, name: "its outcome is to be published", hold: announced(idempotency.StepCommitted)}, aPayment)
		lost := w.toRedis.Arm(proxy.Fault{Kind: proxy.CutReply, Match: "SET idem:"})
		w.harmed.ReleaseStep(idempotency.StepCommitted)
		w.collect([]*held{h})
		service.Wants(c.T, "the payment", h.first, http.StatusCreated, "")
		if again := w.retry(h); !again.Replayed() || !again.Same(h.first) {
			c.Errorf("replay: %s", again)
		}
		service.Until(c.T, "the reply is lost", func() bool { return lost.Hits() == 1 })
		c.hit()
	})
}

// losesTwoReplies tells whether both were lost, and the corrected request was taken at once. On a busy machine a look-up may not be
// sent in time, or the marker of the request before may outlast its answer for a moment.
func (w *world) losesTwoReplies(c *cell) bool {
	c.Helper()
	lost := w.toRedis.Arm(proxy.Fault{Kind: proxy.CutReply, Match: "GET idem:"})
	defer lost.Disarm()
	made := w.client.Post("/v1/orders", newKey(), service.OrderBody)
	service.Wants(c.T, "an order whose hint had no reply", made, http.StatusCreated, "")
	ordered := lost.Hits()
	lost.Disarm()
	paying := w.toRedis.Arm(proxy.Fault{Kind: proxy.CutReply, Match: "GET idem:"})
	defer paying.Disarm()
	key := newKey()
	unknown := w.client.Pay(made.Field("id"), "pm_not_known", key)
	service.Wants(c.T, "a request that spends no key", unknown, http.StatusUnprocessableEntity, "provider-rejected")
	tries := 0
	corrected := service.Insist(c.T, "the request is corrected", func() service.Response {
		tries++
		return w.client.Pay(made.Field("id"), "pm_card_visa", key)
	})
	service.Wants(c.T, "the corrected request", corrected, http.StatusCreated, "")
	return ordered == 1 && paying.Hits() == 1 && tries == 1
}

// On the wire a value becomes another one, or less, or is altered: it is not served, and counted.
func TestF8RedisRepliesAreFalsified(t *testing.T) {
	t.Parallel()
	w := open(t, options{})
	w.warm()
	in(t, "F8", s2, func(c *cell) {
		for _, lie := range []proxy.Kind{proxy.SwapReply, proxy.TruncateReply, proxy.AlterReply} {
			var told *proxy.Armed
			counted := 0.0
			for try := 0; try < 5 && counted == 0; try++ { // a late reply isn't read, and a probe may get the lie instead
				paid, key := w.newOrder(), newKey()
				first := w.pay(paid, "pm_card_visa", key)
				service.Wants(c.T, "the payment", first, http.StatusCreated, "")
				bad := badValues(c.T, w.harmed)
				told = w.toRedis.Arm(proxy.Fault{Kind: lie})
				again := w.client.Pay(paid, "pm_card_visa", key)
				told.Disarm()
				if !again.Replayed() || !again.Same(first) {
					c.Errorf("%s: replay: %s", lie, again)
				}
				counted = badValues(c.T, w.harmed) - bad
			}
			if counted != 1 || told.Hits() != 1 {
				c.Errorf("%s: %d lies, of which %v were counted", lie, told.Hits(), counted)
			}
			c.hit()
		}
	})
}

// A Redis that hands out something else than what was put in: nothing of it is served.
func TestF8ALyingRedisIsNotBelieved(t *testing.T) {
	t.Parallel()
	url := stores.Redis(t)
	w := open(t, options{redis: url})
	mine, theirs := w.other, w.newMerchant()
	admin := redisClient(t, url)
	in(t, "F8", s2, func(c *cell) {
		for name, lie := range lies() {
			clients := [2]*service.Client{mine, theirs}
			orders := [2]string{mine.CreateOrder(), theirs.CreateOrder()}
			if err := admin.FlushAll(t.Context()).Err(); err != nil {
				t.Fatal(err)
			}
			var firsts [2]service.Response
			for i, client := range clients {
				firsts[i] = client.Pay(orders[i], "pm_card_visa", "lie-"+name)
				service.Wants(c.T, "payment", firsts[i], http.StatusCreated, "")
			}
			replay := func(i int) { clients[i].Pay(orders[i], "pm_card_visa", "lie-"+name) }
			counted := 0.0
			for try := range 5 { // a Redis that is too slow to answer on a busy machine is passed by, and not read
				if try > 0 {
					publishAgain(c.T, admin, replay)
				}
				tamper(c.T, admin, lie, replay)
				bad := badValues(c.T, w.harmed)
				for i, client := range clients {
					again := client.At(w.harmed).Pay(orders[i], "pm_card_visa", "lie-"+name)
					if !again.Replayed() || !again.Same(firsts[i]) {
						c.Errorf("%s: replay: %s", name, again)
					}
				}
				if counted = badValues(c.T, w.harmed) - bad; counted >= 2 {
					break
				}
			}
			c.hit()
			if counted != 2 {
				c.Errorf("%s: %v bad values were counted, want 2", name, counted)
			}
		}
	})
}

// lies change what Redis holds of two merchants' payments.
func lies() map[string]func([2][]byte) [2][]byte {
	return map[string]func([2][]byte) [2][]byte{
		"another-merchants": func(v [2][]byte) [2][]byte { return [2][]byte{v[1], v[0]} },
		"truncated":         func(v [2][]byte) [2][]byte { return [2][]byte{v[0][:len(v[0])/2], v[1][:len(v[1])-1]} },
		"altered":           func(v [2][]byte) [2][]byte { return [2][]byte{altered(v[0], len(v[0])/2), altered(v[1], len(v[1])/2)} },
		"old-version":       func(v [2][]byte) [2][]byte { return [2][]byte{altered(v[0], 0), altered(v[1], 0)} },
		"random":            func([2][]byte) [2][]byte { return [2][]byte{[]byte(rand.Text()), {}} },
		"lengthened": func(v [2][]byte) [2][]byte {
			return [2][]byte{slices.Concat(v[0], v[0]), slices.Concat(v[1], []byte{0})}
		},
	}
}

// altered has one bit of one byte changed.
func altered(value []byte, at int) []byte {
	value = bytes.Clone(value)
	value[at] ^= 1
	return value
}

// publishAgain lets two replays bring their outcomes back into an empty Redis.
func publishAgain(t *testing.T, admin *redis.Client, replay func(i int)) {
	t.Helper()
	if err := admin.FlushAll(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	replay(0)
	replay(1)
}

// tamper replaces the two stored outcomes by what lie makes of them. An order's outcome may be published after Redis was emptied; then
// it is emptied once more.
func tamper(t *testing.T, admin *redis.Client, lie func([2][]byte) [2][]byte, replay func(i int)) {
	t.Helper()
	ctx := context.Background()
	var names []string
	service.Until(t, "both outcomes are published", func() bool {
		var err error
		if names, err = admin.Keys(ctx, "idem:*").Result(); err != nil {
			t.Fatal(err)
		}
		if len(names) > 2 {
			publishAgain(t, admin, replay)
		}
		return len(names) == 2
	})
	var values [2][]byte
	for i, name := range names {
		value, err := admin.Get(ctx, name).Bytes()
		if err != nil {
			t.Fatal(err)
		}
		values[i] = value
	}
	for i, value := range lie(values) {
		if err := admin.Set(ctx, names[i], value, redis.KeepTTL).Err(); err != nil {
			t.Fatal(err)
		}
	}
}

// badValues is how many values were refused for what they were.
func badValues(t *testing.T, s *service.Service) float64 {
	t.Helper()
	return series(t, s.Metrics(), `payonce_redis_failures_total{outcome="bad_value:`)
}
