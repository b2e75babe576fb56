package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/payonce/payonce/bench/load"
)

// tripsWarm requests come before those that are counted: statements are prepared once a connection.
const tripsWarm = 25

// countTrips counts each variant's round trips on a second service, request after request: none travels with another's. The median leaves
// out what the service asks now and then by itself.
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
		var ofPostgres, ofRedis []float64
		before := [2]int64{m.postgres.Trips(), m.redis.Trips()}
		err = load.Each(ctx, v.server.address, first+tripsWarm, times, wanted(v.name), v.next, func(load.Answer) {
			now := [2]int64{m.postgres.Trips(), m.redis.Trips()}
			ofPostgres, ofRedis = append(ofPostgres, float64(now[0]-before[0])), append(ofRedis, float64(now[1]-before[1]))
			before = now
		})
		if err != nil {
			return fmt.Errorf("%s: %w", v.name, err)
		}
		f.postgres, f.rdis, f.counted = median(ofPostgres), median(ofRedis), true
		v.spent(tripsWarm + times)
	}
	return nil
}
