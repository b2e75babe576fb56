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

// neighbours are requests at a fixed rate that have nothing to do with what happens beside them.
type neighbours struct {
	site   *site
	window time.Duration
	orders int
}

// wait is what they waited for their answers in one window.
func (n *neighbours) wait(ctx context.Context) ([]time.Duration, error) {
	t := n.site
	result, used, err := load.Open{
		Address: t.service.address, Conns: besidesConns, Rate: besides, Length: n.window,
		Next: t.ordersAt(ordersPath, t.numbered("beside"+t.pass)), First: n.orders, Want: 201,
	}.Run(ctx)
	n.orders += used
	if err == nil && count(result.Wrong) > 0 {
		err = fmt.Errorf("other requests were answered otherwise, by status: %v", result.Wrong)
	}
	return result.Latencies, err
}

// disturbance is what neighbours waited with something beside them, compared with windows of quiet.
type disturbance struct {
	name   string
	within time.Duration // a storm's copies come evenly within it
	all    []time.Duration
	ratios []float64 // of the p99 in a window to that in the quiet window of the same round
}

func (d *disturbance) add(latencies, quiet []time.Duration) {
	d.all = append(d.all, latencies...)
	d.ratios = append(d.ratios, float64(load.Percentile(latencies, 0.99))/float64(load.Percentile(quiet, 0.99)))
}

func (d *disturbance) verdict(most float64) verdict {
	return verdict{Name: "others' p99 " + d.name + " / without", Value: spreadOf(d.ratios), limit: -most}.judge()
}

func (d *disturbance) note() string {
	return fmt.Sprintf("p50 %.1f ms, p99 %.1f ms %s", ms(load.Percentile(d.all, 0.5)), ms(load.Percentile(d.all, 0.99)), d.name)
}

// storms lets windows of quiet and of storms take turns, in an order that moves on. All copies of a storm come at once, which
// costs the processors what a thousand requests cost, or within a second, which shows what else a storm costs.
func (t *site) storms(ctx context.Context, o options, r *report, progress func(string)) error {
	service, err := t.stage.child(ctx, "service in the storm", "payonce", nil, t.env(t.database, t.redis, map[string]string{"DB_MAX_CONNS": stormPool}))
	if err != nil {
		return err
	}
	at := *t
	at.service, at.pass = service, "storm"
	n := &neighbours{site: &at, window: o.window}
	if _, err := n.wait(ctx); err != nil { // warms up
		return err
	}
	quiet, atOnce, spread := &disturbance{name: "without"}, &disturbance{name: "with copies at once"}, &disturbance{name: "with copies within 1 s", within: time.Second}
	turns := []*disturbance{quiet, atOnce, spread}
	for round := range o.storms {
		progress(fmt.Sprintf("storms: round %d of %d", round+1, o.storms))
		waited := map[*disturbance][]time.Duration{}
		for i := range turns {
			d := turns[(i+round)%len(turns)]
			if d == quiet {
				waited[d], err = n.wait(ctx)
			} else {
				waited[d], err = n.besideStorm(ctx, o.copies, d.within)
			}
			if err != nil {
				return fmt.Errorf("storm: %w", err)
			}
		}
		for _, d := range turns {
			d.add(waited[d], waited[quiet])
		}
		service.forgetLog()
	}
	r.Verdicts = append(r.Verdicts, atOnce.verdict(3), spread.verdict(1.5))
	r.Notes = append(r.Notes, fmt.Sprintf("storms: %d copies of one payment over a pool of %s, the provider taking 300 ms; all got the same answer.\n"+
		"Others: %d orders/s, %s, %s,\n%s.", o.copies, stormPool, besides, quiet.note(), atOnce.note(), spread.note()))
	return nil
}

// besideStorm is the traffic and a storm, which begins with the window.
func (n *neighbours) besideStorm(ctx context.Context, copies int, within time.Duration) (latencies []time.Duration, err error) {
	t := n.site
	if t.orders.left() < 1 {
		if err := t.moreOrders(ctx, 100); err != nil {
			return nil, err
		}
	}
	request := t.paymentsAt(paymentsPath, "storm", stormCard, "")(nil, t.orders.used)
	t.orders.used++
	crowd, err := t.stage.crowd(ctx, t.service.address, copies, within, request)
	if err != nil {
		return nil, err
	}
	if err := crowd.begin(); err != nil {
		return nil, errors.Join(err, crowd.end())
	}
	latencies, err = n.wait(ctx)
	return latencies, errors.Join(err, crowd.finished(), crowd.end())
}
