package load

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// Source appends the i-th request to b, head and body. Connections call it at the same time, each i once.
type Source func(b []byte, i int) []byte

// Closed is load in a closed loop: each connection sends its next request as soon as it has the answer to the last one.
type Closed struct {
	Address string   // HOST:PORT
	Beside  []string // more of them, which take turns with Address: each connection keeps to one
	Conns   int
	Warm    time.Duration // answers in the beginning are not counted
	Length  time.Duration // of what is counted
	Next    Source
	First   int // the first i
	Most    int // at most so many requests, the uncounted ones included; the slice ends early then
	Want    int // the status of an answer that counts
}

// Run sends until the time or the requests are over. Used says how many i were taken.
func (l Closed) Run(ctx context.Context) (result Result, used int, err error) {
	conns, err := dialAll(ctx, append([]string{l.Address}, l.Beside...), l.Conns)
	if err != nil {
		return Result{}, 0, err
	}
	defer closeAll(conns)
	begin := time.Now().Add(l.Warm)
	end := begin.Add(l.Length)
	var (
		group  sync.WaitGroup
		taken  atomic.Int64
		mu     sync.Mutex
		failed error
		last   time.Time // when the last counted answer came, if the requests were over before the time
	)
	for _, conn := range conns {
		conn.until(end.Add(patience))
		group.Go(func() {
			w := worker{Closed: l, conn: conn, begin: begin, end: end, taken: &taken}
			err := w.run()
			mu.Lock()
			defer mu.Unlock()
			result.add(w.latencies, w.wrong)
			failed = errors.Join(failed, err)
			if w.last.After(last) {
				last = w.last
			}
		})
	}
	group.Wait()
	result.Elapsed = last.Sub(begin)
	return result, min(int(taken.Load()), l.Most), failed
}

type worker struct {
	Closed
	conn       *Conn
	begin, end time.Time
	taken      *atomic.Int64
	latencies  []time.Duration
	wrong      map[int]int
	last       time.Time
}

func (w *worker) run() error {
	request := make([]byte, 0, 1024)
	now := time.Now()
	for now.Before(w.end) {
		i := int(w.taken.Add(1)) - 1
		if i >= w.Most {
			return nil
		}
		request = w.Next(request[:0], w.First+i)
		sent := time.Now()
		answer, err := w.conn.Do(request)
		if err != nil {
			return err
		}
		now = time.Now()
		if sent.Before(w.begin) {
			continue
		}
		w.last = now
		if answer.Status != w.Want {
			if w.wrong == nil {
				w.wrong = map[int]int{}
			}
			w.wrong[answer.Status]++
			continue
		}
		w.latencies = append(w.latencies, now.Sub(sent))
	}
	return nil
}

// Each sends n requests one after the other on one connection, and fails unless all are answered as wanted.
func Each(ctx context.Context, address string, first, n, want int, next Source, each func(Answer)) error {
	conn, err := Dial(ctx, address)
	if err != nil {
		return err
	}
	defer conn.Close()
	var request []byte
	for i := range n {
		conn.until(time.Now().Add(patience))
		request = next(request[:0], first+i)
		answer, err := conn.Do(request)
		if err != nil {
			return err
		}
		if answer.Status != want {
			return fmt.Errorf("answered %d, not %d: %s", answer.Status, want, answer.Body)
		}
		if each != nil {
			each(answer)
		}
	}
	return ctx.Err()
}
