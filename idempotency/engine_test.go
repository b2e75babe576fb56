package idempotency_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/payonce/payonce/idempotency"
)

func request() idempotency.Request {
	key := idempotency.Key("k")
	return idempotency.Request{Tenant: idempotency.Tenant{1}, Key: key, KeyHash: key.Hash(), Fingerprint: idempotency.Fingerprint{1}}
}

// writing is a local effect that answers at once.
func writing(runs *int) idempotency.Work[*tx] {
	return idempotency.Work[*tx]{Local: &idempotency.Local[*tx]{Run: func(_ context.Context, t *tx) (*idempotency.Response, error) {
		*runs++
		t.effects = append(t.effects, "written")
		return &idempotency.Response{Status: 201, Body: []byte("made")}, nil
	}}}
}

func charging(o *operation) idempotency.Work[*tx] { return idempotency.Work[*tx]{External: o} }

func check(t *testing.T, s *store, effects ...string) {
	t.Helper()
	if !slices.Equal(s.effects, effects) {
		t.Errorf("effects %v, want %v", s.effects, effects)
	}
}

func TestAnUnknownCommitOfALocalEffectIsResolved(t *testing.T) {
	t.Parallel()
	for doubt, wantRuns := range map[doubt]int{committed: 1, rolledBack: 2} {
		s, runs := newStore(), 0
		s.next = doubt
		out, err := idempotency.New(s, nil, idempotency.Options{}).Do(t.Context(), request(), writing(&runs))
		if err != nil || out.Source != idempotency.SourceFirst || runs != wantRuns {
			t.Errorf("doubt %d: %v %v after %d runs", doubt, out.Source, err, runs)
		}
		check(t, s, "written")
	}
}

func TestAnUnknownCommitOfAClaimIsResolvedBeforeAnybodyIsAsked(t *testing.T) {
	t.Parallel()
	for _, doubt := range []doubt{committed, rolledBack} {
		s, o := newStore(), &operation{}
		s.next = doubt
		out, err := idempotency.New(s, o, idempotency.Options{}).Do(t.Context(), request(), charging(o))
		if err != nil || out.Response.Status != 201 || o.calls != 1 {
			t.Errorf("doubt %d: %v, %d calls", doubt, err, o.calls)
		}
		check(t, s, "prepared", "charged")
	}
}

func TestAnUnknownCommitOfACompletionIsResolved(t *testing.T) {
	t.Parallel()
	for _, doubt := range []doubt{committed, rolledBack} {
		s := newStore()
		o := &operation{call: func(context.Context) told {
			s.next = doubt
			return told{truth: "charged"}
		}}
		out, err := idempotency.New(s, o, idempotency.Options{}).Do(t.Context(), request(), charging(o))
		if err != nil || string(out.Response.Body) != "charged" {
			t.Errorf("doubt %d: %v", doubt, err)
		}
		check(t, s, "prepared", "charged")
	}
}

// A store should not say so, but a COMMIT that it took for rolled back may stand by the next run. The request knows its own.
func TestACommitThatWasTakenForRolledBackIsKnownAgain(t *testing.T) {
	t.Parallel()
	s, runs := newStore(), 0
	s.next = late
	out, err := idempotency.New(s, nil, idempotency.Options{}).Do(t.Context(), request(), writing(&runs))
	if err != nil || out.Source != idempotency.SourceFirst || runs != 1 {
		t.Errorf("a local effect: got %v %v after %d runs, want %s after 1", out.Source, err, runs, idempotency.SourceFirst)
	}
	check(t, s, "written")

	s, o := newStore(), &operation{}
	s.next = late
	out, err = idempotency.New(s, o, idempotency.Options{}).Do(t.Context(), request(), charging(o))
	if err != nil || out.Source != idempotency.SourceFirst || o.calls != 1 {
		t.Errorf("a claim: got %v %v after %d calls, want %s after 1", out.Source, err, o.calls, idempotency.SourceFirst)
	}
	check(t, s, "prepared", "charged")
}

func TestACompletionWaitsForAStoreThatIsAway(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newStore()
		o := &operation{call: func(context.Context) told { s.away = 5; return told{truth: "charged"} }}
		out, err := idempotency.New(s, o, idempotency.Options{}).Do(t.Context(), request(), charging(o))
		if err != nil || out.Response.Status != 201 {
			t.Error(err)
		}
		check(t, s, "prepared", "charged")
	})
}

func TestALostRaceIsRunAgainAtMostThreeTimes(t *testing.T) {
	t.Parallel()
	for races, wantRuns := range map[int]int{1: 2, 2: 3, 3: 3} {
		s, runs := newStore(), 0
		s.race = races
		_, err := idempotency.New(s, nil, idempotency.Options{}).Do(t.Context(), request(), writing(&runs))
		if runs != wantRuns || (err == nil) != (races < 3) || races == 3 && !errors.Is(err, idempotency.ErrUnavailable) {
			t.Errorf("%d races: %d runs, %v", races, runs, err)
		}
	}
}

// What the first run read, the transaction that won the race may have changed.
func TestALostRaceIsRunAgainWithReadsOfItsOwn(t *testing.T) {
	t.Parallel()
	s, runs, reads := newStore(), 0, 0
	s.race = 2
	work := writing(&runs)
	work.Local.Reads = func(*tx) { reads++ }
	if _, err := idempotency.New(s, nil, idempotency.Options{}).Do(t.Context(), request(), work); err != nil || reads != runs || runs != 3 {
		t.Errorf("local: %d reads for %d runs, %v", reads, runs, err)
	}
	s, o := newStore(), &operation{}
	s.race = 2
	if _, err := idempotency.New(s, o, idempotency.Options{}).Do(t.Context(), request(), charging(o)); err != nil || o.reads != 3 {
		t.Errorf("external: %d reads for 3 runs, %v", o.reads, err)
	}
}

func TestAClaimIsReleasedWhenItsSendSurelyFailed(t *testing.T) {
	t.Parallel()
	refused := errors.New("connection refused")
	s := newStore()
	o := &operation{call: func(context.Context) told { return told{refused: refused} }}
	engine := idempotency.New(s, o, idempotency.Options{})
	if _, err := engine.Do(t.Context(), request(), charging(o)); !errors.Is(err, refused) {
		t.Errorf("got %v", err)
	}
	check(t, s, "prepared", "undone")
	o.call = nil
	if out, err := engine.Do(t.Context(), request(), charging(o)); err != nil || out.Source != idempotency.SourceFirst {
		t.Errorf("the key is not free: %v", err)
	}
}

func TestAfterATakeoverNoClaimIsReleased(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newStore()
		o := &operation{call: func(context.Context) told { panic("the process dies here") }}
		engine := idempotency.New(s, o, idempotency.Options{})
		func() {
			defer func() { _ = recover() }()
			_, _ = engine.Do(t.Context(), request(), charging(o))
		}()
		var inFlight *idempotency.InFlightError
		if _, err := engine.Do(t.Context(), request(), charging(o)); !errors.As(err, &inFlight) {
			t.Errorf("before the lease is over: %v", err)
		}
		time.Sleep(31 * time.Second) //nolint:forbidigo // the bubble's clock
		o.lookUp = func() told {
			return told{truth: "unknown", refused: errors.New("not this time")}
		}
		out, err := engine.Do(t.Context(), request(), charging(o))
		if err != nil || out.Source != idempotency.SourceTakeover || string(out.Response.Body) != "unknown" {
			t.Errorf("%v %v", out.Source, err)
		}
		check(t, s, "prepared", "unknown")
		if o.calls != 1 {
			t.Errorf("%d calls", o.calls)
		}
	})
}

func TestALateOwnerAnswersWithTheStoredOutcome(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, winner := newStore(), &operation{}
		other := idempotency.New(s, winner, idempotency.Options{})
		late := &operation{call: func(context.Context) told {
			time.Sleep(31 * time.Second) //nolint:forbidigo // the bubble's clock
			if n, err := other.Recover(context.Background(), 10); n != 1 || err != nil {
				t.Errorf("recovered %d: %v", n, err)
			}
			return told{truth: "charged"}
		}}
		out, err := idempotency.New(s, late, idempotency.Options{}).Do(t.Context(), request(), charging(late))
		if err != nil || string(out.Response.Body) != "found" || !out.Replayed() {
			t.Errorf("%v %+v", err, out)
		}
		check(t, s, "prepared", "found")
	})
}

// A process that was paused in the middle of T2 wakes up with its budget gone.
func TestAnOwnerWhoseBudgetIsGoneLooksOnceMore(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, winner := newStore(), &operation{}
		other := idempotency.New(s, winner, idempotency.Options{})
		late := &operation{call: func(context.Context) told {
			s.away = 1_000_000
			go func() {
				time.Sleep(31 * time.Second) //nolint:forbidigo // the bubble's clock
				s.mu.Lock()
				s.away = 0
				s.mu.Unlock()
				if n, err := other.Recover(context.Background(), 10); n != 1 || err != nil {
					t.Errorf("recovered %d: %v", n, err)
				}
				s.mu.Lock()
				s.away = 1_000_000
				s.mu.Unlock()
			}()
			return told{truth: "charged"}
		}}
		engine := idempotency.New(s, late, idempotency.Options{CompletionBudget: 32 * time.Second, Lease: time.Minute})
		out, err := engine.Do(t.Context(), request(), charging(late))
		if err != nil || string(out.Response.Body) != "found" {
			t.Errorf("%v", err)
		}
		check(t, s, "prepared", "found")
	})
}

func TestTheProviderIsNotAskedWhenTheLeaseIsNearlyOver(t *testing.T) {
	t.Parallel()
	s, o := newStore(), &operation{}
	engine := idempotency.New(s, o, idempotency.Options{Lease: time.Second, CompletionBudget: 2 * time.Second})
	if _, err := engine.Do(t.Context(), request(), charging(o)); !errors.Is(err, idempotency.ErrUnavailable) || o.calls != 0 {
		t.Errorf("%v, %d calls", err, o.calls)
	}
	check(t, s, "prepared", "undone")
}

func TestAClientThatHangsUpDoesNotReachTheWork(t *testing.T) {
	t.Parallel()
	ctx, hangUp := context.WithCancel(t.Context())
	s := newStore()
	o := &operation{call: func(ctx context.Context) told {
		hangUp()
		if ctx.Err() != nil {
			t.Error("the call heard of the client")
		}
		return told{truth: "charged"}
	}}
	out, err := idempotency.New(s, o, idempotency.Options{}).Do(ctx, request(), charging(o))
	if errors.Is(err, context.Canceled) {
		t.Error("T2 heard of the client")
	} else if err != nil || out.Response.Status != 201 {
		t.Error(err)
	}
}

func TestAnotherFingerprintIsRefusedOnlyByACommittedRecord(t *testing.T) {
	t.Parallel()
	s, runs := newStore(), 0
	engine := idempotency.New(s, nil, idempotency.Options{})
	other := request()
	other.Fingerprint[0] = 9
	work := writing(&runs)
	inner := work.Local.Run
	work.Local.Run = func(ctx context.Context, tr *tx) (*idempotency.Response, error) {
		var inFlight *idempotency.InFlightError
		if _, err := engine.Do(ctx, other, writing(new(int))); !errors.As(err, &inFlight) {
			t.Errorf("while the first runs: %v", err)
		}
		return inner(ctx, tr)
	}
	if _, err := engine.Do(t.Context(), request(), work); err != nil {
		t.Fatal(err)
	}
	if _, err := engine.Do(t.Context(), other, writing(&runs)); !errors.Is(err, idempotency.ErrReused) {
		t.Errorf("afterwards: %v", err)
	}
	if runs != 1 {
		t.Errorf("%d runs", runs)
	}
}

func TestAPanicRollsBackAndGoesOn(t *testing.T) {
	t.Parallel()
	s, runs := newStore(), 0
	engine := idempotency.New(s, nil, idempotency.Options{})
	func() {
		defer func() {
			if recover() != "broken" {
				t.Error("the panic did not go on")
			}
		}()
		_, _ = engine.Do(t.Context(), request(), idempotency.Work[*tx]{Local: &idempotency.Local[*tx]{
			Run: func(context.Context, *tx) (*idempotency.Response, error) { panic("broken") },
		}})
	}()
	if _, err := engine.Do(t.Context(), request(), writing(&runs)); err != nil || runs != 1 {
		t.Errorf("the key is not free: %v", err)
	}
}

func TestAnUnknownCommitWhoseReplayIsOverMeanwhileAnswersThatItExpired(t *testing.T) {
	t.Parallel()
	for name, work := range map[string]func(*store) idempotency.Work[*tx]{
		"local": func(s *store) idempotency.Work[*tx] {
			s.next, s.brief = committed, true
			return writing(new(int))
		},
		"settlement": func(s *store) idempotency.Work[*tx] {
			return charging(&operation{call: func(context.Context) told {
				s.next, s.brief = committed, true
				return told{truth: "charged"}
			}})
		},
	} {
		s := newStore()
		out, err := idempotency.New(s, &operation{}, idempotency.Options{}).Do(t.Context(), request(), work(s))
		if _, expired := errors.AsType[*idempotency.ExpiredError](err); !expired || out.Response != nil {
			t.Errorf("%s: %v %+v", name, err, out)
		}
	}
}
