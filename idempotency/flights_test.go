package idempotency_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/payonce/payonce/idempotency"
)

// crowd sends copies at once and returns how they ended, counted.
func crowd(t *testing.T, copies int, send func() (idempotency.Outcome, error)) map[string]int {
	t.Helper()
	var mu sync.Mutex
	ends := map[string]int{}
	var group sync.WaitGroup
	for range copies {
		group.Go(func() {
			out, err := send()
			end := "executed"
			switch _, inFlight := errors.AsType[*idempotency.InFlightError](err); {
			case inFlight:
				end = "in flight"
			case err != nil:
				end = err.Error()
			case out.Replayed():
				end = "replayed"
			}
			mu.Lock()
			defer mu.Unlock()
			ends[end]++
		})
	}
	group.Wait()
	return ends
}

func wantEnds(t *testing.T, got map[string]int, want map[string]int) {
	t.Helper()
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestCopiesOfACompletedKeyAreAllReplayedAndTheStoresAreAskedOnce(t *testing.T) {
	t.Parallel()
	unseen := idempotency.LookupResult{Unseen: true, Marker: [16]byte{1}}
	for name, c := range map[string]struct {
		gate   *door
		stored bool  // in the gate
		asks   int64 // round trips to the store
	}{
		"no gate":                                  {nil, false, 1},
		"a gate that has the record":               {&door{takes: time.Millisecond}, true, 0},
		"a gate that lost it":                      {&door{takes: time.Millisecond, entry: unseen}, false, 2}, // whole, then a look-up
		"another replica's hint in front of it":    {&door{takes: time.Millisecond, entry: idempotency.LookupResult{InFlight: true}}, false, 1},
		"a value in the gate that is not believed": {&door{takes: time.Millisecond}, false, 1},
	} {
		for _, copies := range []int{2, 50, 500} {
			synctest.Test(t, func(t *testing.T) {
				s := newFar(2 * time.Millisecond)
				_, _ = idempotency.New(s, nil, idempotency.Options{}).Do(t.Context(), request(), writing(new(int)))
				s.asked.Store(0)
				opt := idempotency.Options{}
				if c.gate != nil {
					c.gate.entered.Store(0)
					opt.FastPath = c.gate
					if c.stored {
						c.gate.entry.Record = s.records[request().KeyHash]
					}
				}
				engine := idempotency.New(s, nil, opt)
				ends := crowd(t, copies, func() (idempotency.Outcome, error) {
					return engine.Do(t.Context(), request(), writing(new(int)))
				})
				wantEnds(t, ends, map[string]int{"replayed": copies})
				if n := s.asked.Load(); n != c.asks {
					t.Errorf("%s, %d copies: the store was asked %d times, want %d", name, copies, n, c.asks)
				}
				if c.gate != nil && c.gate.entered.Load() != 1 {
					t.Errorf("%s, %d copies: the gate was asked %d times, want once", name, copies, c.gate.entered.Load())
				}
			})
		}
	}
}

func TestCopiesOfANewKeyThatIsSentWholeGetItsOutcome(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newFar(2 * time.Millisecond)
		engine := idempotency.New(s, nil, idempotency.Options{FastPath: &door{entry: idempotency.LookupResult{Unseen: true}}})
		ends := crowd(t, 50, func() (idempotency.Outcome, error) {
			return engine.Do(t.Context(), request(), writing(new(int)))
		})
		wantEnds(t, ends, map[string]int{"executed": 1, "replayed": 49})
		if s.asked.Load() != 1 {
			t.Errorf("the store was asked %d times, want once", s.asked.Load())
		}
	})
}

func TestCopiesOfARequestThatExecutesAreRefusedAtOnce(t *testing.T) {
	t.Parallel()
	for name, work := range map[string]func(*store) idempotency.Work[*tx]{
		"local": func(*store) idempotency.Work[*tx] { return slow(new(int), nil) },
		"external": func(*store) idempotency.Work[*tx] {
			return charging(&operation{call: func(context.Context) told {
				time.Sleep(time.Second) //nolint:forbidigo // the bubble's clock
				return told{truth: "charged"}
			}})
		},
		"taken over": func(s *store) idempotency.Work[*tx] {
			died := &operation{call: func(context.Context) told { panic("killed") }}
			func() {
				defer func() { _ = recover() }()
				_, _ = idempotency.New(s, died, idempotency.Options{}).Do(t.Context(), request(), charging(died))
			}()
			time.Sleep(31 * time.Second) //nolint:forbidigo // the bubble's clock
			return charging(&operation{})
		},
	} {
		synctest.Test(t, func(t *testing.T) {
			s := newFar(time.Millisecond)
			first := work(s.store)
			engine := idempotency.New(s, &operation{lookUp: func() told {
				time.Sleep(time.Second) //nolint:forbidigo // the bubble's clock
				return told{truth: "found"}
			}}, idempotency.Options{})
			go func() { _, _ = engine.Do(t.Context(), request(), first) }()
			time.Sleep(10 * time.Millisecond) //nolint:forbidigo // the bubble's clock: the look-up is over
			began := time.Now()
			ends := crowd(t, 20, func() (idempotency.Outcome, error) { return engine.Do(t.Context(), request(), first) })
			if wantEnds(t, ends, map[string]int{"in flight": 20}); time.Since(began) != 0 {
				t.Errorf("%s: refused after %s, want at once", name, time.Since(began))
			}
			time.Sleep(2 * time.Second) //nolint:forbidigo // the bubble's clock
		})
	}
}

// Who waits for a look-up that hangs is refused after a second, and holds nothing meanwhile.
func TestCopiesWaitForALookUpASecondAtMost(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newFar(4 * time.Second)
		engine := idempotency.New(s, nil, idempotency.Options{})
		began := time.Now()
		go func() { _, _ = engine.Do(t.Context(), request(), writing(new(int))) }()
		synctest.Wait()
		ends := crowd(t, 20, func() (idempotency.Outcome, error) { return engine.Do(t.Context(), request(), writing(new(int))) })
		if wantEnds(t, ends, map[string]int{"in flight": 20}); time.Since(began) != time.Second || s.asked.Load() != 1 {
			t.Errorf("refused after %s, the store was asked %d times", time.Since(began), s.asked.Load())
		}
		time.Sleep(10 * time.Second) //nolint:forbidigo // the bubble's clock
	})
}

func TestCopiesThatWaitForALookUpAreBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newFar(500 * time.Millisecond)
		_, _ = idempotency.New(s, nil, idempotency.Options{}).Do(t.Context(), request(), writing(new(int)))
		engine := idempotency.New(s, nil, idempotency.Options{})
		ends := crowd(t, 5000, func() (idempotency.Outcome, error) { return engine.Do(t.Context(), request(), writing(new(int))) })
		wantEnds(t, ends, map[string]int{"replayed": 4097, "in flight": 903}) // the first, and 4096 that wait
	})
}

func TestCopiesAreComparedEachByItsFingerprint(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newFar(time.Millisecond)
		_, _ = idempotency.New(s, nil, idempotency.Options{}).Do(t.Context(), request(), writing(new(int)))
		engine := idempotency.New(s, nil, idempotency.Options{})
		var sent atomic.Int64
		ends := crowd(t, 40, func() (idempotency.Outcome, error) {
			req := request()
			req.Fingerprint[1] = byte(sent.Add(1) % 2)
			return engine.Do(t.Context(), req, writing(new(int)))
		})
		wantEnds(t, ends, map[string]int{"replayed": 20, idempotency.ErrReused.Error(): 20})
	})
}

// A copy may have been sent after another replica completed the key and before this process's look-up, which began
// earlier, has returned: what that one learned says nothing of it.
func TestACopyThatCameDuringALookUpIsNotRefusedByIt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newFar(10 * time.Millisecond)
		engine := idempotency.New(s, nil, idempotency.Options{FastPath: &door{entry: idempotency.LookupResult{InFlight: true}}})
		go func() {
			_, err := engine.Do(t.Context(), request(), writing(new(int)))
			if _, ok := errors.AsType[*idempotency.InFlightError](err); !ok {
				t.Errorf("got %v for a key that is in flight elsewhere, want that", err)
			}
		}()
		time.Sleep(15 * time.Millisecond) //nolint:forbidigo // the bubble's clock: what the first asked for is on its way back
		// Another replica completes the key now.
		if _, err := idempotency.New(s.store, nil, idempotency.Options{}).Do(t.Context(), request(), writing(new(int))); err != nil {
			t.Fatal(err)
		}
		ends := crowd(t, 20, func() (idempotency.Outcome, error) { return engine.Do(t.Context(), request(), writing(new(int))) })
		wantEnds(t, ends, map[string]int{"replayed": 20})
	})
}

func TestCopiesOfALookUpThatFailsAskOnceMoreAndNoMore(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newFar(time.Millisecond)
		s.fails.Store(true)
		engine := idempotency.New(s, nil, idempotency.Options{})
		ends := crowd(t, 100, func() (idempotency.Outcome, error) {
			out, err := engine.Do(t.Context(), request(), writing(new(int)))
			if errors.Is(err, idempotency.ErrUnavailable) {
				err = idempotency.ErrUnavailable
			}
			return out, err
		})
		wantEnds(t, ends, map[string]int{idempotency.ErrUnavailable.Error(): 100})
		if s.asked.Load() != 2 {
			t.Errorf("the store was asked %d times, want 2: once by the first, once for all that came during it", s.asked.Load())
		}
	})
}

func TestCopiesGoOnWhenTheFirstOneIsNotAcceptedOrPanics(t *testing.T) {
	t.Parallel()
	refused := errors.New("not accepted")
	for name, bind := range map[string]func() (idempotency.Work[*tx], error){
		"not accepted": func() (idempotency.Work[*tx], error) { return idempotency.Work[*tx]{}, refused },
		"panics":       func() (idempotency.Work[*tx], error) { panic("broken") },
	} {
		synctest.Test(t, func(t *testing.T) {
			s, runs := newFar(time.Millisecond), 0
			engine := idempotency.New(s, nil, idempotency.Options{FastPath: &door{takes: time.Millisecond, entry: idempotency.LookupResult{Unseen: true}}})
			go func() {
				defer func() { _ = recover() }()
				_, _ = engine.DoLazily(t.Context(), request(), bind)
			}()
			var sent atomic.Int64
			ends := crowd(t, 40, func() (idempotency.Outcome, error) {
				if sent.Add(1)%2 == 0 {
					return engine.DoLazily(t.Context(), request(), func() (idempotency.Work[*tx], error) { return idempotency.Work[*tx]{}, refused })
				}
				return engine.Do(t.Context(), request(), writing(&runs))
			})
			if runs != 1 || ends["executed"] != 1 || ends["executed"]+ends["replayed"]+ends["in flight"]+ends[refused.Error()] != 40 {
				t.Errorf("%s: %d runs, %v", name, runs, ends)
			}
			if out, err := engine.Do(t.Context(), request(), writing(&runs)); err != nil || !out.Replayed() {
				t.Errorf("%s: the key is not free: %+v, %v", name, out, err)
			}
		})
	}
}
