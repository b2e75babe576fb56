package chaos

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
)

// fault is a kind of failure and how often it comes.
type fault struct {
	name    string
	perHour float64
	// lane: what one thing suffers comes one after the other. "replica" is one for each of them.
	lane  string
	stops bool // no request may be served meanwhile
	// blocks: this replica can serve no request meanwhile
	blocks bool
	do     func(w *world, s strike)
}

// strike is one fault of the plan.
type strike struct {
	fault   *fault
	at      time.Duration // since the start
	replica int
	length  time.Duration // for faults that last
	bytes   int           // for those that cut
	times   int           // for those that are armed
}

func (s strike) lane() string {
	switch s.fault.lane {
	case "postgres", "redis", "clock":
		return s.fault.lane
	}
	return fmt.Sprint(s.fault.lane, " ", s.replica)
}

// plan is everything that will happen.
type plan struct {
	seed    uint64
	rates   map[string]float64 // drawn, per hour
	strikes []strike           // in the order of time
}

// makePlan draws a plan. Whatever the length, each fault comes at least once.
func makePlan(seed uint64, length time.Duration, faults []*fault) plan {
	rng := rand.New(rand.NewPCG(seed, 1))
	p := plan{seed: seed, rates: map[string]float64{}}
	for _, f := range faults {
		rate := f.perHour * (0.9 + rng.Float64()/2)
		p.rates[f.name] = rate
		for range max(1, int(rate*length.Hours()+0.5)) {
			s := strike{fault: f, replica: rng.IntN(replicas), times: 1 + rng.IntN(3), bytes: rng.IntN(300)}
			s.at = time.Duration((0.03 + 0.87*rng.Float64()) * float64(length))
			s.length = time.Duration(20+rng.IntN(500)) * time.Millisecond
			if rng.IntN(8) == 0 { // beyond every lease
				s.length += lease
			}
			p.strikes = append(p.strikes, s)
		}
	}
	slices.SortStableFunc(p.strikes, func(a, b strike) int { return cmp.Compare(a.at, b.at) })
	return p
}

// lanes are the strikes that come one after the other.
func (p plan) lanes() map[string][]strike {
	lanes := map[string][]strike{}
	for _, s := range p.strikes {
		lanes[s.lane()] = append(lanes[s.lane()], s)
	}
	return lanes
}

func (p plan) count(name string) (n int) {
	for _, s := range p.strikes {
		if s.fault.name == name {
			n++
		}
	}
	return n
}

func TestAPlanFollowsFromItsSeed(t *testing.T) {
	t.Parallel()
	text := func(seed uint64) string {
		var b strings.Builder
		for _, s := range makePlan(seed, time.Minute, allFaults()).strikes {
			fmt.Fprintln(&b, s.fault.name, s.at, s.replica, s.length, s.bytes, s.times)
		}
		return b.String()
	}
	first, again := text(1), text(1)
	if first != again || first == text(2) {
		t.Error("a plan is not a function of its seed")
	}
	short := makePlan(3, time.Second, allFaults())
	for _, f := range allFaults() {
		if short.count(f.name) == 0 {
			t.Errorf("%s never comes", f.name)
		}
	}
}

// What the issue asks for in an hour is what an hour's plan holds.
func TestAnHoursPlanIsLongEnough(t *testing.T) {
	t.Parallel()
	for seed := range uint64(20) {
		p := makePlan(seed, time.Hour, allFaults())
		for name, least := range map[string]int{"kill": 3000, "restart postgres": 100, "flush redis": 600} {
			if n := p.count(name); n < least {
				t.Errorf("seed %d: %d times %s, want %d", seed, n, name, least)
			}
		}
		cuts := 0
		for _, s := range p.strikes {
			if strings.HasPrefix(s.fault.name, "cut") && strings.HasSuffix(s.fault.name, "commit") {
				cuts += s.times
			}
		}
		if cuts < 4000 { // twice what is wanted: not every one finds its moment
			t.Errorf("seed %d: %d cuts of a commit", seed, cuts)
		}
	}
}
