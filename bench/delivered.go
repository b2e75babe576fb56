package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/payonce/payonce/bench/load"
	"github.com/payonce/payonce/idempotency"
	"github.com/payonce/payonce/internal/sleep"
)

const (
	endpointsPath = "/v1/webhook-endpoints"
	// drainBudget is how long what a turn made may take to be delivered behind its last answer.
	drainBudget = 30 * time.Second
)

// receiver takes webhooks and counts the events, each once. It is part of this process: its processor time is in no figure.
type receiver struct {
	address string

	mu   sync.Mutex
	seen map[string]bool // by webhook-id
	last time.Time       // when the last new one came
}

func (r *receiver) take(_ http.ResponseWriter, req *http.Request) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if id := req.Header.Get("Webhook-Id"); !r.seen[id] {
		r.seen[id], r.last = true, time.Now()
	}
}

func (r *receiver) took() (events int, last time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.seen), r.last
}

func (s *stage) receiver(ctx context.Context) (*receiver, error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	r := &receiver{address: listener.Addr().String(), seen: map[string]bool{}}
	server := &http.Server{ReadHeaderTimeout: 5 * time.Second, Handler: http.HandlerFunc(r.take)}
	s.closers = append(s.closers, server.Close)
	go func() { _ = server.Serve(listener) }() // ends with Close
	return r, nil
}

// openShop is a merchant beside the site's own, each of whose events goes to a receiver.
func (t *site) openShop(ctx context.Context) (*site, *receiver, error) {
	to, err := t.stage.receiver(ctx)
	if err != nil {
		return nil, nil, err
	}
	shop := *t
	if err := shop.makeMerchant(ctx); err != nil {
		return nil, nil, err
	}
	body := fmt.Sprintf(`{"url":"http://%s/","events":["order.created"]}`, to.address)
	request := shop.post(endpointsPath, shop.numbered("endpoint"), func(b []byte, _ int) []byte { return append(b, body...) }, len(body))
	return &shop, to, load.Each(ctx, t.service.address, 0, 1, http.StatusCreated, request, nil)
}

// delivering are first orders whose events are delivered: a turn ends with the last delivery.
func (t *site) delivering(shop *site, to *receiver) *variant {
	v := t.fresh(deliveredOrder, t.service, shop.ordersAt(ordersPath, shop.numbered("delivered")), idempotency.SourceFirst)
	before := 0
	v.settle = func(ctx context.Context, made int) (time.Duration, error) {
		answered := time.Now()
		for {
			took, last := to.took()
			switch {
			case took-before >= made:
				before = took
				return max(0, last.Sub(answered)), nil
			case time.Since(answered) > drainBudget || !sleep.For(ctx, time.Millisecond):
				return 0, errors.Join(ctx.Err(), fmt.Errorf("%d of %d events were delivered in time", took-before, made))
			}
		}
	}
	return v
}
