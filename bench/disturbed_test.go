package main

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/payonce/payonce/bench/load"
)

func TestADisturbedTurnIsMeasuredAgainAndSaid(t *testing.T) {
	t.Parallel()
	disturbed := &disturbedError{wanted: "redis", requests: 3345, events: "postgres 2890, redis 455, Redis timeout 16"}
	answered := turn{Result: load.Result{Latencies: []time.Duration{time.Millisecond}}}
	broken := errors.New("connection refused")
	for name, c := range map[string]struct {
		turns     []error // of one measurement after the other; nil: it went well
		empty     int     // so many of the good ones answered no request
		want      error
		disturbed int
	}{
		"undisturbed":             {turns: []error{nil}},
		"once":                    {turns: []error{disturbed, nil}, disturbed: 1},
		"as often as is bearable": {turns: []error{disturbed, disturbed, disturbed, nil}, disturbed: 3},
		"always":                  {turns: []error{disturbed, disturbed, disturbed, disturbed}, want: disturbed, disturbed: 3},
		"broken":                  {turns: []error{broken}, want: broken},
		"empty, then longer":      {turns: []error{nil, nil, nil}, empty: 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) { // a second before each further turn
				turns, slices := 0, []time.Duration{}
				got, disturbances, err := undisturbed(t.Context(), options{slice: time.Second}, func(o options) (turn, error) {
					slices = append(slices, o.slice)
					turns++
					if err := c.turns[turns-1]; err != nil || turns <= c.empty {
						return turn{}, err
					}
					return answered, nil
				})
				if !errors.Is(err, c.want) || len(disturbances) != c.disturbed || turns != len(c.turns) {
					t.Errorf("got %v after %d turns with %d disturbances, want %v after %d with %d", err, turns, len(disturbances), c.want, len(c.turns), c.disturbed)
				}
				if c.want == nil && got.Requests() != 1 {
					t.Errorf("got %d requests, want those of the good turn", got.Requests())
				}
				if want := time.Second << c.empty; slices[len(slices)-1] != want {
					t.Errorf("the last slice was %v, want %v", slices[len(slices)-1], want)
				}
			})
		})
	}
}

func TestADisturbanceNamesWhatWasCounted(t *testing.T) {
	t.Parallel()
	before := gauges{outcomes: map[string]float64{"redis": 10}, redis: map[string]float64{"timeout": 1}}
	after := gauges{outcomes: map[string]float64{"redis": 465, "postgres": 2890}, redis: map[string]float64{"timeout": 17, "late": 0}}
	if got, want := after.since(before), "postgres 2890, redis 455, Redis timeout 16"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := before.since(before); got != "nothing" {
		t.Errorf("got %q, want nothing", got)
	}
}
