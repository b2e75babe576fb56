package idempotency_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/payonce/payonce/idempotency"
)

// slow is a local effect that takes a second of the bubble's time.
func slow(runs *int, end error) idempotency.Work[*tx] {
	work := writing(runs)
	inner := work.Local.Run
	work.Local.Run = func(ctx context.Context, t *tx) (*idempotency.Response, error) {
		time.Sleep(time.Second) //nolint:forbidigo // the bubble's clock
		if *runs == 0 && end != nil {
			*runs++
			return nil, end
		}
		return inner(ctx, t)
	}
	return work
}

func TestWaitersReplayTheFirstOnesOutcome(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, runs := newStore(), 0
		engine := idempotency.New(s, nil, idempotency.Options{})
		req := request()
		req.Wait = 5 * time.Second
		work := slow(&runs, nil)
		var group sync.WaitGroup
		for range 20 {
			group.Go(func() {
				if out, err := engine.Do(t.Context(), req, work); err != nil || string(out.Response.Body) != "made" {
					t.Errorf("%v", err)
				}
			})
		}
		group.Wait()
		if runs != 1 {
			t.Errorf("%d runs", runs)
		}
	})
}

func TestAWaiterExecutesWhenTheFirstEndsWithoutAnOutcome(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, runs := newStore(), 0
		engine := idempotency.New(s, nil, idempotency.Options{})
		refused := errors.New("not now")
		req := request()
		req.Wait = 10 * time.Second
		work := slow(&runs, refused)
		failed := 0
		var mu sync.Mutex
		var group sync.WaitGroup
		for range 5 {
			group.Go(func() {
				_, err := engine.Do(t.Context(), req, work)
				mu.Lock()
				defer mu.Unlock()
				if errors.Is(err, refused) {
					failed++
				} else if err != nil {
					t.Error(err)
				}
			})
		}
		group.Wait()
		if failed != 1 || runs != 2 {
			t.Errorf("%d failed, %d runs", failed, runs)
		}
	})
}

func TestWaitingEndsAfterItsTimeAndIsBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, o := newStore(), &operation{}
		o.call = func(context.Context) told {
			time.Sleep(10 * time.Second) //nolint:forbidigo // the bubble's clock
			return told{truth: "charged"}
		}
		engine := idempotency.New(s, o, idempotency.Options{MaxWait: 2 * time.Second, MaxWaiters: 1})
		go func() { _, _ = engine.Do(t.Context(), request(), charging(o)) }()
		synctest.Wait()
		req := request()
		req.Wait = time.Minute
		var waited []time.Duration
		var mu sync.Mutex
		var group sync.WaitGroup
		for range 3 {
			group.Go(func() {
				begin := time.Now()
				var inFlight *idempotency.InFlightError
				if _, err := engine.Do(t.Context(), req, charging(o)); !errors.As(err, &inFlight) {
					t.Errorf("got %v", err)
				}
				mu.Lock()
				defer mu.Unlock()
				waited = append(waited, time.Since(begin))
			})
		}
		group.Wait()
		long := 0
		for _, d := range waited {
			if d >= 2*time.Second {
				long++
			}
		}
		if long != 1 {
			t.Errorf("waited %v: one may wait, for 2 s", waited)
		}
		time.Sleep(time.Minute) //nolint:forbidigo // the bubble's clock: the first ends
	})
}

// Two engines are two replicas: nothing but the store tells one of the other's request.
func TestACopyThatWaitsAtAnotherReplicaKeepsNoTransactionOpen(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, o, runs := newStore(), &operation{}, 0
		req := request()
		req.Wait = 5 * time.Second
		var group sync.WaitGroup
		group.Go(func() { _, _ = idempotency.New(s, nil, idempotency.Options{}).Do(t.Context(), req, slow(&runs, nil)) })
		synctest.Wait()
		for _, work := range []idempotency.Work[*tx]{writing(&runs), charging(o)} {
			group.Go(func() {
				out, err := idempotency.New(s, o, idempotency.Options{}).Do(t.Context(), req, work)
				if err != nil || !out.Replayed() || !out.Waited {
					t.Errorf("%+v, %v", out, err)
				}
			})
		}
		for range 5 {
			synctest.Wait()
			s.mu.Lock()
			if s.open != 1 { // the first one's
				t.Errorf("%d transactions are open while copies wait", s.open)
			}
			s.mu.Unlock()
			time.Sleep(150 * time.Millisecond) //nolint:forbidigo // the bubble's clock
		}
		group.Wait()
		if runs != 1 || o.calls != 0 {
			t.Errorf("%d runs, %d calls", runs, o.calls)
		}
	})
}
