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

// gate writes down what it is told. It owns a hint at each arrival.
type gate struct {
	store *store
	told  []string
	entry idempotency.LookupResult
}

func (g *gate) Admit(string) idempotency.Admission { return idempotency.Admission{Allowed: true} }

func (g *gate) LookupAndMark(context.Context, idempotency.Request) idempotency.LookupResult {
	g.told = append(g.told, "enter")
	g.entry.Admission.Allowed = true
	return g.entry
}

func (g *gate) Lookup(context.Context, idempotency.Request) idempotency.LookupResult {
	g.told = append(g.told, "look")
	g.entry.Admission.Allowed = true
	return g.entry
}

func (g *gate) Publish(_ context.Context, rec *idempotency.Record) {
	told := "publish"
	g.store.mu.Lock()
	defer g.store.mu.Unlock()
	if stored := g.store.records[rec.KeyHash]; stored == nil || stored.State != idempotency.Completed {
		told = "publish what is not committed"
	}
	g.told = append(g.told, told)
}

func (g *gate) WasKnown(idempotency.Tenant) { g.told = append(g.told, "known") }

func (g *gate) ReleaseMarker(context.Context, idempotency.Request, [16]byte) {
	g.told = append(g.told, "leave")
}

// do sends one request through a gate, outliving its panic, and compares what the gate was told.
func (g *gate) do(t *testing.T, engine *idempotency.Engine[*tx], work idempotency.Work[*tx], told ...string) error {
	t.Helper()
	g.told = nil
	var err error
	func() {
		defer func() { _ = recover() }()
		_, err = engine.Do(t.Context(), request(), work)
	}()
	if !slices.Equal(g.told, told) {
		t.Errorf("the gate was told %q, want %q", g.told, told)
	}
	return err
}

func gated(authority idempotency.Store[*tx], s *store, o *operation) (*gate, *idempotency.Engine[*tx]) {
	g := &gate{store: s}
	return g, idempotency.New(authority, o, idempotency.Options{FastPath: g})
}

func TestAnOutcomeIsPublishedAfterItsCommitAndBeforeTheResponse(t *testing.T) {
	t.Parallel()
	s, o := newStore(), &operation{}
	g, engine := gated(s, s, o)
	_ = g.do(t, engine, charging(o), "enter", "publish")
	_ = g.do(t, engine, charging(o), "enter", "publish") // a replay from the store fills the cache
	s = newStore()
	g, engine = gated(s, s, nil)
	_ = g.do(t, engine, writing(new(int)), "enter", "publish")
}

func TestAMarkerIsRemovedOnlyWhenThereIsNoOutcome(t *testing.T) {
	t.Parallel()
	refused := errors.New("refused")
	local := func(run func() error) idempotency.Work[*tx] {
		return idempotency.Work[*tx]{Local: &idempotency.Local[*tx]{Run: func(context.Context, *tx) (*idempotency.Response, error) { return nil, run() }}}
	}
	s, o := newStore(), &operation{}
	g, engine := gated(s, s, o)
	_ = g.do(t, engine, local(func() error { return refused }), "enter", "leave")
	_ = g.do(t, engine, local(func() error { panic("broken") }), "enter", "leave")
	o.ready = refused
	_ = g.do(t, engine, charging(o), "enter", "leave")
	o.ready, o.call = nil, func(context.Context) told { return told{refused: refused} }
	_ = g.do(t, engine, charging(o), "enter", "leave")
	s.race = 3
	_ = g.do(t, engine, charging(o), "enter", "leave")

	o.call = func(context.Context) told { panic("killed") } // from here on the key is taken
	_ = g.do(t, engine, charging(o), "enter")
	_ = g.do(t, engine, charging(o), "enter", "leave") // a copy has none, and a hint of its own
}

func TestAMarkerThatRefusesBeginsNoTransaction(t *testing.T) {
	t.Parallel()
	s, runs := newStore(), 0
	g, engine := gated(s, s, nil)
	g.entry.InFlight = true
	if _, ok := errors.AsType[*idempotency.InFlightError](g.do(t, engine, writing(&runs), "enter")); !ok || runs != 0 {
		t.Errorf("%d runs", runs)
	}
}

// blind is a store that can't be asked what became of a COMMIT.
type blind struct{ *store }

func (blind) Resolve(context.Context, idempotency.Tenant, [32]byte) (*idempotency.Record, error) {
	return nil, idempotency.ErrUnavailable
}

func (blind) Inspect(context.Context, idempotency.Tenant, [32]byte) (*idempotency.Record, error) {
	return nil, idempotency.ErrUnavailable
}

func TestACommitThatCannotBeResolvedReleasesAndSendsNothing(t *testing.T) {
	t.Parallel()
	for _, doubt := range []doubt{committed, rolledBack} {
		synctest.Test(t, func(t *testing.T) {
			s, o := newStore(), &operation{}
			s.next = doubt
			g, engine := gated(blind{s}, s, o)
			if err := g.do(t, engine, charging(o), "enter"); !errors.Is(err, idempotency.ErrUnavailable) || o.calls != 0 {
				t.Errorf("T1: %v, %d calls", err, o.calls)
			}
			s = newStore()
			s.next = doubt
			g, engine = gated(blind{s}, s, nil)
			if err := g.do(t, engine, writing(new(int)), "enter"); !errors.Is(err, idempotency.ErrUnavailable) {
				t.Errorf("local: %v", err)
			}
			for _, answer := range []told{{truth: "charged"}, {refused: errors.New("refused")}} {
				s = newStore()
				o = &operation{call: func(context.Context) told { s.next = doubt; return answer }}
				g, engine = gated(blind{s}, s, o)
				if err := g.do(t, engine, charging(o), "enter"); !errors.Is(err, idempotency.ErrUnavailable) || o.calls != 1 {
					t.Errorf("T2 with %+v: %v, %d calls", answer, err, o.calls)
				}
			}
		})
	}
}

func TestAnUnknownCommitOfAReleaseIsResolved(t *testing.T) {
	t.Parallel()
	refused := errors.New("refused")
	for _, doubt := range []doubt{committed, rolledBack} {
		s := newStore()
		o := &operation{call: func(context.Context) told { s.next = doubt; return told{refused: refused} }}
		g, engine := gated(s, s, o)
		if err := g.do(t, engine, charging(o), "enter", "leave"); !errors.Is(err, refused) {
			t.Errorf("doubt %d: %v", doubt, err)
		}
		check(t, s, "prepared", "undone")
	}
}

// choosy is a store that refuses one answer for good.
type choosy struct{ *store }

func (c choosy) Complete(ctx context.Context, claim idempotency.Claim, writes func(*tx) (*idempotency.Response, error)) (*idempotency.Record, error) {
	if response, _ := writes(&tx{}); string(response.Body) == "charged" {
		return nil, errors.New("refused by a constraint")
	}
	return c.store.Complete(ctx, claim, writes)
}

func TestAnAnswerThatTheStoreRefusesCountsAsUnknown(t *testing.T) {
	t.Parallel()
	s, o := newStore(), &operation{}
	out, err := idempotency.New(choosy{s}, o, idempotency.Options{}).Do(t.Context(), request(), charging(o))
	if err != nil || len(out.Response.Body) != 0 {
		t.Fatalf("%+v, %v", out, err)
	}
	check(t, s, "prepared", "")
}

func TestWhatIsDecidedIsAnsweredWhileTheProviderIsAway(t *testing.T) {
	t.Parallel()
	s, o := newStore(), &operation{}
	engine := idempotency.New(s, o, idempotency.Options{})
	_, _ = engine.Do(t.Context(), request(), charging(o))
	o.ready = errors.New("away")
	if out, err := engine.Do(t.Context(), request(), charging(o)); err != nil || !out.Replayed() {
		t.Errorf("%+v, %v", out, err)
	}
}

func TestRecoveryOutlivesAPanicAndComesBack(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newStore()
		o := &operation{call: func(context.Context) told { panic("killed") }}
		g, engine := gated(s, s, o)
		_ = g.do(t, engine, charging(o), "enter")
		o.lookUp = func() told { panic("bug") }
		for _, want := range []string{"", "found"} {
			time.Sleep(31 * time.Second) //nolint:forbidigo // the bubble's clock
			if n, err := engine.Recover(t.Context(), 10); n != 1 || err != nil {
				t.Errorf("recovered %d: %v", n, err)
			}
			if o.lookUp = nil; want != "" {
				check(t, s, "prepared", want)
			}
		}
		if !slices.Equal(g.told, []string{"enter", "publish"}) {
			t.Errorf("the gate was told %q", g.told)
		}
	})
}

// usurped is a store in which another request holds the key by the time the COMMIT's outcome is looked up.
type usurped struct {
	*store
	holder idempotency.Record
}

func (u usurped) Resolve(_ context.Context, tenant idempotency.Tenant, key [32]byte) (*idempotency.Record, error) {
	rec := u.holder
	rec.Tenant, rec.KeyHash, rec.ClaimID, rec.LeaseLeft = tenant, key, idempotency.NewClaimID(), time.Minute
	return &rec, nil
}

func TestARecordFoundAfterAnUnknownCommitIsItsOwnersAndNotOurs(t *testing.T) {
	t.Parallel()
	theirs := idempotency.Record{State: idempotency.Completed, Fingerprint: request().Fingerprint, Response: &idempotency.Response{Status: 200}}
	other := theirs
	other.Fingerprint[0]++
	running := idempotency.Record{State: idempotency.InProgress, Fingerprint: request().Fingerprint}
	do := func(holder idempotency.Record, external bool) (idempotency.Outcome, error) {
		s, o := newStore(), &operation{}
		s.next = rolledBack
		work := writing(new(int))
		if external {
			work = charging(o)
		}
		out, err := idempotency.New(usurped{s, holder}, o, idempotency.Options{}).Do(t.Context(), request(), work)
		if check(t, s); o.calls != 0 {
			t.Error("another request's claim was taken for ours")
		}
		return out, err
	}
	for _, external := range []bool{false, true} {
		if out, err := do(theirs, external); err != nil || !out.Replayed() {
			t.Errorf("completed: %+v, %v", out, err)
		}
		if _, err := do(other, external); !errors.Is(err, idempotency.ErrReused) {
			t.Errorf("completed for another request: %v", err)
		}
		_, err := do(running, external)
		if inFlight, ok := errors.AsType[*idempotency.InFlightError](err); !ok || inFlight.RetryAfter != time.Minute {
			t.Errorf("in progress: %v", err)
		}
	}
}
