package load

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/payonce/payonce/internal/sleep"
)

// Open is load at a fixed rate.
type Open struct {
	Address string
	Conns   int     // how many requests may be under way at once; more than that wait, and their clock runs
	Rate    float64 // requests a second
	Length  time.Duration
	Next    Source
	First   int
	Want    int
}

// Run sends for Length. A request's clock starts at its planned time when every connection was busy then, and else when
// its connection was woken for it: the generator's own lateness is not the service's.
func (l Open) Run(ctx context.Context) (result Result, used int, err error) {
	interval := time.Duration(float64(time.Second) / l.Rate)
	planned := int(l.Length / interval)
	conns, err := dialAll(ctx, []string{l.Address}, min(l.Conns, planned))
	if err != nil {
		return Result{}, 0, err
	}
	defer closeAll(conns)
	var (
		group  sync.WaitGroup
		taken  atomic.Int64
		mu     sync.Mutex
		failed error
		start  = time.Now()
	)
	for _, conn := range conns {
		conn.until(start.Add(l.Length + patience))
		group.Go(func() {
			var (
				latencies []time.Duration
				wrong     = map[int]int{}
				request   []byte
				err       error
			)
			for i := int(taken.Add(1)) - 1; i < planned && err == nil; i = int(taken.Add(1)) - 1 {
				request = l.Next(request[:0], l.First+i)
				clock := waitUntil(ctx, start.Add(time.Duration(i)*interval))
				var answer Answer
				if answer, err = conn.Do(request); err != nil {
					break
				}
				if answer.Status != l.Want {
					wrong[answer.Status]++
					continue
				}
				latencies = append(latencies, time.Since(clock))
			}
			mu.Lock()
			defer mu.Unlock()
			result.add(latencies, wrong)
			failed = errors.Join(failed, err)
		})
	}
	group.Wait()
	result.Elapsed = time.Since(start)
	return result, planned, failed
}

// waitUntil returns when the clock of a request that is planned for at starts.
func waitUntil(ctx context.Context, at time.Time) time.Time {
	left := time.Until(at)
	if left <= 0 {
		return at
	}
	sleep.For(ctx, left)
	return time.Now()
}
