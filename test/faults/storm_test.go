package faults

import (
	"context"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/payonce/payonce/test/proxy"
	"github.com/payonce/payonce/test/service"
)

// Storms of copies, over both replicas: one executes, and all the others are refused or get its outcome.
func TestF29StormsOfCopiesExecuteOnce(t *testing.T) {
	t.Parallel()
	w := open(t, options{})
	in(t, "F29", s1, func(c *cell) {
		for _, n := range []int{2, 20, 100, 500} {
			for _, k := range []kind{aPayment, anOrder} {
				w.storm(c, n, k)
			}
		}
	})
}

func (w *world) storm(c *cell, n int, k kind) {
	h := &held{subject: w.newSubject(k, "pm_card_visa"), key: newKey(), place: place{name: fmt.Sprintf("%d copies arrive", n)}}
	made := 0
	for _, resp := range service.AtOnce(n, func(i int) service.Response {
		return w.insisted(h, w.replica(i)) // of 500 some may find a store too busy
	}) {
		if resp.Status == http.StatusCreated {
			made++
			continue
		}
		service.Wants(c.T, h.String(), resp, http.StatusConflict, "idempotency-request-in-flight")
		if resp.Header.Get("Retry-After") == "" {
			c.Error("409 without Retry-After")
		}
	}
	if made == 0 {
		c.Errorf("%s: none was executed", h)
	}
	for i := range 2 {
		again := service.Insist(c.T, h.String(), func() service.Response { return h.send(context.Background(), w.replica(i)) })
		if again.Status != http.StatusCreated || !again.Replayed() {
			c.Errorf("%s: retry: %s", h, again)
		}
		w.once(c.T, h, again)
	}
	c.hit()
}

// replica is one of the two, in turn.
func (w *world) replica(i int) *service.Client { return []*service.Client{w.client, w.other}[i%2] }

// Copies that prefer to wait hold no connection: others are served beside them, and all of them get the outcome.
func TestF29CopiesThatWaitDoNotTakeConnectionsFromOthers(t *testing.T) {
	t.Parallel()
	w := open(t, options{
		env: settings("PROVIDER_TIMEOUT", "20s", "IDEMPOTENCY_LEASE", "25s"), survivor: map[string]string{"DB_MAX_CONNS": "5"},
	})
	in(t, "F29", s6, func(c *cell) {
		h := w.hold(place{at: s6, name: "the provider's answer is on its way", hold: called(proxy.HoldReply)}, aPayment)
		const many = 200
		waiting := make(chan []service.Response)
		go func() {
			waiting <- service.AtOnce(many, func(i int) service.Response {
				return h.send(context.Background(), w.replica(i), "Prefer", "wait=10")
			})
		}()
		began := time.Now()
		for i := 0; i < 25 && time.Since(began) < 5*time.Second; i++ { // the copies don't wait forever
			for _, took := range w.fourOrders(c) {
				if took > 8*time.Second { // milliseconds on a quiet machine; with no connection left, the copies' 10 s
					c.Errorf("an order beside the copies took %s", took)
				}
			}
		}
		w.release()
		w.collect([]*held{h})
		applied := 0
		for _, resp := range <-waiting {
			service.Wants(c.T, "a copy that waited", resp, http.StatusCreated, "")
			if resp.Header.Get("Preference-Applied") == "wait=10" {
				applied++
			}
		}
		if h.first.Status != http.StatusCreated || applied != many {
			c.Errorf("%d of %d waited for %s", applied, many, h.first)
		}
		w.once(c.T, h, h.first)
		c.hit()
	})
}

// fourOrders are made at once, and each is sent again until it is there; it returns how long each took in all.
func (w *world) fourOrders(c *cell) (took [4]time.Duration) {
	service.AtOnce(len(took), func(i int) service.Response {
		began, key := time.Now(), newKey()
		resp := service.Insist(c.T, "an order beside the copies is made", func() service.Response { return w.order(key) })
		service.Wants(c.T, "an order beside the copies", resp, http.StatusCreated, "")
		took[i] = time.Since(began)
		return resp
	})
	return took
}
