package chaos

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/payonce/payonce/test/service"
)

const (
	patience      = 4 * time.Second // with one request
	remembered    = 5000            // requests that may be sent again much later
	inFlight      = "idempotency-request-in-flight"
	workersAtOnce = 24
)

// traffic is all clients.
type traffic struct {
	w       *world
	pace    <-chan time.Time
	endless context.Context //nolint:containedctx // ends when no client waits for outcomes any more
	closing atomic.Bool     // nothing new is begun
	unheard atomic.Int64    // requests whose client never had an outcome
	keys    atomic.Int64

	mu   sync.Mutex
	past []request // a ring
	next int
}

// request is something that may be sent again.
type request struct {
	merchant        int
	path, key, body string
}

// client is one worker of the traffic.
type client struct {
	*traffic
	rng  *rand.Rand
	name string
	n    int
}

// work lets workers shop until closing is set, and returns when each has its outcomes.
func (c *traffic) work(seed uint64) {
	var group sync.WaitGroup
	for i := range workersAtOnce {
		group.Go(func() {
			worker := &client{traffic: c, rng: rand.New(rand.NewPCG(seed, uint64(100+i))), name: fmt.Sprintf("soak-%d-%d", seed, i)}
			for !c.closing.Load() {
				worker.shop()
			}
		})
	}
	group.Wait()
}

// shop does one thing, well or badly.
func (c *client) shop() {
	merchant := c.rng.IntN(merchants)
	what := c.rng.IntN(100)
	for _, errand := range errands() {
		if what -= errand.often; what < 0 {
			errand.do(c, merchant)
			return
		}
	}
}

// errand is one thing to do.
type errand struct {
	often int // of 100
	do    func(c *client, merchant int)
}

func errands() []errand {
	return []errand{
		{18, func(c *client, merchant int) { c.pay(merchant, "automatic", c.method()) }},
		{14, (*client).hold},
		{11, (*client).refund},
		{10, (*client).giveKeyUp},
		{7, (*client).challenge},
		{2, (*client).expire},
		{7, (*client).double},
		{4, (*client).hangUp},
		{4, (*client).otherBody},
		{3, (*client).twoKeys},
		{2, (*client).trespass},
		{3, (*client).cancel},
		{2, (*client).malformed},
		{10, func(c *client, _ int) { c.again() }},
		{3, (*client).look},
	}
}

func (c *client) method() string {
	methods := []string{
		"pm_card_chargeDeclined", "pm_card_chargeDeclinedInsufficientFunds", challenging, "pm_sim_error_then_ok",
		"pm_sim_reset_charged", "pm_sim_timeout_charged", "pm_sim_timeout_not_charged", "pm_sim_slow_150", "pm_sim_wrong_amount",
	}
	if i := c.rng.IntN(60); i < len(methods) {
		return methods[i]
	}
	return "pm_card_visa"
}

func (c *client) key() string {
	c.n++
	c.keys.Add(1)
	return fmt.Sprintf("%s-%d", c.name, c.n)
}

func (c *client) payment(merchant int, order, method string) request {
	return request{merchant, "/v1/payments", c.key(), service.PaymentBody(order, method)}
}

// order makes one and returns its id, empty when that was refused.
func (c *client) order(merchant int) string {
	body := fmt.Sprintf(`{"amount":%d,"currency":%q,"metadata":{"worker":%q}}`, 100+c.rng.IntN(9900), []string{"EUR", "USD", "JPY"}[c.rng.IntN(3)], c.name)
	return c.insist(request{merchant, "/v1/orders", c.key(), body}).Field("id")
}

// send makes one request at a replica, in its turn.
func (c *client) send(replica int, r request, limit time.Duration, headers ...string) service.Response {
	if !c.closing.Load() {
		<-c.pace
	}
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	return c.w.shoppers[r.merchant][replica].Send(ctx, http.MethodPost, r.path, r.key, r.body, headers...)
}

// insist is how a client should behave: the same request with the same key until there is an answer that is final.
func (c *client) insist(r request) service.Response {
	c.remember(r)
	replica := c.rng.IntN(replicas)
	for {
		var headers []string
		if c.rng.IntN(10) == 0 {
			headers = []string{"Prefer", "wait=1"}
		}
		resp := c.send(replica, r, patience, headers...)
		if final(resp) {
			return resp
		}
		if c.endless.Err() != nil {
			c.unheard.Add(1)
			return resp
		}
		c.w.pause(time.Duration(10+c.rng.IntN(150)) * time.Millisecond) // Retry-After, for those in a hurry
		replica = (replica + c.rng.IntN(replicas)) % replicas
	}
}

func final(resp service.Response) bool {
	switch {
	case resp.Header == nil, resp.Status >= 500, resp.Status == http.StatusTooManyRequests:
		return false
	case resp.Err != nil && len(resp.Body) == 0, !json.Valid(resp.Body): // it was cut off
		return false
	}
	return resp.Code() != inFlight
}

// look reads.
func (c *client) look(merchant int) {
	for _, path := range []string{"/v1/payments?limit=5", "/v1/orders?limit=5", "/v1/balance", "/v1/events?limit=5"} {
		c.get(merchant, path)
	}
}

func (c *client) get(merchant int, path string) {
	if !c.closing.Load() {
		<-c.pace
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	c.w.shoppers[merchant][c.rng.IntN(replicas)].Send(ctx, http.MethodGet, path, "", "")
}

// again sends what was sent long ago, once at each replica.
func (c *client) again() {
	for range 8 {
		if r, ok := c.remind(c.rng.IntN(remembered)); ok {
			c.send(c.rng.IntN(replicas), r, patience)
		}
	}
}

func (c *traffic) remember(r request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.past) < remembered {
		c.past = append(c.past, r)
		return
	}
	c.past[c.next] = r
	c.next = (c.next + 1) % remembered
}

func (c *traffic) remind(i int) (request, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.past) == 0 {
		return request{}, false
	}
	return c.past[i%len(c.past)], true
}
