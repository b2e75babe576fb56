package idempotency

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"time"
)

// flights are the keys this process is working on. A copy that meets its own kind here costs nobody a round trip, and
// never holds a connection.
type flights struct {
	mu      sync.Mutex
	running map[recordID]*flight
}

// flight is one request under way. Most of them meet no copy, so what tells the copies of its end is made by the first.
type flight struct{ done chan struct{} }

// enter returns what tells of the end of the request with this key that is under way, and nil if there was none: the caller's
// is under way from then on.
func (f *flights) enter(id recordID) (others <-chan struct{}) {
	f.mu.Lock()
	defer f.mu.Unlock()
	running, ok := f.running[id]
	if !ok {
		f.running[id] = &flight{}
		return nil
	}
	if running.done == nil {
		running.done = make(chan struct{})
	}
	return running.done
}

func (f *flights) leave(id recordID) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if done := f.running[id].done; done != nil {
		close(done)
	}
	delete(f.running, id)
}

// waited tries once, and then, if the request asked for it, again until the outcome is there or its time is over.
// A waiter holds no connection: it listens to a flight of this process, or pauses between attempts.
func (e *Engine[T]) waited(ctx context.Context, req Request, work Work[T]) (Outcome, error) {
	out, err := e.once(ctx, req, work)
	inFlight, ok := errors.AsType[*InFlightError](err)
	if !ok || req.Wait <= 0 {
		return out, err
	}
	select {
	case e.waiters <- struct{}{}:
		defer func() { <-e.waiters }()
	default: // enough are waiting
		return out, err
	}
	admission := out.Admission
	req.Limiter = "" // counted once
	ctx, cancel := context.WithTimeout(ctx, min(req.Wait, e.opt.MaxWait))
	defer cancel()
	for pause := newBackoff(); ok && pause.after(ctx, inFlight.done); {
		out, err = e.once(ctx, req, work)
		inFlight, ok = errors.AsType[*InFlightError](err)
	}
	out.Admission, out.Waited = admission, err == nil
	return out, err
}

// backoff pauses between attempts: doubled each time from 10 ms to 250 ms, and jittered by half.
type backoff struct{ next time.Duration }

func newBackoff() *backoff { return &backoff{next: 10 * time.Millisecond} }

// wait pauses; false when the context ended first.
func (b *backoff) wait(ctx context.Context) bool { return b.after(ctx, nil) }

// after waits for done, if there is one, and then pauses.
func (b *backoff) after(ctx context.Context, done <-chan struct{}) bool {
	if done != nil {
		select {
		case <-done:
		case <-ctx.Done():
			return false
		}
	}
	timer := time.NewTimer(b.next/2 + rand.N(b.next/2))
	defer timer.Stop()
	b.next = min(2*b.next, 250*time.Millisecond)
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// untilAnswered asks again while the store is unavailable, until the context ends.
func untilAnswered(ctx context.Context, ask func() (*Record, error)) (*Record, error) {
	for pause := newBackoff(); ; {
		rec, err := ask()
		if err == nil || !errors.Is(err, ErrUnavailable) || !pause.wait(ctx) {
			return rec, err
		}
	}
}
