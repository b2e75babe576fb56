package main

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/payonce/payonce/test/proxy"
	"github.com/payonce/payonce/test/stores"
)

// metered are two replicas whose every word to the stores is counted.
type metered struct {
	first, second *api
	postgres      *proxy.Postgres
	redis         *proxy.Redis
	flush         func()
	idle          float64 // round trips to Postgres per second without requests
}

func startMetered(t *testing.T) *metered {
	t.Helper()
	redisURL := stores.Redis(t)
	options, err := redis.ParseURL(redisURL)
	if err != nil {
		t.Fatal(err)
	}
	m := &metered{}
	// Not the test's context: the services, which end after it does, still speak through them.
	if m.postgres, err = proxy.NewPostgres(context.Background(), stores.Database(t)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(m.postgres.Close)
	if m.redis, err = proxy.NewRedis(context.Background(), redisURL); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(m.redis.Close)
	client := redis.NewClient(options)
	t.Cleanup(func() { _ = client.Close() })
	m.flush = func() {
		if err := client.FlushDB(t.Context()).Err(); err != nil {
			t.Error(err)
		}
	}
	settings := map[string]string{
		"DATABASE_URL": m.postgres.URL(), "REDIS_URL": m.redis.URL(),
		"RECOVERY_INTERVAL": "5m", "CLEANUP_INTERVAL": "1h",
	}
	m.first, m.second = startService(t, settings), startService(t, settings)
	m.second.key = m.first.key
	return m
}

// times is over how many requests a path is counted.
const times = 60

// measureIdle counts what the monitors and the jobs ask of Postgres in a while without requests.
func (m *metered) measureIdle() {
	before, began := m.postgres.Trips(), time.Now()
	<-time.After(3 * time.Second)
	m.idle = float64(m.postgres.Trips()-before) / time.Since(began).Seconds()
}

// of measures round trips per request, without those that are made in so much time anyway.
func (m *metered) of(request func(i int)) (postgres, redis float64) {
	before, began := [2]int64{m.postgres.Trips(), m.redis.Trips()}, time.Now()
	for i := range times {
		request(i)
	}
	idle := m.idle * time.Since(began).Seconds()
	return (float64(m.postgres.Trips()-before[0]) - idle) / times, float64(m.redis.Trips()-before[1]) / times
}

// TestTheBudgetOfRoundTripsIsKept counts what each path costs. Publishing an outcome, and rolling a transaction back that
// found its key taken, are round trips as well, but no answer waits for the second; so they are counted and named here.
func TestTheBudgetOfRoundTripsIsKept(t *testing.T) {
	t.Parallel()
	var exceeded []string
	for range 3 { // look-ups that a slow machine answers too late, one after another, keep a replica from Redis for a while
		if exceeded = startMetered(t).exceeded(t); exceeded == nil {
			return
		}
	}
	t.Error(strings.Join(exceeded, "\n"))
}

// exceeded sends requests over each path, and says which of them cost more than their budget.
func (m *metered) exceeded(t *testing.T) (all []string) {
	t.Helper()
	orders, payments, spare := make([]string, times), make([]string, times), make([]string, times)
	order := func(s *api, key string) answer {
		return s.do(t, call{method: "POST", path: "/v1/orders", key: key, body: goodOrder})
	}
	cancel := func(order, key string) {
		m.first.do(t, call{method: "POST", path: "/v1/orders/" + order + "/cancel", key: key})
	}
	for i := range 20 { // statements are prepared once a connection
		orders[i] = order(m.first, fmt.Sprint("warm", i)).text(t, "id")
		m.first.pay(t, fmt.Sprint("warm-declined", i), orders[i], "pm_card_chargeDeclined")
		payments[i] = m.first.pay(t, fmt.Sprint("warm-pay", i), orders[i], "pm_card_visa").text(t, "id")
		m.first.do(t, call{method: "GET", path: "/v1/payments/" + payments[i]})
		m.flush()
		order(m.second, fmt.Sprint("warm", i))
		cancel(order(m.first, fmt.Sprint("warm-again", i)).text(t, "id"), fmt.Sprint("warm-cancel", i))
	}
	for i := range spare {
		spare[i] = order(m.first, fmt.Sprint("spare", i)).text(t, "id")
	}
	held := make([]string, times)
	later := func(what, key, payment, body string) {
		if got := m.first.do(t, call{method: "POST", path: "/v1/payments/" + payment + "/" + what, key: key, body: body}); got.status >= 300 {
			t.Fatalf("%s: got %d %s", what, got.status, got.body)
		}
	}
	for i := range held {
		order := order(m.first, fmt.Sprint("to-hold", i)).text(t, "id")
		held[i] = m.first.do(t, call{
			method: "POST", path: "/v1/payments", key: fmt.Sprint("hold", i),
			body: `{"order_id":"` + order + `","payment_method":"pm_card_visa","capture_method":"manual"}`,
		}).text(t, "id")
	}
	m.measureIdle()
	for _, path := range []struct {
		name            string
		postgres, redis float64
		request         func(i int)
	}{
		{"first order: look-up and commit in one; gate, publish", 1, 2, func(i int) { orders[i] = order(m.first, fmt.Sprint("o", i)).text(t, "id") }},
		{"first payment, declined: T1 in two, T2 in one; gate, publish", 3, 2, func(i int) {
			m.first.pay(t, fmt.Sprint("d", i), orders[i], "pm_card_chargeDeclined")
		}},
		{"first payment: T1 in two, T2 in one; gate, publish", 3, 2, func(i int) {
			payments[i] = m.first.pay(t, fmt.Sprint("p", i), orders[i], "pm_card_visa").text(t, "id")
		}},
		{"first capture: T1 in two, T2 in two, for it reads under locks; gate, publish", 4, 2, func(i int) {
			later("capture", fmt.Sprint("cap", i), held[i], `{"amount":100,"final":false}`)
		}},
		{"first void: T1 in two, T2 in two; gate, publish", 4, 2, func(i int) { later("cancel", fmt.Sprint("void", i), held[i], "") }},
		{"first refund: T1 in two, T2 in two; gate, publish", 4, 2, func(i int) {
			later("refunds", fmt.Sprint("ref", i), payments[i], `{"amount":100}`)
		}},
		{"replay of a refund from memory", 0, 0, func(i int) { later("refunds", fmt.Sprint("ref", i), payments[i], `{"amount":100}`) }},
		{"replay of a capture from Redis: gate", 0, 1, func(i int) {
			m.second.do(t, call{method: "POST", path: "/v1/payments/" + held[i] + "/capture", key: fmt.Sprint("cap", i), body: `{"amount":100,"final":false}`})
		}},
		{"replay from memory", 0, 0, func(i int) { m.first.pay(t, fmt.Sprint("p", i), orders[i], "pm_card_visa") }},
		{"key of another request, known from memory", 0, 0, func(i int) { m.first.pay(t, fmt.Sprint("p", i), orders[i], "pm_other") }},
		{"replay from Redis: gate", 0, 1, func(i int) { m.second.pay(t, fmt.Sprint("p", i), orders[i], "pm_card_visa") }},
		{"replay from Postgres: look-up, rollback behind the answer; gate, publish", 2, 2, func(i int) {
			m.flush()
			order(m.second, fmt.Sprint("o", i))
		}},
		{"refused by the order's state: T1's look-up, rollback, what stands in the way; gate, hint removed", 3, 2, func(i int) {
			m.first.pay(t, fmt.Sprint("again", i), orders[i], "pm_card_visa")
		}},
		{"refused by its route's rules: gate, look-up; no hint", 1, 1, func(i int) {
			m.first.do(t, call{method: "POST", path: "/v1/orders", key: fmt.Sprint("wrong", i), body: `{"amount":0,"currency":"EUR"}`})
		}},
		{"a resource is read", 1, 0, func(i int) { m.first.do(t, call{method: "GET", path: "/v1/payments/" + payments[i]}) }},
		{"first cancel of an order: look-up, commit; gate, publish", 2, 2, func(i int) { cancel(spare[i], fmt.Sprint("c", i)) }},
	} {
		postgres, redis := m.of(path.request)
		t.Logf("%-100s Postgres %.2f, Redis %.2f", path.name, postgres, redis)
		if postgres > path.postgres+0.5 || redis > path.redis+0.5 {
			all = append(all, fmt.Sprintf("%s: %.2f round trips to Postgres and %.2f to Redis, the budget is %.0f and %.0f",
				path.name, postgres, redis, path.postgres, path.redis))
		}
		if path.postgres+path.redis > 0 && postgres+redis < 0.5 {
			all = append(all, path.name+": nothing was counted")
		}
	}
	return all
}
