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

// place is where in a request something can be held, and what a process leaves that ends there.
type place struct {
	at      step
	name    string
	hold    func(w *world, kinds []kind) (held func() bool) // the next request of each kind
	payment class                                           // and of whatever else asks the provider
	order   class                                           // empty: no order passes here
}

// passes tells whether requests of a kind come here.
func (p place) passes(k kind) bool { return k != anOrder || p.order != "" }

// places are all of them, the last first: what is held at a later one has passed the earlier ones before they were armed.
func places() []place {
	return []place{
		{s10, "published", announced(idempotency.StepPublished), done, done},
		{s9, "T2 is known to be committed", announced(idempotency.StepCommitted), done, done},
		{s8, "the answer to T2's COMMIT is on its way", said(proxy.HoldReply, t2), done, ""},
		{s8, "T2's COMMIT is on its way", said(proxy.HoldCommit, t2), pending, ""},
		{s7, "T2 is about to be sent", announced(idempotency.StepCompleting), pending, ""},
		{s6, "the provider's answer is known", announced(idempotency.StepAnswered), pending, ""},
		{s6, "the provider's answer is on its way", called(proxy.HoldReply), pending, ""},
		{s5, "the call is on its way", called(proxy.HoldRequest), pending, ""},
		{s5, "the provider is about to be called", announced(idempotency.StepCalling), pending, ""},
		{s4, "the answer to T1's COMMIT is on its way", said(proxy.HoldReply, t1), pending, done},
		{s4, "T1's COMMIT is on its way", said(proxy.HoldCommit, t1), notStarted, notStarted},
		{s3, "T1 has the key", announced(idempotency.StepBegun), notStarted, ""}, // an order's transaction is one batch: S4
		{s2, "Redis was asked", announced(idempotency.StepEntered), notStarted, notStarted},
		{s1, "received", announced(idempotency.StepReceived), notStarted, notStarted},
	}
}

// announced holds at a step that the process announces.
func announced(at idempotency.Step) func(*world, []kind) func() bool {
	return func(w *world, kinds []kind) func() bool {
		before := w.harmed.HeldAt(at)
		w.harmed.HoldNext(at, len(kinds))
		return func() bool { return w.harmed.HeldAt(at) == before+len(kinds) }
	}
}

// said holds what the process and Postgres say to each other.
func said(moment proxy.Kind, which func(spec) string) func(*world, []kind) func() bool {
	return func(w *world, kinds []kind) func() bool {
		return allHeld(w.toPostgres.Proxy, moment, kinds, which)
	}
}

// called holds what the process and its provider say to each other.
func called(moment proxy.Kind) func(*world, []kind) func() bool {
	return func(w *world, kinds []kind) func() bool {
		return allHeld(w.toProvider.Proxy, moment, kinds, func(s spec) string { return s.call })
	}
}

func allHeld(p *proxy.Proxy, moment proxy.Kind, kinds []kind, which func(spec) string) func() bool {
	var armed []*proxy.Armed
	for _, k := range kinds {
		armed = append(armed, p.Arm(proxy.Fault{Kind: moment, Match: which(k.spec())}))
	}
	return func() bool {
		return !slices.ContainsFunc(armed, func(a *proxy.Armed) bool { return a.Held() != 1 })
	}
}

func t1(s spec) string { return s.t1 }
func t2(s spec) string { return s.t2 }

// held is one request that waits at a place.
type held struct {
	subject
	place  place
	key    string
	answer chan service.Response
	hangUp context.CancelFunc
	since  time.Time     // it is held
	lasts  time.Duration // until it goes on by itself; 0: as its step has time

	first      service.Response // the answer, once collect has waited for it
	otherOrder string           // that another body under the same key pays
}

func (h *held) String() string { return fmt.Sprintf("a %s held where %s", h.kind, h.place.name) }

// outlasted tells whether what held a request lasted for about as long as its step has time, which only a busy machine
// does: 3 s by statement_timeout in T1, PROVIDER_TIMEOUT during the call.
func (h *held) outlasted(until time.Time) bool {
	held := until.Sub(h.since)
	if h.lasts > 0 {
		return held > h.lasts
	}
	switch h.place.at {
	case s3, s4:
		return held > 2*time.Second
	case s5, s6:
		return held > 3*time.Second
	case s1, s2, s7, s8, s9, s10:
	}
	return false
}

// left is what a process leaves of it that ends now.
func (h *held) left() class {
	if h.kind == anOrder {
		return h.place.order
	}
	return h.place.payment
}

// holdEverywhere sends a payment and an order, or one of each of other kinds, to each place of the harmed service, and
// returns when all are there.
func (w *world) holdEverywhere(kinds ...kind) []*held {
	w.t.Helper()
	if len(kinds) == 0 {
		kinds = usual()
	}
	for range 5 { // on a busy machine the first ones may have ended before the last are there
		all, there := w.tryToHoldEverywhere(kinds)
		if there && !slices.ContainsFunc(all, func(h *held) bool { return len(h.answer) > 0 }) {
			return all
		}
		w.release()
		for _, h := range all {
			<-h.answer
		}
	}
	w.t.Fatal("what was held first had ended before the last was held, five times")
	return nil
}

func (w *world) tryToHoldEverywhere(kinds []kind) (all []*held, ok bool) {
	w.t.Helper()
	subjects := w.newSubjects(kinds, len(places()))
	w.warm()
	if w.ready != nil {
		w.ready()
	}
	for i, p := range places() {
		there, ok := w.holdAt(p, subjects[i])
		all = append(all, there...)
		if !ok {
			return all, false
		}
	}
	slices.Reverse(all) // in the order of the steps
	return all, true
}

// warm makes the harmed service open its connections, so that what follows is quick.
func (w *world) warm() {
	w.t.Helper()
	order, key := w.newOrder(), newKey()
	paid := service.Insist(w.t, "it works before the fault", func() service.Response { return w.client.Pay(order, "pm_card_visa", key) })
	service.Wants(w.t, "before the fault", paid, http.StatusCreated, "")
}

// hold sends one request and waits until it is there.
func (w *world) hold(p place, k kind) *held {
	w.t.Helper()
	for range 5 {
		there, ok := w.holdAt(p, []subject{w.newSubject(k, "pm_card_visa")})
		if ok {
			return there[0]
		}
		<-there[0].answer
	}
	w.t.Fatalf("a %s is refused before %s", k, p.name)
	return nil
}

// holdAt sends requests to a place at once, and waits until all that pass there are there. It tells whether they are: on a
// busy machine a request may run out of time before.
func (w *world) holdAt(p place, subjects []subject) (all []*held, ok bool) {
	w.t.Helper()
	var kinds []kind
	for _, s := range subjects {
		if p.passes(s.kind) {
			kinds = append(kinds, s.kind)
		}
	}
	areThere, since := p.hold(w, kinds), time.Now()
	for _, s := range subjects {
		if !p.passes(s.kind) {
			continue
		}
		h := &held{place: p, subject: s, key: newKey(), answer: make(chan service.Response, 1), since: since}
		ctx, hangUp := context.WithCancel(context.Background())
		h.hangUp = hangUp
		w.t.Cleanup(hangUp)
		go func() { h.answer <- h.send(ctx, w.client) }()
		all = append(all, h)
	}
	ok = true
	service.Until(w.t, fmt.Sprintf("%v are held where %s", kinds, p.name), func() bool {
		ok = !slices.ContainsFunc(all, w.ended)
		return !ok || areThere()
	})
	return all, ok
}

// ended tells whether a request was refused because the machine is busy. Any other answer must not come.
func (w *world) ended(h *held) bool {
	if len(h.answer) == 0 {
		return false
	}
	resp := <-h.answer
	h.answer <- resp
	if resp.Status != http.StatusServiceUnavailable {
		w.t.Fatalf("not %s, but answered: %s", h, resp)
	}
	return true
}

// send sends the request at a replica.
func (h *held) send(ctx context.Context, c *service.Client, headers ...string) service.Response {
	s := h.kind.spec()
	return c.Send(ctx, http.MethodPost, h.path(), h.key, s.body(h.on), headers...)
}

func (h *held) path() string { return h.kind.spec().path(h.on) }

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
