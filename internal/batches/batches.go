// Package batches lets what waits at the same moment travel together.
package batches

import "sync"

const (
	// Size is how many travel together at most.
	Size = 64
	// Room is how many wait at most.
	Room = 1024
)

// Batches sends what is queued from one goroutine, as much as is waiting at once: while one batch is on its way the next gathers
// (group commit). So a busy service pays one round trip for many, and an idle one doesn't wait.
type Batches[T any] struct {
	send  func(batch []T)
	queue chan T
	quit  chan struct{}
	ended chan struct{}
	close sync.Once
}

// New starts the goroutine. send may change the batch that it gets, and not keep it.
func New[T any](send func(batch []T)) *Batches[T] {
	b := &Batches[T]{send: send, queue: make(chan T, Room), quit: make(chan struct{}), ended: make(chan struct{})}
	go b.run()
	return b
}

// Offer queues one, unless the queue is full or its end has come. It never waits.
func (b *Batches[T]) Offer(one T) bool {
	if b.Stopped() {
		return false
	}
	select {
	case b.queue <- one:
		return true
	default:
		return false
	}
}

// Stopped is true from the beginning of Stop on.
func (b *Batches[T]) Stopped() bool {
	select {
	case <-b.quit:
		return true
	default:
		return false
	}
}

// Stop sends what is queued, and waits for the goroutine.
func (b *Batches[T]) Stop() {
	b.close.Do(func() { close(b.quit) })
	<-b.ended
}

// Ended is closed when Stop has sent everything.
func (b *Batches[T]) Ended() <-chan struct{} { return b.ended }

// Waiting is how many are queued now.
func (b *Batches[T]) Waiting() int { return len(b.queue) }

func (b *Batches[T]) run() {
	defer close(b.ended)
	batch := make([]T, 0, Size)
	for {
		select {
		case first := <-b.queue:
			batch = b.gather(append(batch[:0], first))
			b.send(batch)
		case <-b.quit:
			for batch = b.gather(batch[:0]); len(batch) > 0; batch = b.gather(batch[:0]) {
				b.send(batch)
			}
			return
		}
		clear(batch)
	}
}

// gather adds what is waiting.
func (b *Batches[T]) gather(batch []T) []T {
	for len(batch) < Size {
		select {
		case one := <-b.queue:
			batch = append(batch, one)
		default:
			return batch
		}
	}
	return batch
}
