package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/google/uuid"
	"pgregory.net/rapid"

	"github.com/payonce/payonce/test/service"
)

// modelTime bounds how long the model is compared with the service; what has begun ends.
const modelTime = 30 * time.Second

// TestTheLifeOfMoneyIsAsTheModelSays sends random requests to the service, and holds each answer, and what can be read afterwards,
// against a model in memory. A failure is printed with its seed and the shortest way to it.
func TestTheLifeOfMoneyIsAsTheModelSays(t *testing.T) {
	t.Parallel()
	s := open(t, service.Options{Env: map[string]string{"RATE_LIMIT": "off"}})
	end, runs := time.Now().Add(modelTime), 0
	rapid.Check(t, func(rt *rapid.T) {
		if time.Now().After(end) {
			return
		}
		runs++
		b := &book{shop: s, t: rt}
		b.order(rt)
		rt.Repeat(map[string]func(*rapid.T){
			"order": b.order, "cancel order": b.cancelOrder, "pay": b.pay, "pay again": b.pay,
			"capture": b.capture, "capture again": b.capture, "cancel": b.cancel,
			"refund": b.refund, "refund again": b.refund, "replay": b.replay,
		})
	})
	t.Logf("%d runs", runs)
	if runs < 3 {
		t.Errorf("got %d runs in %s, want more: the model was hardly compared", runs, modelTime)
	}
	s.check()
}

// book is the model: what has to be true of what was asked so far.
type book struct {
	*shop
	t        *rapid.T
	orders   []*modelOrder
	payments []*modelPayment
	outcomes []sentRequest
}

type modelOrder struct {
	id                    string
	total, paid, refunded int64
	canceled              bool
	live                  *modelPayment // keeps it from being paid again
}

type modelPayment struct {
	id, status                             string
	order                                  *modelOrder
	authorized, captured, voided, refunded int64
}

type sentRequest struct {
	path, key, body string
	resp            service.Response
}

func (p *modelPayment) left() int64 { return p.authorized - p.captured - p.voided }

// send sends a request and fails unless it has this answer.
func (b *book) send(path, body string, status int, code string) service.Response {
	key := uuid.NewString()
	resp := b.insist(path, key, body)
	if resp.Status != status || resp.Code() != code || resp.Err != nil {
		b.t.Fatalf("POST %s %s: got %s, want %d %s", path, body, resp, status, code)
	}
	if status < 300 || status == 402 {
		b.outcomes = append(b.outcomes, sentRequest{path, key, body, resp})
	}
	return resp
}

// insist sends again what a busy machine had no time for: it stays one request, with one answer.
func (b *book) insist(path, key, body string) (resp service.Response) {
	service.Until(b.shop.t, key+" is answered", func() bool {
		resp = b.Post(path, key, body)
		return resp.Status != http.StatusServiceUnavailable && resp.Code() != "idempotency-request-in-flight"
	})
	return resp
}

func (b *book) order(rt *rapid.T) {
	b.t = rt
	total := rapid.Int64Range(1, 3000).Draw(rt, "total")
	resp := b.send("/v1/orders", fmt.Sprintf(`{"amount":%d,"currency":"EUR"}`, total), 201, "")
	b.orders = append(b.orders, &modelOrder{id: resp.Field("id"), total: total})
}

func (b *book) cancelOrder(rt *rapid.T) {
	b.t = rt
	o := rapid.SampledFrom(b.orders).Draw(rt, "order")
	path := "/v1/orders/" + o.id + "/cancel"
	if o.canceled || o.paid > 0 || o.live != nil {
		b.send(path, "", 409, "order-not-cancelable")
	} else {
		b.send(path, "", 200, "")
		o.canceled = true
	}
	b.compareOrder(o)
}

func (b *book) pay(rt *rapid.T) {
	b.t = rt
	o := rapid.SampledFrom(b.orders).Draw(rt, "order")
	method := rapid.SampledFrom([]string{"manual", "manual", "automatic"}).Draw(rt, "capture_method")
	card := rapid.SampledFrom([]string{"pm_card_visa", "pm_card_visa", "pm_card_visa", "pm_card_chargeDeclined"}).Draw(rt, "card")
	body := fmt.Sprintf(`{"order_id":%q,"payment_method":%q,"capture_method":%q}`, o.id, card, method)
	if o.canceled || o.live != nil || o.paid > 0 {
		b.send("/v1/payments", body, 409, "order-not-payable")
		return
	}
	p := &modelPayment{order: o, status: "failed"}
	switch {
	case card == "pm_card_chargeDeclined":
		p.id = b.send("/v1/payments", body, 402, "payment-declined").Field("payment_id")
	case method == "manual":
		p.id = b.send("/v1/payments", body, 201, "").Field("id")
		p.status, p.authorized, o.live = "requires_capture", o.total, p
	default:
		p.id = b.send("/v1/payments", body, 201, "").Field("id")
		p.status, p.authorized, p.captured, o.paid, o.live = "succeeded", o.total, o.total, o.total, p
	}
	b.payments = append(b.payments, p)
	b.compare(p)
}

// of draws a payment and an amount: 0 for none given, or up to a little more than the limit.
func (b *book) of(rt *rapid.T, limit func(*modelPayment) int64) (p *modelPayment, amount int64) {
	b.t = rt
	if len(b.payments) == 0 {
		rt.Skip("there is no payment")
	}
	p = rapid.SampledFrom(b.payments).Draw(rt, "payment")
	most := limit(p)
	return p, rapid.OneOf(rapid.Int64Range(0, most+2), rapid.SampledFrom([]int64{0, most, most + 1})).Draw(rt, "amount")
}

func (b *book) capture(rt *rapid.T) {
	p, amount := b.of(rt, (*modelPayment).left)
	final := rapid.Bool().Draw(rt, "final")
	path, body := "/v1/payments/"+p.id+"/capture", fmt.Sprintf(`{"final":%v}`, final)
	if amount > 0 {
		body = fmt.Sprintf(`{"amount":%d,"final":%v}`, amount, final)
	}
	switch {
	case p.status != "requires_capture" && p.status != "partially_captured":
		b.send(path, body, 409, "payment-not-capturable")
	case amount > p.left():
		b.send(path, body, 422, "amount-too-large")
	default:
		b.send(path, body, 200, "")
		if amount == 0 {
			amount = p.left()
		}
		p.captured, p.status = p.captured+amount, "partially_captured"
		p.order.paid += amount
		if final || p.left() == 0 {
			p.voided, p.status = p.voided+p.left(), "succeeded"
		}
	}
	b.compare(p)
}

func (b *book) cancel(rt *rapid.T) {
	p, _ := b.of(rt, (*modelPayment).left)
	path := "/v1/payments/" + p.id + "/cancel"
	switch p.status {
	case "requires_capture":
		b.send(path, "", 200, "")
		p.voided, p.status, p.order.live = p.authorized, "canceled", nil
	case "partially_captured":
		b.send(path, "", 200, "")
		p.voided, p.status = p.voided+p.left(), "succeeded"
	default:
		b.send(path, "", 409, "payment-not-cancelable")
	}
	b.compare(p)
}

func (b *book) refund(rt *rapid.T) {
	p, amount := b.of(rt, func(p *modelPayment) int64 { return p.captured - p.refunded })
	path, body, left := "/v1/payments/"+p.id+"/refunds", "", p.captured-p.refunded
	if amount > 0 {
		body = fmt.Sprintf(`{"amount":%d}`, amount)
	}
	switch {
	case p.captured == 0, amount == 0 && left == 0:
		b.send(path, body, 409, "payment-not-refundable")
	case amount > left:
		b.send(path, body, 422, "amount-too-large")
	default:
		if amount == 0 {
			amount = left
		}
		resp := b.send(path, body, 201, "")
		if resp.Field("status") != "succeeded" {
			b.t.Fatalf("refund: got %s, want succeeded", resp)
		}
		p.refunded += amount
		p.order.refunded += amount
	}
	b.compare(p)
}

// replay sends an old request again: its outcome stays, whatever happened since.
func (b *book) replay(rt *rapid.T) {
	b.t = rt
	old := rapid.SampledFrom(b.outcomes).Draw(rt, "request")
	again := b.insist(old.path, old.key, old.body)
	if !again.Replayed() || !again.Same(old.resp) {
		rt.Fatalf("POST %s %s again: got %s, want a replay of %s", old.path, old.body, again, old.resp)
	}
}

func (b *book) compare(p *modelPayment) {
	var got money
	resp := b.Get("/v1/payments/" + p.id)
	if err := json.Unmarshal(resp.Body, &got); err != nil || got != (money{p.status, p.authorized, p.captured, p.refunded}) {
		b.t.Fatalf("payment: got %s (%v), want %+v", resp, err, *p)
	}
	b.compareOrder(p.order)
}

func (b *book) compareOrder(o *modelOrder) {
	var got struct {
		Status         string
		AmountPaid     int64 `json:"amount_paid"`
		AmountRefunded int64 `json:"amount_refunded"`
	}
	resp := b.Get("/v1/orders/" + o.id)
	if err := json.Unmarshal(resp.Body, &got); err != nil || got.Status != o.status() || got.AmountPaid != o.paid || got.AmountRefunded != o.refunded {
		b.t.Fatalf("order: got %s (%v), want %s %+v", resp, err, o.status(), *o)
	}
}

func (o *modelOrder) status() string {
	switch {
	case o.canceled:
		return "canceled"
	case o.paid == 0:
		return "pending_payment"
	case o.refunded == o.paid:
		return "refunded"
	case o.refunded > 0:
		return "partially_refunded"
	case o.paid < o.total:
		return "partially_paid"
	}
	return "paid"
}
