package chaos

import (
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/payonce/payonce/test/service"
)

const (
	actionTimeout = 3 * time.Second
	challenging   = "pm_card_authenticationRequired"
)

// pay makes an order and pays it, and returns the payment and its key; no payment when it was declined.
func (c *client) pay(merchant int, captureMethod, method string) (payment string, r request) {
	order := c.order(merchant)
	if order == "" {
		return "", r
	}
	r = request{merchant, "/v1/payments", c.key(), fmt.Sprintf(`{"order_id":%q,"payment_method":%q,"capture_method":%q}`, order, method, captureMethod)}
	resp := c.ask(r)
	if resp.Status != http.StatusCreated && resp.Status != http.StatusAccepted {
		return "", r
	}
	return resp.Field("id"), r
}

// ask is insist, and at times sends copies before, or hangs up.
func (c *client) ask(r request) service.Response {
	switch c.rng.IntN(8) {
	case 0:
		c.atOnce(r, r, r)
	case 1:
		c.send(c.rng.IntN(replicas), r, time.Duration(1+c.rng.IntN(40))*time.Millisecond)
	}
	return c.insist(r)
}

// atOnce sends requests at the same moment, in turn to each replica, and takes no notice of the answers.
func (c *client) atOnce(requests ...request) {
	var group sync.WaitGroup
	for i, r := range requests {
		group.Go(func() { c.send(i%replicas, r, patience) })
	}
	group.Wait()
}

// insistOn sends requests at once, and then each until it has its answer.
func (c *client) insistOn(requests ...request) {
	c.atOnce(requests...)
	for _, r := range requests {
		c.insist(r)
	}
}

func (c *client) onPayment(merchant int, payment, what, body string) request {
	return request{merchant, "/v1/payments/" + payment + what, c.key(), body}
}

func (c *client) giveUp(r request) request {
	return request{r.merchant, "/v1/idempotency-keys/" + r.key + "/cancel", c.key(), ""}
}

// troubles is a payment method of which an operation goes wrong later, at times, and is done in the end.
func (c *client) troubles(operation string) string { return c.later(operation, troubles()) }

// fails is troubles, and at times the provider refuses the operation, each time.
func (c *client) fails(operation string) string {
	faults := append(troubles(), "declined")
	if operation == "refund" {
		faults = append(faults, "pending_then_succeeded_300", "pending_then_failed_300")
	}
	return c.later(operation, faults)
}

func troubles() []string {
	return []string{"timeout_done", "timeout_not_done", "error_then_ok", "reset_done", "slow_150"}
}

func (c *client) later(operation string, faults []string) string {
	if i := c.rng.IntN(5 * len(faults)); i < len(faults) {
		return "pm_sim_" + operation + "_" + faults[i]
	}
	return "pm_card_visa"
}

// hold holds money, takes it in parts, and lets the rest go.
func (c *client) hold(merchant int) {
	method := c.fails("capture")
	if c.rng.IntN(2) == 0 {
		method = c.troubles("cancel") // a cancellation that is declined is no clear answer: it waits for a person
	}
	payment, _ := c.pay(merchant, "manual", method)
	if payment == "" {
		return
	}
	capture := func(body string) request { return c.onPayment(merchant, payment, "/capture", body) }
	void := c.onPayment(merchant, payment, "/cancel", "")
	for range c.rng.IntN(3) {
		c.ask(capture(fmt.Sprintf(`{"amount":%d,"final":false}`, 1+c.rng.IntN(60))))
	}
	switch c.rng.IntN(6) {
	case 0:
		c.ask(capture("")) // all that is left
	case 1:
		c.ask(capture(fmt.Sprintf(`{"amount":%d}`, 1+c.rng.IntN(100))))
	case 2:
		c.ask(void)
	case 3:
		c.insistOn(capture(`{"final":true}`), void)
	case 4:
		c.insistOn(capture(`{"amount":30,"final":false}`), capture(`{"amount":30,"final":false}`), capture(""))
	}
	if c.rng.IntN(3) == 0 {
		c.ask(c.onPayment(merchant, payment, "/refunds", `{"amount":10}`))
	}
}

// refund gives money back, several times at once and more than there is.
func (c *client) refund(merchant int) {
	payment, _ := c.pay(merchant, "automatic", c.fails("refund"))
	if payment == "" {
		return
	}
	var requests []request
	for range 1 + c.rng.IntN(4) {
		body := ""
		if c.rng.IntN(4) > 0 {
			body = fmt.Sprintf(`{"amount":%d,"reason":"chaos"}`, 20+c.rng.IntN(100))
		}
		requests = append(requests, c.onPayment(merchant, payment, "/refunds", body))
	}
	c.insistOn(requests...)
}

// giveKeyUp gives up on what never arrived, on what runs, and on what is done.
func (c *client) giveKeyUp(merchant int) {
	switch c.rng.IntN(5) {
	case 0: // it arrives later
		if order := c.order(merchant); order != "" {
			late := c.payment(merchant, order, "pm_card_visa")
			c.insist(c.giveUp(late))
			c.insist(late)
		}
	case 1: // it runs
		if order := c.order(merchant); order != "" {
			running := c.payment(merchant, order, c.method())
			c.insistOn(running, c.giveUp(running))
		}
	case 2: // it is done, and twice given up
		if payment, done := c.pay(merchant, "automatic", c.troubles("refund")); payment != "" {
			c.insistOn(c.giveUp(done), c.giveUp(done))
		}
	case 3: // it holds money, of which a part was taken
		payment, done := c.pay(merchant, "manual", c.troubles("cancel"))
		if payment == "" {
			return
		}
		if c.rng.IntN(2) == 0 {
			c.ask(c.onPayment(merchant, payment, "/capture", `{"amount":40,"final":false}`))
		}
		c.ask(c.giveUp(done))
	default: // an order
		made := request{merchant, "/v1/orders", c.key(), service.OrderBody}
		if c.rng.IntN(2) == 0 {
			c.ask(made)
		}
		c.insistOn(made, c.giveUp(made))
	}
}

// challenge pays with a card whose customer is asked, and who approves, declines, or leaves.
func (c *client) challenge(merchant int) {
	order := c.order(merchant)
	if order == "" {
		return
	}
	resp := c.ask(c.payment(merchant, order, challenging))
	var payment struct {
		ID         string `json:"id"`
		NextAction *struct {
			RedirectURL string `json:"redirect_url"`
		} `json:"next_action"`
	}
	if json.Unmarshal(resp.Body, &payment) != nil || payment.NextAction == nil {
		return
	}
	page := payment.NextAction.RedirectURL
	confirm := c.onPayment(merchant, payment.ID, "/confirm", "")
	switch c.rng.IntN(6) {
	case 0, 1:
		c.w.provider.Customer(page, "succeed")
		c.ask(confirm)
	case 2:
		c.w.provider.Customer(page, "fail")
		c.ask(confirm)
	case 3: // another card, while the customer approves after all
		c.atOnce(c.payment(merchant, order, "pm_card_visa"), confirm)
		c.w.provider.Customer(page, "succeed")
		c.insist(c.payment(merchant, order, "pm_card_visa"))
	case 4:
		c.insistOn(c.onPayment(merchant, payment.ID, "/cancel", ""), confirm)
		c.w.provider.Customer(page, "succeed")
	default: // left: it is canceled in time
		c.ask(confirm)
	}
}

// expire pays an order about when it expires.
func (c *client) expire(merchant int) {
	after := time.Duration(500+c.rng.IntN(1500)) * time.Millisecond
	body := fmt.Sprintf(`{"amount":700,"currency":"EUR","expires_at":%q}`, time.Now().Add(after).UTC().Format(time.RFC3339Nano))
	order := c.insist(request{merchant, "/v1/orders", c.key(), body}).Field("id")
	if order == "" {
		return
	}
	first := c.payment(merchant, order, c.method())
	c.ask(first)
	if c.rng.IntN(2) == 0 {
		c.ask(c.payment(merchant, order, "pm_card_visa"))
	}
}
