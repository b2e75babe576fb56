package model

import (
	"flag"
	"math/rand/v2"
	"sync/atomic"
	"testing"
)

var walks = flag.Int("walks", 100, "random traces per configuration that the engine is driven through; from 1000 on also the large sets of transitions")

// few are the walks under the race detector, and those that have to notice a mistake.
const few = 20

// replayed counts what the engine was driven through.
type replayed struct {
	traces, steps, probes atomic.Int64
	events                [len(events)]atomic.Int64
}

func (c *replayed) follow(t *testing.T, m *machine, way []leg, source *rand.Rand) {
	t.Helper()
	c.traces.Add(1)
	c.steps.Add(int64(len(way)))
	for _, l := range way {
		c.events[l.act.event&0xff].Add(1)
	}
	differs, probes := replay(t, m, way, source, noMistake)
	c.probes.Add(int64(probes))
	if differs != "" {
		t.Fatalf("the engine leaves the model:\n%s", differs)
	}
}

func (c *replayed) log(t *testing.T) {
	t.Helper()
	t.Logf("%d traces of %d steps, %d refused requests in between", c.traces.Load(), c.steps.Load(), c.probes.Load())
}

func TestEngineFollowsEveryShortPathOfTheModel(t *testing.T) {
	t.Parallel()
	for _, set := range []struct {
		Config
		steps int
	}{
		{Config{Name: "one request, Redis", Requests: []Request{{}}, Redis: true, Faults: 1}, 7},
		{Config{Name: "one request, batches arriving in part", Requests: []Request{{}}, Halves: true, Refuses: true, Faults: 2}, 7},
		{Config{Name: "two copies", Requests: []Request{{}, {}}}, 6},
		{Config{Name: "one request, its key is given up", Requests: []Request{{}}, GivesUp: true, Redis: true}, 7},
		{Config{Name: "local effect, two bodies", Requests: []Request{{Local: true}, {Local: true, Body: 1}}, Redis: true, Faults: 1}, 6},
	} {
		t.Run(set.Name, func(t *testing.T) {
			t.Parallel()
			if RaceEnabled {
				set.steps -= 2
			}
			var count replayed
			p := newTracer(set.Config)
			p.each(set.steps, set.Faults, func(way []leg) { count.follow(t, p.m, way, nil) })
			count.log(t)
		})
	}
}

func TestEngineTakesEveryTransitionOfTheModel(t *testing.T) {
	t.Parallel()
	for _, set := range []struct {
		Config
		large bool
	}{
		{Config{Name: "one request", Requests: []Request{{}}, Faults: 1}, false},
		{Config{Name: "local effect, two copies", Requests: []Request{{Local: true}, {Local: true}}, Faults: 3, Redis: true, Lies: true}, false},
		{Config{Name: "local effect, its key is given up", Requests: []Request{{Local: true}, {Local: true}}, Faults: 2, GivesUp: true}, false},
		{Config{Name: "one request, two faults", Requests: []Request{{}}, Faults: 2}, true},
		{Config{Name: "one request, declined or refused", Requests: []Request{{}}, Faults: 1, Refuses: true, Declines: true}, true},
		{Config{Name: "one request, batches arriving in part", Requests: []Request{{}}, Faults: 2, Halves: true}, true},
		{Config{Name: "one request, records expire", Requests: []Request{{}}, Faults: 1, Life: true}, true},
		{Config{Name: "two copies", Requests: []Request{{}, {}}}, true},
		{Config{Name: "two bodies", Requests: []Request{{}, {Body: 1}}}, true},
		{Config{Name: "two keys for one order", Requests: []Request{{}, {Key: 1}}}, true},
	} {
		if set.large && *walks < 1000 || RaceEnabled && !set.Requests[0].Local {
			continue // too large for each test run: `make model` takes them, with -walks=1000
		}
		t.Run(set.Name, func(t *testing.T) {
			t.Parallel()
			var count replayed
			p := newTracer(set.Config)
			worlds, transitions := p.tour(set.Faults, func(way []leg) { count.follow(t, p.m, way, nil) })
			count.log(t)
			t.Logf("they take all %d transitions between %d worlds", transitions, worlds)
		})
	}
}

func TestEngineFollowsLongWalksThroughTheModel(t *testing.T) {
	t.Parallel()
	n := *walks
	if RaceEnabled {
		n = few
	}
	var count replayed
	t.Run("all", func(t *testing.T) {
		for _, setup := range Standard() {
			t.Run(setup.Name, func(t *testing.T) {
				t.Parallel()
				p := newTracer(setup.Config).wander(1)
				for range n {
					count.follow(t, p.m, p.walk(60, 3), p.source)
				}
			})
		}
	})
	count.log(t)
	if RaceEnabled {
		return
	}
	for e := range count.events {
		if happens := count.events[e].Load() > 0; happens == sabotageOnly[event(e)] && !tooRare[event(e)] {
			t.Errorf("got %d times: %s; want some, unless a sabotage does it", count.events[e].Load(), events[e].text)
		}
	}
}

// tooRare are events that few walks lead to. The first has a test of its own, and the engine has no part in the second.
var tooRare = map[event]bool{wokeTooLate: true, cancelRefused: true}
