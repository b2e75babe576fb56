package load

import (
	"slices"
	"time"
)

// Result is what a slice of load came to.
type Result struct {
	Elapsed   time.Duration
	Latencies []time.Duration // of the counted requests, in no order
	Wrong     map[int]int     // answers with another status than wanted, by status; they are not counted above
}

// Requests is how many were answered as wanted.
func (r Result) Requests() int { return len(r.Latencies) }

// Rate is how many were answered as wanted in a second.
func (r Result) Rate() float64 {
	if r.Elapsed <= 0 {
		return 0
	}
	return float64(len(r.Latencies)) / r.Elapsed.Seconds()
}

// add merges what one connection saw.
func (r *Result) add(latencies []time.Duration, wrong map[int]int) {
	r.Latencies = append(r.Latencies, latencies...)
	for status, n := range wrong {
		if r.Wrong == nil {
			r.Wrong = map[int]int{}
		}
		r.Wrong[status] += n
	}
}

// Percentile is the smallest latency that so large a part (0 to 1) of all latencies does not exceed; zero of none. It
// sorts the slice.
func Percentile(latencies []time.Duration, part float64) time.Duration {
	if len(latencies) == 0 {
		return 0
	}
	slices.Sort(latencies)
	at := int(part*float64(len(latencies))+0.9999999) - 1
	return latencies[min(max(at, 0), len(latencies)-1)]
}
