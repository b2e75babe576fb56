package idempotency

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"
)

// attemptAgain waits for the outcome of the request that the first attempt has met, and tries again until the outcome is there or the time
// that the client gave is over. A waiter holds no connection: it listens to a flight of this process, or pauses between attempts.
func (e *Engine[T]) attemptAgain(ctx context.Context, req Request, work *binding[T], first result) (r result) {
	select {
	case e.waiters <- struct{}{}:
		defer func() { <-e.waiters }()
	default: // enough are waiting
		return first
	}
	ctx, end := e.opt.Observer.Start(ctx, SpanWait)
	defer func() { end(r.err) }()
	admission := first.outcome.Admission
	req.Limiter = "" // counted once
	ctx, cancel := context.WithTimeout(ctx, min(req.Wait, e.opt.MaxWait))
	defer cancel()
	r = first
	pause := newBackoff()
	for inFlight := first.inFlight(); inFlight != nil && pause.after(ctx, inFlight.done); inFlight = r.inFlight() {
		r = e.attempt(ctx, req, work)
	}
	r.outcome.Admission, r.outcome.Waited = admission, r.err == nil
	return r
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
	pause := b.next/2 + rand.N(b.next/2)
	b.next = min(2*b.next, 250*time.Millisecond)
	return sleep(ctx, pause)
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
