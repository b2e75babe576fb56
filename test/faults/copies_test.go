package faults

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/payonce/payonce/test/service"
)

// Copies arrive at both replicas while the first is at any step: one executes, the others are refused, or wait and get
// its outcome.
func TestF29CopiesWhileTheFirstIsAtAnyStep(t *testing.T) {
	t.Parallel()
	w := open(t, options{env: unhurried(), harmed: roomy()})
	all := w.holdEverywhere(everyKind()...)
	var copies sync.WaitGroup
	answers := map[*held]chan service.Response{}
	for _, h := range all {
		some := make(chan service.Response, 4) // two of them wait
		answers[h] = some
		for i := range cap(some) {
			copies.Go(func() { some <- w.copy(h, i) })
		}
	}
	for _, h := range all {
		service.Until(t, h.String()+": copies that don't wait are answered", func() bool {
			return len(answers[h]) >= cap(answers[h])-2 && (h.place.at != s1 || len(answers[h]) == cap(answers[h]))
		})
	}
	w.release()
	copies.Wait()
	w.collect(all)
	for _, h := range all {
		for range cap(answers[h]) {
			if resp := <-answers[h]; resp.Status != h.kind.spec().made {
				service.Wants(t, "a copy of "+h.String(), resp, http.StatusConflict, "idempotency-request-in-flight")
			}
		}
	}
	if n := w.number("SELECT count(*) FROM idempotency_keys WHERE fence > 1"); n != 0 {
		t.Errorf("%d keys were taken over from a process that was alive", n)
	}
	w.judge("F29", all, func(h *held) class {
		if h.place.at <= s2 { // the hint ends before the first goes on: a copy that waits may have begun
			return overtaken
		}
		return answered
	})
}

// copy sends one more, every other one at the harmed service. The first two wait for the outcome.
func (w *world) copy(h *held, i int) service.Response {
	var headers []string
	if i < 2 {
		headers = []string{"Prefer", "wait=9"}
	}
	at := []*service.Client{w.other, w.client}[i%2]
	if h.place.at == s1 {
		at = w.other // the first is held before it is known anywhere: its copies would be held there, too
	}
	return w.insisted(h, at, headers...)
}

// insisted sends until the answer is about the key: a busy machine may run out of time before.
func (w *world) insisted(h *held, c *service.Client, headers ...string) (resp service.Response) {
	w.t.Helper()
	service.Until(w.t, h.String()+": a copy is answered", func() bool {
		resp = h.send(context.Background(), c, headers...)
		return resp.Status != http.StatusServiceUnavailable
	})
	return resp
}

// Another body under the key, at both replicas, while the first is at any step: one executes. The other is told that a
// request is in flight until a record is committed, and from then on that the key is used.
func TestF30AnotherBodyWhileTheFirstIsAtAnyStep(t *testing.T) {
	t.Parallel()
	w := open(t, options{env: unhurried()})
	all := w.holdEverywhere()
	for _, h := range all {
		h.otherOrder = w.newOrder()
	}
	answers := service.AtOnce(len(all), func(i int) service.Response {
		if h := all[i]; h.place.at != s1 { // the first is not known yet: another one would be held at the same place
			inFlightOrReused(t, h, w.toldOfAnother(h, w.client))
		}
		return w.toldOfAnother(all[i], w.other)
	})
	for _, h := range all {
		if h.left() != notStarted {
			service.Until(t, "the committed record is known", func() bool { return w.anotherBody(h, w.other).Code() == "idempotency-key-reused" })
		}
	}
	others := map[*held]service.Response{}
	for i, h := range all {
		others[h] = answers[i]
	}
	w.release()
	w.collect(all)
	w.each("F30", all, func(c *cell, h *held) { w.oneOfTwo(c.T, h, others[h]) })
}

// toldOfAnother sends another body until the answer is about the key: a busy machine may run out of time before.
func (w *world) toldOfAnother(h *held, c *service.Client) (resp service.Response) {
	w.t.Helper()
	service.Until(w.t, h.String()+": another body is answered", func() bool {
		resp = w.anotherBody(h, c)
		return resp.Status != http.StatusServiceUnavailable
	})
	return resp
}

func inFlightOrReused(t *testing.T, h *held, resp service.Response) {
	t.Helper()
	if code := resp.Code(); code != "idempotency-request-in-flight" && code != "idempotency-key-reused" {
		t.Errorf("another body beside %s: %s", h, resp)
	}
}

// oneOfTwo: of two bodies under one key one was executed, and the other learns nothing of it.
func (w *world) oneOfTwo(t *testing.T, h *held, other service.Response) {
	t.Helper()
	if h.outlasted(w.released) && h.first.Status == http.StatusServiceUnavailable {
		h.first = service.Insist(t, h.String(), func() service.Response { return w.retry(h) })
	}
	won, lost, again := h.first, other, func() service.Response { return w.anotherBody(h, w.other) }
	if other.Status == http.StatusCreated {
		if h.place.at >= s3 {
			t.Errorf("another body was executed beside %s", h)
		}
		won, lost = other, h.first
		again = func() service.Response { return w.retry(h) }
	} else {
		w.once(t, h, h.first)
	}
	if won.Status != http.StatusCreated {
		t.Fatalf("%s: neither was executed: %s, %s", h, h.first, other)
	}
	inFlightOrReused(t, h, lost)
	last := again()
	service.Wants(t, "the other body afterwards", last, http.StatusUnprocessableEntity, "idempotency-key-reused")
	if strings.Contains(string(last.Body), won.Field("id")) {
		t.Error("the refusal shows something of the first request")
	}
}

// Two bodies race for one key, again and again.
func TestF30TwoBodiesAtOnce(t *testing.T) {
	t.Parallel()
	w := open(t, options{})
	in(t, "F30", s1, func(c *cell) {
		for round := range 10 {
			orders, key := [2]string{w.newOrder(), w.newOrder()}, newKey()
			pay := func(i int) service.Response {
				return w.replica(i+round).Pay(orders[i], "pm_card_visa", key)
			}
			answers := service.AtOnce(2, pay)
			won := 0
			if answers[1].Status == http.StatusCreated {
				won = 1
			}
			if answers[won].Status != http.StatusCreated || answers[1-won].Status == http.StatusCreated {
				c.Fatalf("round %d: %v", round, answers)
			}
			lost := service.Insist(c.T, "the other is refused for good", func() service.Response { return pay(1 - won) })
			service.Wants(c.T, "the other afterwards", lost, http.StatusUnprocessableEntity, "idempotency-key-reused")
			w.once(c.T, paid(key), answers[won])
			c.hit()
		}
	})
}
