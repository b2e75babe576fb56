package idempotency_test

import (
	"context"
	"errors"
	"testing"

	"github.com/payonce/payonce/idempotency"
)

// sightless is an operation that reads nothing.
type sightless struct{ *operation }

func (sightless) ReadsNothing() {}

func withoutReads(o *operation) idempotency.Work[*tx] {
	return idempotency.Work[*tx]{External: sightless{o}}
}

func TestAClaimThatReadsNothingIsSentWhole(t *testing.T) {
	t.Parallel()
	s, g, engine := unseen()
	o := &operation{}
	_ = g.do(t, engine, withoutReads(o), "enter", "publish")
	s.asked(t, 1, 0)
	check(t, s.store, "prepared", "charged")
	seen, g, engine := unseen()
	g.entry.Unseen = false
	_ = g.do(t, engine, withoutReads(o), "enter", "publish")
	seen.asked(t, 0, 1)
	reading, g, engine := unseen()
	_ = g.do(t, engine, charging(o), "enter", "publish")
	reading.asked(t, 0, 1)
}

// A key that only looked new is answered by its record, and the provider isn't asked again.
func TestAClaimOfAKeyThatOnlyLookedNewIsAnsweredByItsRecord(t *testing.T) {
	t.Parallel()
	s, g, engine := unseen()
	o := &operation{}
	_ = g.do(t, engine, withoutReads(o), "enter", "publish")
	out, err := engine.Do(t.Context(), request(), withoutReads(o))
	if err != nil || out.Source != idempotency.SourcePostgres || string(out.Response.Body) != "charged" || o.calls != 1 {
		t.Errorf("%v %v, %d calls", out.Source, err, o.calls)
	}
	s.asked(t, 2, 1)
	check(t, s.store, "prepared", "charged")
}

func TestAClaimOfAKeyInUseCallsNobody(t *testing.T) {
	t.Parallel()
	s, _, engine := unseen()
	s.held[request().KeyHash] = true
	o := &operation{}
	_, err := engine.Do(t.Context(), request(), withoutReads(o))
	if _, ok := errors.AsType[*idempotency.InFlightError](err); !ok || o.calls != 0 {
		t.Errorf("%v, %d calls", err, o.calls)
	}
	check(t, s.store)
}

// An operation's refusal is no answer of a key that was used before.
func TestAClaimIsRefusedOnlyAfterTheKeyWasAskedFor(t *testing.T) {
	t.Parallel()
	refused := errors.New("refused")
	s, g, engine := unseen()
	if err := g.do(t, engine, withoutReads(&operation{prepare: refused}), "enter", "leave"); !errors.Is(err, refused) {
		t.Errorf("a new key: %v", err)
	}
	s.asked(t, 1, 1)
	check(t, s.store)
	_ = g.do(t, engine, withoutReads(&operation{}), "enter", "publish")
	out, err := engine.Do(t.Context(), request(), withoutReads(&operation{prepare: refused}))
	if err != nil || string(out.Response.Body) != "charged" {
		t.Errorf("a used key: %v", err)
	}
}

func TestAnUnknownCommitOfAWholeClaimIsResolved(t *testing.T) {
	t.Parallel()
	for _, doubt := range []doubt{committed, rolledBack} {
		s, _, engine := unseen()
		s.next = doubt
		o := &operation{}
		out, err := engine.Do(t.Context(), request(), withoutReads(o))
		if err != nil || out.Source != idempotency.SourceFirst || o.calls != 1 {
			t.Errorf("doubt %d: %v %v, %d calls", doubt, out.Source, err, o.calls)
		}
		check(t, s.store, "prepared", "charged")
	}
}

// panicking is an operation with a bug in Prepare.
type panicking struct{ sightless }

func (panicking) Prepare(context.Context, *tx, idempotency.Claim) error { panic("bug") }

func TestAPanicBeforeAClaimHidesNoOutcome(t *testing.T) {
	t.Parallel()
	s, g, engine := unseen()
	bug := idempotency.Work[*tx]{External: panicking{sightless{&operation{}}}}
	func() {
		defer func() {
			if recover() == nil {
				t.Error("the panic of a new key was swallowed")
			}
		}()
		_, _ = engine.Do(t.Context(), request(), bug)
	}()
	check(t, s.store)
	_ = g.do(t, engine, withoutReads(&operation{}), "enter", "publish")
	if out, err := engine.Do(t.Context(), request(), bug); err != nil || string(out.Response.Body) != "charged" {
		t.Errorf("a used key: %v", err)
	}
}
