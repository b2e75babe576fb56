package main

import (
	"context"
	"fmt"
	"time"

	"github.com/payonce/payonce/bench/load"
	"github.com/payonce/payonce/test/procfs"
)

// turn is what one variant did in one round.
type turn struct {
	load.Result
	mallocs, bytes float64 // of the server, per request
	cpu            spent   // per request
}

// figures are all turns of a variant.
type figures struct {
	*variant
	turns          []turn
	postgres, rdis float64 // round trips of a request, the median
	counted        bool
	disturbed      []*disturbedError // turns that were measured again
}

// rounds lets every variant have its turn, in an order that moves on from round to round.
func rounds(ctx context.Context, variants []*variant, o options, progress func(string)) ([]*figures, error) {
	all := make([]*figures, len(variants))
	for i, v := range variants {
		all[i] = &figures{variant: v}
	}
	for round := range o.rounds {
		for i := range all {
			f := all[(i+round)%len(all)]
			progress(fmt.Sprintf("round %d of %d: %s", round+1, o.rounds, f.name))
			t, disturbed, err := undisturbed(ctx, o, func(o options) (turn, error) { return f.turn(ctx, o) })
			f.disturbed = append(f.disturbed, disturbed...)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", f.name, err)
			}
			f.turns = append(f.turns, t)
		}
	}
	return all, nil
}

// wants is how many requests a turn may need, by what the last one took.
func (f *figures) wants(o options) int {
	rate := f.guess
	if len(f.turns) > 0 {
		rate = max(rate, 1.4*f.turns[len(f.turns)-1].Rate())
	}
	return int(rate*(o.slice+o.warm).Seconds()) + 4*o.conns
}

// tolerated is the part of answers with another status, or from another level, that makes a turn worthless. A few of them are
// usual on a busy machine.
const tolerated = 0.05

func (f *figures) turn(ctx context.Context, o options) (turn, error) {
	first, most, err := f.reserve(ctx, f.wants(o))
	if err != nil {
		return turn{}, fmt.Errorf("prepare: %w", err)
	}
	before, err := f.figuresOf(ctx)
	if err != nil {
		return turn{}, err
	}
	result, used, err := load.Closed{
		Address: f.server.address, Beside: f.addresses(), Conns: o.conns, Warm: o.warm, Length: o.slice, Next: f.next, First: first, Most: most, Want: wanted(f.name),
	}.Run(ctx)
	f.spent(used)
	if err == nil && f.settle != nil {
		var behind time.Duration
		behind, err = f.settle(ctx, used-count(result.Wrong))
		result.Elapsed += behind
	}
	if err != nil {
		return turn{}, err
	}
	after, err := f.figuresOf(ctx)
	if err != nil {
		return turn{}, err
	}
	for _, server := range f.servers() {
		server.forgetLog()
	}
	if wrong := count(result.Wrong); float64(wrong) > tolerated*float64(result.Requests()) {
		return turn{}, fmt.Errorf("of %d requests these were answered otherwise, by status: %v", result.Requests()+wrong, result.Wrong)
	}
	if f.outcome != "" {
		if as := after.outcomes[f.outcome] - before.outcomes[f.outcome]; as < (1-tolerated)*float64(used) {
			return turn{}, &disturbedError{wanted: f.outcome, requests: used, events: after.since(before)}
		}
	}
	n := float64(used)
	return turn{
		Result: result, mallocs: (after.mallocs - before.mallocs) / n, bytes: (after.bytes - before.bytes) / n,
		cpu: after.cpu.per(before.cpu, n),
	}, nil
}

// servers are the replicas, of which most variants have one.
func (f *figures) servers() []*child { return append([]*child{f.server}, f.replicas...) }

// addresses are those of the replicas beside the first.
func (f *figures) addresses() (list []string) {
	for _, server := range f.replicas {
		list = append(list, server.address)
	}
	return list
}

// figuresOf asks the servers for their figures; the simulator keeps none.
func (f *figures) figuresOf(ctx context.Context) (gauges, error) {
	g := gauges{outcomes: map[string]float64{}, redis: map[string]float64{}, cpu: f.stage.storesTimes()}
	if f.name == simulatorAlone {
		return g, nil
	}
	for _, server := range f.servers() {
		one, err := server.read(ctx)
		if err != nil {
			return g, err
		}
		g.add(one)
		g.cpu.server += procfs.ProcessorTime(server.cmd.Process.Pid)
	}
	return g, nil
}

func wanted(name string) int {
	if name == simulatorAlone || name == firstCapture || name == plainCapture {
		return 200
	}
	return 201
}

func count(byStatus map[int]int) (n int) {
	for _, of := range byStatus {
		n += of
	}
	return n
}

// rates are the requests a second of each round.
func (f *figures) rates() []float64 {
	rates := make([]float64, len(f.turns))
	for i, t := range f.turns {
		rates[i] = t.Rate()
	}
	return rates
}

// processor is the time a request took of servers and stores in each round.
func (f *figures) processor() []float64 {
	used := make([]float64, len(f.turns))
	for i, t := range f.turns {
		used[i] = t.cpu.all()
	}
	return used
}

// latencies are those of all rounds together.
func (f *figures) latencies() []time.Duration {
	var all []time.Duration
	for _, t := range f.turns {
		all = append(all, t.Latencies...)
	}
	return all
}

// per is the median over the rounds of a figure per request.
func (f *figures) per(of func(turn) float64) float64 {
	values := make([]float64, len(f.turns))
	for i, t := range f.turns {
		values[i] = of(t)
	}
	return median(values)
}
