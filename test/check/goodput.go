package check

import (
	"cmp"
	"slices"
	"time"
)

const (
	// returnLimit is how long after a fault's end service may take to return.
	returnLimit = Time(5 * time.Second / time.Microsecond)
	// lastSecond of a window is when clients must still ask, or its fault is not judged.
	lastSecond = Time(time.Second / time.Microsecond)
	// enoughAsked is how many requests must be sent, and none of them served, before a fault is judged.
	enoughAsked = 5
)

// window is the time after one fault's end.
type window struct {
	fault  Fault
	until  Time          // later when a fault that stops everything came in between
	asked  map[int]int64 // requests by status, however late it came
	last   Time          // when the last of them was sent
	served bool
}

// goodput follows whether clients are served again.
type goodput struct {
	windows []*window // by the fault's end
	longest Time
}

func newGoodput(faults []Fault) goodput {
	var g goodput
	var stops []Fault
	for _, f := range faults {
		g.windows = append(g.windows, &window{fault: f, until: f.Ended + returnLimit, asked: map[int]int64{}})
		if f.Stops {
			stops = append(stops, f)
		}
	}
	slices.SortFunc(g.windows, func(a, b *window) int { return cmp.Compare(a.fault.Ended, b.fault.Ended) })
	slices.SortFunc(stops, func(a, b Fault) int { return cmp.Compare(a.Ended, b.Ended) })
	for _, w := range g.windows {
		first, _ := slices.BinarySearchFunc(stops, w.fault.Ended, func(f Fault, at Time) int { return cmp.Compare(f.Ended, at) })
		for _, f := range stops[first:] {
			if f.Began < w.until {
				w.until = max(w.until, f.Ended+returnLimit)
			}
		}
		g.longest = max(g.longest, w.until-w.fault.Ended)
	}
	return g
}

// add counts a request that was sent after a fault. Only new work counts: replays and refusals say nothing about it.
func (g *goodput) add(e *Event) {
	served := e.outcome() && !e.Replayed
	if e.Key == "" || (!served && e.Status != 0 && e.Status < 500) {
		return
	}
	after, _ := slices.BinarySearchFunc(g.windows, e.Sent+1, func(w *window, at Time) int { return cmp.Compare(w.fault.Ended, at) })
	for i := after - 1; i >= 0 && g.windows[i].fault.Ended >= e.Sent-g.longest; i-- {
		w := g.windows[i]
		if e.Sent <= w.until {
			w.asked[e.Status]++
			w.last = max(w.last, e.Sent)
		}
		w.served = w.served || (served && e.Answered <= w.until)
	}
}

// judge leaves out a fault after which too little was asked: few requests, or none any more in the last second before the limit.
// Clients whose last answers were lost get replays and are done, and no new work could show that service is back.
func (g *goodput) judge(r *Report) {
	r.Faults = int64(len(g.windows))
	for _, w := range g.windows {
		var asked int64
		for _, n := range w.asked {
			asked += n
		}
		if !w.served && (asked < enoughAsked || w.last < w.until-lastSecond) {
			continue
		}
		r.Judged++
		if !w.served {
			r.violated(GoodputReturns, "%s ended at %s; of %d requests (%s) none was served until %s", w.fault,
				w.fault.Ended.Time().Format("15:04:05.000"), asked, statuses(w.asked), w.until.Time().Format("15:04:05.000"))
		}
	}
}
