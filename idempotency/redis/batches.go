package redis

import "sync"

// batchSize and batchQueue bound what travels together and what waits.
const (
	batchSize  = 64
	batchQueue = 1024
)

// batches sends what is queued from one goroutine, as much as is waiting in one pipeline: while one batch is on its way the
// next gathers (group commit). So a busy service pays one round trip for many requests, and an idle one doesn't wait.
type batches[T any] struct {
	send  func(batch []T)
	queue chan T
	quit  chan struct{}
	ended chan struct{}
	close sync.Once
}

// newBatches starts the goroutine. send gets a batch that it may not keep.
func newBatches[T any](send func(batch []T)) *batches[T] {
	b := &batches[T]{send: send, queue: make(chan T, batchQueue), quit: make(chan struct{}), ended: make(chan struct{})}
	go b.run()
	return b
}

// offer queues one, unless the queue is full or its end has come. It never waits.
func (b *batches[T]) offer(one T) bool {
	if b.stopped() {
		return false
	}
	select {
	case b.queue <- one:
		return true
	default:
		return false
	}
}

// stopped is true from the beginning of stop on.
func (b *batches[T]) stopped() bool {
	select {
	case <-b.quit:
		return true
	default:
		return false
	}
}

// stop sends what is queued, and waits for the goroutine.
func (b *batches[T]) stop() {
	b.close.Do(func() { close(b.quit) })
	<-b.ended
}

func (b *batches[T]) run() {
	defer close(b.ended)
	batch := make([]T, 0, batchSize)
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
func (b *batches[T]) gather(batch []T) []T {
	for len(batch) < batchSize {
		select {
		case one := <-b.queue:
			batch = append(batch, one)
		default:
			return batch
		}
	}
	return batch
}
