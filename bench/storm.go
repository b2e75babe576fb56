package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/payonce/payonce/bench/load"
)

const (
	stormPool = "10"              // connections to PostgreSQL
	stormCard = "pm_sim_slow_300" // keeps the key in flight while its copies come
	// besides: other traffic, orders at a rate that leaves the machine room.
	besides      = 150
	besidesConns = 64
)

// storm sends many copies of one payment at once while other requests go on, and compares what the others wait with and
// without it.
type storm struct {
	site           *site
	copies         int
	window         time.Duration
	orders, storms int
	quiet, stormy  []time.Duration
	ratios         []float64
	longest        time.Duration
}

// storms lets windows with and without a storm take turns; which one comes first changes.
func (t *site) storms(ctx context.Context, o options, progress func(string)) (*storm, error) {
	env := t.env(t.database, t.redis, map[string]string{"DB_MAX_CONNS": stormPool})
	service, err := t.stage.child(ctx, "service in the storm", "payonce", nil, env)
	if err != nil {
		return nil, err
	}
	at := *t
	at.service = service
	s := &storm{site: &at, copies: o.copies, window: o.window}
	if _, err := s.others(ctx); err != nil { // warms up
		return nil, err
	}
	for pair := range o.storms {
		progress(fmt.Sprintf("storm %d of %d", pair+1, o.storms))
		var quiet, stormy []time.Duration
		for turn := range 2 {
			if (pair+turn)%2 == 0 {
				quiet, err = s.others(ctx)
			} else {
				stormy, err = s.both(ctx)
			}
			if err != nil {
				return nil, fmt.Errorf("storm: %w", err)
			}
		}
		s.ratios = append(s.ratios, float64(load.Percentile(stormy, 0.99))/float64(load.Percentile(quiet, 0.99)))
		s.quiet, s.stormy = append(s.quiet, quiet...), append(s.stormy, stormy...)
		service.forgetLog()
	}
	return s, nil
}

// others is the traffic beside.
func (s *storm) others(ctx context.Context) ([]time.Duration, error) {
	t := s.site
	result, used, err := load.Open{
		Address: t.service.address, Conns: besidesConns, Rate: besides, Length: s.window,
		Next: t.ordersAt(ordersPath, t.numbered("beside")), First: s.orders, Want: 201,
	}.Run(ctx)
	s.orders += used
	if err == nil && count(result.Wrong) > 0 {
		err = fmt.Errorf("other requests were answered otherwise, by status: %v", result.Wrong)
	}
	return result.Latencies, err
}

// both is the traffic and the storm, which begins with the window.
func (s *storm) both(ctx context.Context) (latencies []time.Duration, err error) {
	crowd, err := s.gather(ctx)
	if err != nil {
		return nil, err
	}
	if err := crowd.begin(); err != nil {
		return nil, errors.Join(err, crowd.end())
	}
	latencies, err = s.others(ctx)
	took, failed := crowd.took()
	s.longest = max(s.longest, took)
	s.storms++
	return latencies, errors.Join(err, failed, crowd.end())
}

// gather connects the copies before their moment, in a process of their own.
func (s *storm) gather(ctx context.Context) (*crowd, error) {
	t := s.site
	if t.orders.left() < 1 {
		if err := t.moreOrders(ctx, 100); err != nil {
			return nil, err
		}
	}
	request := t.paymentsAt(paymentsPath, "storm", stormCard)(nil, t.orders.used)
	t.orders.used++
	return t.stage.crowd(ctx, t.service.address, s.copies, request)
}

func (s *storm) verdict() verdict {
	return verdict{Name: "others' p99 during a storm / without", Value: spreadOf(s.ratios), limit: -2}.judge()
}

func (s *storm) note() string {
	return fmt.Sprintf("storm: %d times %d copies of one payment over a pool of %s, the provider taking 300 ms; others: %d orders/s,\n"+
		"p50 %.1f ms, p99 %.1f ms without and p50 %.1f ms, p99 %.1f ms with it; every copy had the same answer after %.1f s",
		s.storms, s.copies, stormPool, besides, ms(load.Percentile(s.quiet, 0.5)), ms(load.Percentile(s.quiet, 0.99)),
		ms(load.Percentile(s.stormy, 0.5)), ms(load.Percentile(s.stormy, 0.99)), s.longest.Seconds())
}
