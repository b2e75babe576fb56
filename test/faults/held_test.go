package faults

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/payonce/payonce/idempotency"
	"github.com/payonce/payonce/test/proxy"
	"github.com/payonce/payonce/test/service"
)

// kind is what a request wants done.
type kind string

const (
	aPayment kind = "payment" // an effect outside the database: T1, the call, T2
	anOrder  kind = "order"   // an effect inside: one transaction
)

// place is where in a request something can be held, and what a process leaves that ends there.
type place struct {
	at      step
	name    string
	hold    func(w *world, k kind) (held func() bool)
	payment class
	order   class // empty: no order passes here
}

// places are all of them, the last first: what is held at a later one has passed the earlier ones before they were armed.
func places() []place {
	return []place{
		{s10, "published", announced(idempotency.StepPublished), done, done},
		{s9, "T2 is known to be committed", announced(idempotency.StepCommitted), done, done},
		{s8, "the answer to T2's COMMIT is on its way", said(proxy.HoldReply, sqlT2, ""), done, ""},
		{s8, "T2's COMMIT is on its way", said(proxy.HoldCommit, sqlT2, ""), pending, ""},
		{s7, "T2 is about to be sent", announced(idempotency.StepSettling), pending, ""},
		{s6, "the provider's answer is known", announced(idempotency.StepAnswered), pending, ""},
		{s6, "the provider's answer is on its way", called(proxy.HoldReply), pending, ""},
		{s5, "the call is on its way", called(proxy.HoldRequest), pending, ""},
		{s5, "the provider is about to be called", announced(idempotency.StepCalling), pending, ""},
		{s4, "the answer to T1's COMMIT is on its way", said(proxy.HoldReply, sqlT1, sqlOrder), pending, done},
		{s4, "T1's COMMIT is on its way", said(proxy.HoldCommit, sqlT1, sqlOrder), notStarted, notStarted},
		{s3, "T1 has the key", announced(idempotency.StepBegun), notStarted, ""}, // an order's transaction is one batch: S4
		{s2, "Redis was asked", announced(idempotency.StepEntered), notStarted, notStarted},
		{s1, "received", announced(idempotency.StepReceived), notStarted, notStarted},
	}
}

// What only these transactions say.
const (
	sqlT1    = "INSERT INTO payments"
	sqlT2    = "SET state = 'completed', lease_until = NULL"
	sqlOrder = "INSERT INTO orders"
)

// announced holds at a step that the process announces.
func announced(at idempotency.Step) func(*world, kind) func() bool {
	return func(w *world, _ kind) func() bool {
		before := w.harmed.HeldAt(at)
		w.harmed.Hold(at)
		return func() bool { return w.harmed.HeldAt(at) > before }
	}
}

// said holds what the process and Postgres say to each other.
func said(moment proxy.Kind, ofPayment, ofOrder string) func(*world, kind) func() bool {
	return func(w *world, k kind) func() bool {
		armed := w.toPostgres.Arm(proxy.Fault{Kind: moment, Match: map[kind]string{aPayment: ofPayment, anOrder: ofOrder}[k]})
		return func() bool { return armed.Held() == 1 }
	}
}

// called holds what the process and its provider say to each other.
func called(moment proxy.Kind) func(*world, kind) func() bool {
	return func(w *world, _ kind) func() bool {
		armed := w.toProvider.Arm(proxy.Fault{Kind: moment, Match: "POST /v1/payment_intents"})
		return func() bool { return armed.Held() == 1 }
	}
}

// held is one request that waits at a place.
type held struct {
	place  place
	kind   kind
	order  string // that is paid
	key    string
	answer chan service.Response
	hangUp context.CancelFunc
	since  time.Time // it is held

	first      service.Response // the answer, once collect has waited for it
	otherOrder string           // that another body under the same key pays
}

func (h *held) String() string { return fmt.Sprintf("a %s held where %s", h.kind, h.place.name) }

// outlasted tells whether T1 was held for about as long as it has time (3 s by statement_timeout), which only a busy
// machine does.
func (w *world) outlasted(h *held) bool {
	return (h.place.at == s3 || h.place.at == s4) && w.released.Sub(h.since) > 2*time.Second
}

// left is what a process leaves of it that ends now.
func (h *held) left() class {
	if h.kind == anOrder {
		return h.place.order
	}
	return h.place.payment
}

// holdEverywhere sends a payment and an order to each place of the harmed service, and returns when all are there.
func (w *world) holdEverywhere() []*held {
	w.t.Helper()
	for range 3 { // on a busy machine the first ones may have ended before the last are there
		all := w.tryToHoldEverywhere()
		if !slices.ContainsFunc(all, func(h *held) bool { return len(h.answer) > 0 }) {
			return all
		}
		w.release()
		for _, h := range all {
			<-h.answer
		}
	}
	w.t.Fatal("what was held first had ended before the last was held, three times")
	return nil
}

func (w *world) tryToHoldEverywhere() (all []*held) {
	w.t.Helper()
	orders := map[string]string{}
	for _, p := range places() {
		orders[p.name] = w.newOrder()
	}
	w.warm()
	if w.ready != nil {
		w.ready()
	}
	for _, p := range places() {
		all = append(all, w.hold(p, aPayment, orders[p.name]))
		if p.order != "" {
			all = append(all, w.hold(p, anOrder, ""))
		}
	}
	slices.Reverse(all) // in the order of the steps
	return all
}

// warm makes the harmed service open its connections, so that what follows is quick.
func (w *world) warm() {
	w.t.Helper()
	order, key := w.newOrder(), newKey()
	paid := insist(w.t, "it works before the fault", func() service.Response { return w.client.Pay(order, "pm_card_visa", key) })
	wants(w.t, "before the fault", paid, http.StatusCreated, "")
}

// hold sends one request and waits until it is there.
func (w *world) hold(p place, k kind, paid string) *held {
	w.t.Helper()
	isThere := p.hold(w, k)
	since := time.Now()
	h := &held{place: p, kind: k, order: paid, key: newKey(), answer: make(chan service.Response, 1)}
	ctx, hangUp := context.WithCancel(context.Background())
	h.hangUp = hangUp
	w.t.Cleanup(hangUp)
	go func() { h.answer <- h.send(ctx, w.client) }()
	until(w.t, h.String(), func() bool {
		if len(h.answer) > 0 {
			w.t.Fatalf("not %s, but answered: %s", h, <-h.answer)
		}
		return isThere()
	})
	h.since = since
	return h
}

// send sends the request at a replica.
func (h *held) send(ctx context.Context, c *service.Client, headers ...string) service.Response {
	body := service.OrderBody
	if h.kind == aPayment {
		body = service.PaymentBody(h.order, "pm_card_visa")
	}
	return c.Send(ctx, http.MethodPost, h.path(), h.key, body, headers...)
}

func (h *held) path() string {
	if h.kind == aPayment {
		return "/v1/payments"
	}
	return "/v1/orders"
}

// anotherBody sends another request under the same key.
func (w *world) anotherBody(h *held, c *service.Client) service.Response {
	body := `{"amount":5,"currency":"EUR"}`
	if h.kind == aPayment {
		if h.otherOrder == "" {
			h.otherOrder = w.newOrder()
		}
		body = service.PaymentBody(h.otherOrder, "pm_card_visa")
	}
	return c.Post(h.path(), h.key, body)
}

// retry sends it again at the survivor.
func (w *world) retry(h *held, headers ...string) service.Response {
	return h.send(context.Background(), w.other, headers...)
}
