package redis

import (
	"sync/atomic"
	"time"
)

// fixedPrimary is a store whose clock and timeline move by hand.
type fixedPrimary struct {
	now      atomic.Pointer[time.Time]
	timeline atomic.Uint32
}

func newFixedPrimary() *fixedPrimary {
	a := &fixedPrimary{}
	a.timeline.Store(3)
	a.set(testRecord().ExpiresAt.Add(-time.Hour))
	return a
}

func (a *fixedPrimary) set(now time.Time) { a.now.Store(&now) }
func (a *fixedPrimary) Now() time.Time    { return *a.now.Load() }
func (a *fixedPrimary) Timeline() uint32  { return a.timeline.Load() }
