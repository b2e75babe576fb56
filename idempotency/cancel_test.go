package idempotency_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/payonce/payonce/idempotency"
)

// Each kind of work, each look-up before it, and copies that follow each other: no request is executed with a key that was given up,
// whatever its fingerprint, and none leaves anything to the caches.
func TestAKeyThatWasGivenUpExecutesNothing(t *testing.T) {
	t.Parallel()
	for name, work := range map[string]func(*int) idempotency.Work[*tx]{
		"a local effect": writing,
		"an operation": func(calls *int) idempotency.Work[*tx] {
			return charging(&operation{call: func(context.Context) told { *calls++; return told{} }})
		},
	} {
		for _, unseen := range []bool{false, true} {
			synctest.Test(t, func(t *testing.T) {
				s := newFar(time.Millisecond)
				spend(s.store)
				g := &gate{store: s.store}
				g.entry.Unseen = unseen
				e := idempotency.New(s, &operation{}, idempotency.Options{FastPath: g})
				ran := 0 // a single batch runs before its key is known; what counts is what it leaves
				answers := make(chan string)
				for copy := range 4 {
					go func() {
						req := request()
						req.Fingerprint[1] += byte(copy)
						out, err := e.Do(t.Context(), req, work(&ran))
						if out.KeyUnused {
							err = nil
						}
						answers <- kind(out, err)
					}()
				}
				for range 4 {
					if got := <-answers; got != "canceled" {
						t.Errorf("%s: got %s, want canceled", name, got)
					}
				}
				if len(s.effects) != 0 || !unseen && ran != 0 {
					t.Errorf("%s: executed %d times, with the effects %q; want none", name, ran, s.effects)
				}
			})
		}
	}
}
