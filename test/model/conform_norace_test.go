//go:build !race

package model

import "testing"

// The search for the trace takes too long under the race detector.

func TestEngineThatWakesUpWhenTheProviderHasForgottenItsKeyDoesNotCall(t *testing.T) {
	t.Parallel()
	p := newTracer(Config{Requests: []Request{{}}, Aging: true})
	way := p.wayTo(1, func(w *world) bool { return w.procs[0].pc == overslept }, wokeTooLate)
	if len(way) == 0 {
		t.Fatal("got no trace, want one")
	}
	var count replayed
	count.follow(t, p.m, way, nil)
	count.log(t)
}
