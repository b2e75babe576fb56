package batches_test

import (
	"slices"
	"sync"
	"testing"

	"github.com/payonce/payonce/internal/batches"
)

// gated tells of each batch that is complete, sends nothing before open is closed, and keeps what it sent.
type gated struct {
	mu       sync.Mutex
	sent     [][]int
	complete chan struct{}
	open     chan struct{}
}

func newGated() *gated {
	return &gated{complete: make(chan struct{}, 2*batches.Room), open: make(chan struct{})}
}

func (g *gated) send(batch []int) {
	g.complete <- struct{}{}
	<-g.open
	g.mu.Lock()
	defer g.mu.Unlock()
	g.sent = append(g.sent, slices.Clone(batch))
}

func TestWhatWaitsAtTheSameMomentTravelsTogether(t *testing.T) {
	t.Parallel()
	g := newGated()
	b := batches.New(g.send)
	b.Offer(0)
	<-g.complete // an empty queue would not do: one that is gathering adds what comes in the meantime
	const many = batches.Size + 5
	for i := range many {
		b.Offer(1 + i)
	}
	close(g.open)
	b.Stop()
	var sizes, all []int
	for _, batch := range g.sent {
		sizes, all = append(sizes, len(batch)), append(all, batch...)
	}
	if want := []int{1, batches.Size, 5}; !slices.Equal(sizes, want) {
		t.Errorf("batches of %v, want %v", sizes, want)
	}
	if len(all) != many+1 || !slices.IsSorted(all) {
		t.Errorf("sent %v", all)
	}
}

func TestAFullQueueAndAnEndRefuseAndNeverWait(t *testing.T) {
	t.Parallel()
	g := newGated()
	b := batches.New(g.send)
	taken := 0
	for range batches.Room + 2*batches.Size {
		if b.Offer(taken) {
			taken++
		}
	}
	if taken < batches.Room || taken > batches.Room+batches.Size {
		t.Errorf("%d were taken", taken)
	}
	close(g.open)
	b.Stop()
	b.Stop() // again does nothing
	if b.Offer(0) || !b.Stopped() {
		t.Error("one was taken after the end")
	}
	<-b.Ended()
	sent := 0
	for _, batch := range g.sent {
		sent += len(batch)
	}
	if sent != taken {
		t.Errorf("%d were taken and %d sent", taken, sent)
	}
}
