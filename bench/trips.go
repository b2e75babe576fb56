package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/payonce/payonce/bench/load"
)

// tripsWarm requests come before those that are counted: statements are prepared once a connection.
const tripsWarm = 25

// countTrips counts each variant's round trips on a second service, request after request: none travels with another's.
func (t *site) countTrips(ctx context.Context, all []*figures, times int) (err error) {
	metered, m, err := t.metered(ctx)
	if err != nil {
		return fmt.Errorf("count round trips: %w", err)
	}
	defer func() { err = errors.Join(err, metered.service.stop(), metered.baseline.stop()) }()
	for _, v := range append(metered.payonceVariants(), metered.baselineVariants()...) {
		f := find(all, v.name)
		if f == nil || v.name == simulatorAlone {
			continue
		}
		first, _, err := v.reserve(ctx, tripsWarm+times)
		if err != nil {
			return fmt.Errorf("%s: %w", v.name, err)
		}
		if err := load.Each(ctx, v.server.address, first, tripsWarm, wanted(v.name), v.next, nil); err != nil {
			return fmt.Errorf("%s: %w", v.name, err)
		}
		before := [2]int64{m.postgres.Trips(), m.redis.Trips()}
		if err := load.Each(ctx, v.server.address, first+tripsWarm, times, wanted(v.name), v.next, nil); err != nil {
			return fmt.Errorf("%s: %w", v.name, err)
		}
		f.postgres = float64(m.postgres.Trips()-before[0]) / float64(times)
		f.rdis = float64(m.redis.Trips()-before[1]) / float64(times)
		f.counted = true
		v.spent(tripsWarm + times)
	}
	return nil
}
