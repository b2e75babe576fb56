package metrics

import (
	"maps"
	"sync"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
)

// known are the series that were used before. A vector finds a series by hashing its labels each time, and a request
// counts ten of them; there are only as many as there are routes, statuses and steps, so they are copied when one is new.
type known[L comparable, S any] struct {
	mu     sync.Mutex
	series atomic.Pointer[map[L]S]
}

// of returns the series with the labels, found by find at the first time.
func (k *known[L, S]) of(labels L, find func(L) S) S {
	if series := k.series.Load(); series != nil {
		if found, ok := (*series)[labels]; ok {
			return found
		}
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	found := find(labels)
	more := map[L]S{labels: found}
	if series := k.series.Load(); series != nil {
		maps.Copy(more, *series)
	}
	k.series.Store(&more)
	return found
}

type requestLabels struct {
	route, method string
	status        int
}

type requestSeries struct {
	count   prometheus.Counter
	latency prometheus.Observer
}
