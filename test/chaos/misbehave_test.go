package chaos

import (
	"strings"
	"sync"
	"time"

	"github.com/payonce/payonce/test/service"
)

// double sends copies at once, at both replicas.
func (c *client) double(merchant int) {
	order := c.order(merchant)
	if order == "" {
		return
	}
	r := c.payment(merchant, order, c.method())
	var copies sync.WaitGroup
	for i := range 2 + c.rng.IntN(4) {
		copies.Go(func() { c.send(i%replicas, r, patience) })
	}
	copies.Wait()
	c.insist(r)
}

// hangUp goes away in the middle, and comes back.
func (c *client) hangUp(merchant int) {
	r := request{merchant, "/v1/orders", c.key(), service.OrderBody}
	if order := c.order(merchant); order != "" && c.rng.IntN(3) > 0 {
		r = c.payment(merchant, order, "pm_card_visa")
	}
	c.send(c.rng.IntN(replicas), r, time.Duration(1+c.rng.IntN(40))*time.Millisecond)
	c.insist(r)
}

// otherBody uses one key for two requests at once.
func (c *client) otherBody(merchant int) {
	first, second := c.order(merchant), c.order(merchant)
	if first == "" || second == "" {
		return
	}
	r := c.payment(merchant, first, "pm_card_visa")
	other := r
	other.body = service.PaymentBody(second, "pm_card_visa")
	var both sync.WaitGroup
	both.Go(func() { c.send(0, r, patience) })
	both.Go(func() { c.send(1, other, patience) })
	both.Wait()
	c.insist(r)
	c.insist(other)
}

// twoKeys pays one order twice, which no key can catch.
func (c *client) twoKeys(merchant int) {
	order := c.order(merchant)
	if order == "" {
		return
	}
	first, second := c.payment(merchant, order, "pm_card_visa"), c.payment(merchant, order, "pm_card_visa")
	var both sync.WaitGroup
	both.Go(func() { c.send(0, first, patience) })
	both.Go(func() { c.send(1, second, patience) })
	both.Wait()
	c.insist(first)
	c.insist(second)
}

// trespass asks for what belongs to another merchant, under a key that the other one uses, too.
func (c *client) trespass(merchant int) {
	order := c.order(merchant)
	if order == "" {
		return
	}
	r := c.payment(merchant, order, "pm_card_visa")
	c.insist(r)
	thief := (merchant + 1) % merchants
	foreign := r
	foreign.merchant = thief
	c.insist(foreign)
	c.get(thief, "/v1/orders/"+order)
	c.get(thief, "/v1/idempotency-keys/"+r.key)
	if own := c.order(thief); own != "" { // the same key, of one's own
		foreign.body = service.PaymentBody(own, "pm_card_visa")
		c.insist(foreign)
	}
}

// cancel takes an order back while it is paid.
func (c *client) cancel(merchant int) {
	order := c.order(merchant)
	if order == "" {
		return
	}
	payment := c.payment(merchant, order, c.method())
	canceled := request{merchant, "/v1/orders/" + order + "/cancel", c.key(), ""}
	var both sync.WaitGroup
	both.Go(func() { c.send(0, payment, patience) })
	both.Go(func() { c.send(1, canceled, patience) })
	both.Wait()
	c.insist(payment)
	c.insist(canceled)
}

// malformed sends what is no key, and what is no request.
func (c *client) malformed(merchant int) {
	for _, key := range []string{"", `"unterminated`, "with spaces", "ümlaut", strings.Repeat("k", 256)} {
		c.send(c.rng.IntN(replicas), request{merchant, "/v1/orders", key, service.OrderBody}, patience)
	}
	c.insist(request{merchant, "/v1/orders", c.key(), `{"amount":1.0,"currency":"EUR"}`})
}
