package crash

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/payonce/payonce/test/stores"
)

// rounds pays orders while something happens to Redis before, between and after, and checks that clients notice nothing
// but, at most, a slower answer.
func (w *world) rounds(r *replica, n int, before func(i int)) {
	w.t.Helper()
	slow := 0
	for i := range n {
		before(i)
		begin := time.Now()
		order := w.untilOutcome(request{url: r.url + "/v1/orders", key: fmt.Sprint("order", i), body: orderBody}).text("id")
		first := w.untilOutcome(paying(r, fmt.Sprint("pay", i), order, "pm_card_visa"))
		if first.status != 201 {
			w.t.Errorf("round %d: %d %s", i, first.status, first.body)
		}
		if time.Since(begin) > 500*time.Millisecond {
			slow++
		}
		before(i)
		if again := w.untilOutcome(paying(r, fmt.Sprint("pay", i), order, "pm_card_visa")); !again.same(first) {
			w.t.Errorf("round %d: a replay differs: %d %s", i, again.status, again.body)
		}
	}
	if slow > 2 { // until the breaker opens
		w.t.Errorf("%d of %d rounds were slow", slow, n)
	}
	w.converged()
	if charges := len(w.bank.charges()); charges != n {
		w.t.Errorf("%d charges for %d payments", charges, n)
	}
}

func TestRedisMayBeAwayFromTheStart(t *testing.T) {
	t.Parallel()
	w := newWorld(t, map[string]string{"REDIS_URL": "redis://127.0.0.1:1"})
	r := w.replica()
	w.rounds(r, 10, func(int) {})
	if lines := strings.Count(strings.ToLower(r.log.String()), "redis"); lines > 5 {
		t.Errorf("%d lines about Redis in the log", lines)
	}
}

func TestRedisMayStopAndComeBack(t *testing.T) {
	t.Parallel()
	server := stores.StartRealRedis(t)
	w := newWorld(t, map[string]string{"REDIS_URL": server.URL()})
	w.rounds(w.replica(), 9, func(i int) {
		switch i {
		case 3:
			server.Stop()
		case 6:
			server.Start()
		}
	})
}

func TestRedisMayFreeze(t *testing.T) {
	t.Parallel()
	server := stores.StartRealRedis(t)
	w := newWorld(t, map[string]string{"REDIS_URL": server.URL()})
	r := w.replica()
	w.rounds(r, 10, func(i int) {
		switch i {
		case 3:
			server.Freeze()
		case 8:
			server.Thaw()
		}
	})
}

func TestRedisMayForgetBetweenAnyTwoRequests(t *testing.T) {
	t.Parallel()
	server := stores.StartRealRedis(t)
	w := newWorld(t, map[string]string{"REDIS_URL": server.URL()})
	client := openRedis(t, server.URL())
	w.rounds(w.replica(), 10, func(int) {
		if err := client.FlushAll(context.Background()).Err(); err != nil {
			t.Error(err)
		}
	})
}

func openRedis(t *testing.T, url string) *redis.Client {
	t.Helper()
	options, err := redis.ParseURL(url)
	if err != nil {
		t.Fatal(err)
	}
	client := redis.NewClient(options)
	t.Cleanup(func() { _ = client.Close() })
	return client
}

// Two merchants' values are swapped, truncated and replaced: nothing of them is served to anybody.
func TestRedisMayLie(t *testing.T) {
	t.Parallel()
	server := stores.StartRealRedis(t)
	w := newWorld(t, map[string]string{"REDIS_URL": server.URL()})
	maker, reader := w.replica(), w.replica() // the reader has nothing in its memory
	tokens := []string{w.key, w.other}
	first := make([]answer, 2)
	for i, token := range tokens {
		first[i] = w.untilOutcome(request{url: maker.url + "/v1/orders", key: "k", body: orderBody, token: token})
	}
	client := openRedis(t, server.URL())
	keys, err := client.Keys(t.Context(), "idem:*").Result()
	if err != nil || len(keys) != 2 {
		t.Fatalf("values in Redis: %v %v", keys, err)
	}
	values := make([]string, 2)
	for i, key := range keys {
		values[i] = client.Get(t.Context(), key).Val()
	}
	flipped := []byte(values[0])
	flipped[len(flipped)/2] ^= 1
	for name, lie := range map[string][2]string{
		"swapped": {values[1], values[0]}, "truncated": {values[0][:40], values[1][:len(values[1])-1]},
		"flipped": {string(flipped), ""}, "invented": {"{}", "OK"},
	} {
		for i, key := range keys {
			if err := client.Set(t.Context(), key, lie[i], time.Minute).Err(); err != nil {
				t.Fatal(err)
			}
		}
		for i, token := range tokens {
			if again := w.untilOutcome(request{url: reader.url + "/v1/orders", key: "k", body: orderBody, token: token}); !again.same(first[i]) {
				t.Errorf("%s: %d %s, want %s", name, again.status, again.body, first[i].body)
			}
		}
		reader.kill()
		reader.restart()
	}
	if orders := w.text(`SELECT count(*) FROM orders`); orders != "2" {
		t.Errorf("%s orders", orders)
	}
}
