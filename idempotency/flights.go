package idempotency

import (
	"context"
	"errors"
	"sync"
	"time"
)

const (
	// followPatience bounds how long a copy waits for the first one's look-up; then it is refused as in flight.
	followPatience = time.Second
	// maxFollowers bounds how many copies of the process wait so at once. They hold no connection.
	maxFollowers = 4096
)

// flights are the keys that this process is working on. A copy that finds its key here costs no round trip, and never
// holds a connection.
type flights struct {
	mu        sync.Mutex
	running   map[recordID]*flight
	following int
}

// flight is one request under way. At first it looks its key up. It ends with what it found, or it executes from some
// moment on and ends with what that made. The fields are guarded by the mutex of flights; the end is also read behind done.
type flight struct {
	executing bool          // the key was looked up and is new, or a claim whose lease was over was taken
	known     chan struct{} // closed when the flight executes or has ended. Both are made by the first copy: most
	done      chan struct{} // flights have none. Closed when the flight has ended.

	end result // how the first request ended, and the record that it found or made, if there is one
}

// enter returns the flight with this key. leads: there was none, and the caller has to end it with leave.
func (f *flights) enter(id recordID) (_ *flight, leads bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	running, ok := f.running[id]
	if !ok {
		running = &flight{}
		f.running[id] = running
		return running, true
	}
	if running.done == nil {
		running.known, running.done = make(chan struct{}), make(chan struct{})
		if running.executing {
			close(running.known)
		}
	}
	return running, false
}

// executes ends the look-up of a flight: its copies are refused from now on. Recovery has no flight.
func (f *flights) executes(running *flight) {
	if running == nil {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if !running.executing && running.known != nil {
		close(running.known)
	}
	running.executing = true
}

func (f *flights) leave(id recordID, end result) {
	f.mu.Lock()
	defer f.mu.Unlock()
	running := f.running[id]
	delete(f.running, id)
	running.end = end
	if running.done == nil {
		return
	}
	close(running.done) // first: ended reads it behind known
	if !running.executing {
		close(running.known)
	}
}

// ended waits until the flight executes or has ended, or the context is over; true when it has ended.
func (f *flights) ended(ctx context.Context, running *flight) bool {
	if !f.room() {
		return false
	}
	defer func() {
		f.mu.Lock()
		f.following--
		f.mu.Unlock()
	}()
	select {
	case <-running.known:
	case <-ctx.Done():
	}
	select {
	case <-running.done:
		return true
	default:
		return false
	}
}

func (f *flights) room() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.following >= maxFollowers {
		return false
	}
	f.following++
	return true
}

// follow answers a copy of a request that is under way in this process: a key that is completed is replayed to every
// copy, so a copy waits for the first one's look-up, and the stores are asked by one of them. That the key is in flight
// elsewhere, or that the store is away, holds for a copy that was there before the look-up began; one that came
// later may have been sent after the key was completed, and follows or leads once more.
func (e *Engine[T]) follow(ctx context.Context, req Request, running *flight, work *binding[T]) result {
	patience, cancel := context.WithTimeout(ctx, followPatience)
	defer cancel()
	for here := false; ; here = true {
		if !e.flights.ended(patience, running) {
			return failed(&InFlightError{RetryAfter: minRetry, done: running.done})
		}
		switch rec, err := running.end.record, running.end.err; {
		case rec != nil && rec.State != InProgress:
			return replay(req, rec, SourceMemory)
		case here && conclusive(err):
			return failed(err)
		}
		if _, refusal := work.read(); refusal != nil { // alone: what it learns holds for no other body
			return e.refuse(ctx, req, refusal)
		}
		next, leads := e.flights.enter(req.id())
		if leads {
			return e.runLeader(ctx, req, next, work)
		}
		running = next
	}
}

// conclusive reports whether an error of the first request says something of its key, and not only of that request.
func conclusive(err error) bool {
	return failed(err).inFlight() != nil || errors.Is(err, ErrUnavailable)
}
