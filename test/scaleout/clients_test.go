package scaleout

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"

	"github.com/payonce/payonce/test/service"
)

// request is something that may be sent again.
type request struct{ path, key, body string }

// purchase is an order and what was asked on it, in that order: all of it can be asked again.
type purchase struct {
	merchant int
	requests []request
	payment  string // its id
	at       time.Time
}

// client is one worker.
type client struct {
	*shop
	rng    *rand.Rand
	pace   <-chan time.Time
	giveUp context.Context //nolint:containedctx // ends when no client waits for outcomes any more
}

// buyUntil lets workers buy until stop is closed. The channel that it returns is closed when each has its outcomes.
func (s *shop) buyUntil(stop <-chan struct{}) <-chan struct{} {
	ticker := time.NewTicker(time.Second / time.Duration(wanted.rate))
	giveUp, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	var group sync.WaitGroup
	for i := range workers {
		group.Go(func() {
			c := &client{shop: s, rng: rand.New(rand.NewPCG(1, uint64(i))), pace: ticker.C, giveUp: giveUp}
			for {
				select {
				case <-stop:
					return
				default:
					c.buy()
				}
			}
		})
	}
	go func() {
		<-stop
		timer := time.AfterFunc(time.Minute, cancel)
		group.Wait()
		timer.Stop()
		cancel()
		ticker.Stop()
		close(done)
	}()
	return done
}

// buy makes an order, pays it, and at times takes the money in parts or gives some back.
func (c *client) buy() {
	p := purchase{merchant: c.rng.IntN(merchants), at: time.Now()}
	ask := func(path, body string) service.Response {
		r := request{path, c.key(), body}
		p.requests = append(p.requests, r)
		return c.insist(p.merchant, r)
	}
	order := ask("/v1/orders", fmt.Sprintf(`{"amount":%d,"currency":"EUR"}`, 100+c.rng.IntN(9900))).Field("id")
	if order == "" {
		return
	}
	method := "automatic"
	if c.rng.IntN(4) == 0 {
		method = "manual"
	}
	paid := ask("/v1/payments", fmt.Sprintf(`{"order_id":%q,"payment_method":"pm_card_visa","capture_method":%q}`, order, method))
	if p.payment = paid.Field("id"); p.payment == "" || paid.Status >= 300 {
		return
	}
	if method == "manual" {
		ask("/v1/payments/"+p.payment+"/capture", `{"amount":60,"final":true}`)
	}
	if c.rng.IntN(3) == 0 {
		ask("/v1/payments/"+p.payment+"/refunds", `{"amount":10}`)
	}
	if c.rng.IntN(4) == 0 {
		c.send(p.merchant, c.replica(), p.requests[len(p.requests)-1]) // a copy, long after
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.bought = append(c.bought, p)
}

func (c *client) replica() int { return c.rng.IntN(len(c.replicas)) }

func (s *shop) send(merchant, replica int, r request) service.Response {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	return s.clients[merchant][replica].Send(ctx, http.MethodPost, r.path, r.key, r.body)
}

// insist sends a request until its answer is final, and at times a copy of it to another replica at the same moment.
func (c *client) insist(merchant int, r request) service.Response {
	if c.rng.IntN(6) == 0 {
		replica := c.replica()
		copied := make(chan struct{})
		go func() { defer close(copied); c.send(merchant, replica, r) }()
		defer func() { <-copied }()
	}
	for {
		<-c.pace
		resp := c.send(merchant, c.replica(), r)
		if final(resp) {
			return resp
		}
		if c.giveUp.Err() != nil {
			c.unheard.Add(1)
			return resp
		}
		pause(time.Duration(20+c.rng.IntN(100)) * time.Millisecond)
	}
}

func final(resp service.Response) bool {
	switch {
	case resp.Header == nil, resp.Status >= 500, resp.Status == http.StatusTooManyRequests, !json.Valid(resp.Body):
		return false
	}
	return resp.Code() != "idempotency-request-in-flight"
}
