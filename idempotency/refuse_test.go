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

var errNotAccepted = errors.New("not accepted by its route")

func notAccepted() (idempotency.Work[*tx], error) { return idempotency.Work[*tx]{}, errNotAccepted }

// dies leaves a claim whose holder is gone.
func dies(t *testing.T, s *store) {
	t.Helper()
	o := &operation{call: func(context.Context) told { panic("killed") }}
	defer func() { _ = recover() }()
	_, _ = idempotency.New(s, o, idempotency.Options{}).Do(t.Context(), request(), charging(o))
}

// spend gives the request's key up before it was used.
func spend(s *store) {
	hash := request().KeyHash
	s.records[hash] = &idempotency.Record{KeyHash: hash, State: idempotency.Canceled, ClaimID: idempotency.NewClaimID(), Fence: 1, CanceledAt: time.Now()}
}

// kind names what a request came to.
func kind(out idempotency.Outcome, err error) string {
	if _, ok := errors.AsType[*idempotency.InFlightError](err); ok {
		return "in flight"
	}
	if _, ok := errors.AsType[*idempotency.ExpiredError](err); ok {
		return "expired"
	}
	if _, ok := errors.AsType[*idempotency.CanceledError](err); ok {
		return "canceled"
	}
	switch {
	case errors.Is(err, idempotency.ErrReused):
		return "reused"
	case errors.Is(err, idempotency.ErrUnavailable):
		return "unavailable"
	case errors.Is(err, errNotAccepted):
		return "refused"
	case err != nil:
		return err.Error()
	}
	return string(out.Source)
}

// TestARefusalComesAfterALookUp: each state of the key, and what a request gets that its route doesn't accept.
func TestARefusalComesAfterALookUp(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		prepare func(t *testing.T, s *far, g *gate)
		other   bool // another fingerprint than the first one's
		want    string
		unused  bool
		told    []string
	}{
		"unused": {func(*testing.T, *far, *gate) {}, false, "refused", true, []string{"look"}},
		"completed": {func(t *testing.T, s *far, _ *gate) {
			t.Helper()
			_, _ = idempotency.New(s, nil, idempotency.Options{}).Do(t.Context(), request(), writing(new(int)))
		}, false, "postgres", false, []string{"look", "publish"}},
		"completed, known by the gate": {func(t *testing.T, s *far, g *gate) {
			t.Helper()
			_, _ = idempotency.New(s, nil, idempotency.Options{}).Do(t.Context(), request(), writing(new(int)))
			g.entry.Record = s.records[request().KeyHash]
		}, false, "redis", false, []string{"look"}},
		"of another request": {func(t *testing.T, s *far, _ *gate) {
			t.Helper()
			_, _ = idempotency.New(s, nil, idempotency.Options{}).Do(t.Context(), request(), writing(new(int)))
		}, true, "reused", false, []string{"look", "publish"}},
		"expired": {func(t *testing.T, s *far, _ *gate) {
			t.Helper()
			_, _ = idempotency.New(s, nil, idempotency.Options{}).Do(t.Context(), request(), writing(new(int)))
			s.brief = true
		}, true, "expired", false, []string{"look"}},
		"given up":                        {func(_ *testing.T, s *far, _ *gate) { spend(s.store) }, false, "canceled", false, []string{"look"}},
		"in progress":                     {func(t *testing.T, s *far, _ *gate) { t.Helper(); dies(t, s.store) }, false, "in flight", false, []string{"look"}},
		"in progress for another request": {func(t *testing.T, s *far, _ *gate) { t.Helper(); dies(t, s.store) }, true, "reused", false, []string{"look"}},
		"in progress, and its lease is over": {func(t *testing.T, s *far, _ *gate) {
			t.Helper()
			dies(t, s.store)
			time.Sleep(31 * time.Second) //nolint:forbidigo // the bubble's clock
		}, false, "takeover", false, []string{"look", "publish"}},
		"held by a transaction":     {func(_ *testing.T, s *far, _ *gate) { s.held[request().KeyHash] = true }, false, "in flight", false, []string{"look"}},
		"hinted by another replica": {func(_ *testing.T, _ *far, g *gate) { g.entry.InFlight = true }, false, "in flight", false, []string{"look"}},
		"while the store is away":   {func(_ *testing.T, s *far, _ *gate) { s.fails.Store(true) }, false, "unavailable", false, []string{"look"}},
	} {
		synctest.Test(t, func(t *testing.T) {
			s := newFar(time.Millisecond)
			g := &gate{store: s.store}
			c.prepare(t, s, g)
			req := request()
			if c.other {
				req.Fingerprint[1]++
			}
			out, err := idempotency.New(s, &operation{}, idempotency.Options{FastPath: g}).DoLazily(t.Context(), req, notAccepted)
			if got := kind(out, err); got != c.want || out.KeyUnused != c.unused {
				t.Errorf("%s: got %s, key unused %v; want %s, %v", name, got, out.KeyUnused, c.want, c.unused)
			}
			if !slices.Equal(g.told, c.told) {
				t.Errorf("%s: the gate was told %q, want %q: no hint is left", name, g.told, c.told)
			}
		})
	}
}

// clock is the store's for L1, where records that end at no time are past their end.
type clock struct{}

func (clock) Now() time.Time   { return time.Time{}.Add(-time.Second) }
func (clock) Timeline() uint32 { return 1 }

func TestAReplayFromMemoryIsNotBound(t *testing.T) {
	t.Parallel()
	s := newStore()
	engine := idempotency.New(s, nil, idempotency.Options{LocalCache: idempotency.NewLocalCache(0, clock{})})
	if _, err := engine.Do(t.Context(), request(), writing(new(int))); err != nil {
		t.Fatal(err)
	}
	out, err := engine.DoLazily(t.Context(), request(), func() (idempotency.Work[*tx], error) {
		t.Error("the work was read")
		return notAccepted()
	})
	if err != nil || out.Source != idempotency.SourceMemory {
		t.Errorf("%+v, %v", out, err)
	}
}

func TestWorkIsBoundOnceHoweverLongARequestWaits(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, bound := newStore(), 0
		engine := idempotency.New(s, nil, idempotency.Options{})
		go func() { _, _ = engine.Do(t.Context(), request(), slow(new(int), errNotAccepted)) }()
		synctest.Wait()
		req := request()
		req.Wait = 5 * time.Second
		out, err := engine.DoLazily(t.Context(), req, func() (idempotency.Work[*tx], error) {
			bound++
			return writing(new(int)), nil
		})
		if err != nil || out.Source != idempotency.SourceFirst || bound != 1 {
			t.Errorf("%+v, %v; bound %d times, want once", out, err, bound)
		}
	})
}

// TestWhatIsSaidOfTheKeyIsKnown: for each end of a request without an outcome, whether its key is known to be unused.
func TestWhatIsSaidOfTheKeyIsKnown(t *testing.T) {
	t.Parallel()
	refusing := func() idempotency.Work[*tx] {
		return idempotency.Work[*tx]{Local: &idempotency.Local[*tx]{Run: func(context.Context, *tx) (*idempotency.Response, error) {
			return nil, errNotAccepted
		}}}
	}
	for name, c := range map[string]struct {
		do   func(t *testing.T, s *store) (idempotency.Outcome, error)
		want string
		is   bool
	}{
		"refused by a local effect's rules": {func(t *testing.T, s *store) (idempotency.Outcome, error) {
			t.Helper()
			return idempotency.New(s, nil, idempotency.Options{}).Do(t.Context(), request(), refusing())
		}, "refused", true},
		"refused before a transaction that is sent whole": {func(t *testing.T, s *store) (idempotency.Outcome, error) {
			t.Helper()
			o := &opener{store: s, whole: map[*tx]bool{}}
			return idempotency.New(o, nil, idempotency.Options{FastPath: &door{entry: idempotency.LookupResult{Unseen: true}}}).Do(t.Context(), request(), refusing())
		}, "refused", true},
		"refused by an operation's rules": {func(t *testing.T, s *store) (idempotency.Outcome, error) {
			t.Helper()
			return idempotency.New(s, nil, idempotency.Options{}).Do(t.Context(), request(), charging(&operation{prepare: errNotAccepted}))
		}, "refused", true},
		"refused by the provider, and taken back": {func(t *testing.T, s *store) (idempotency.Outcome, error) {
			t.Helper()
			o := &operation{call: func(context.Context) told { return told{refused: errNotAccepted} }}
			return idempotency.New(s, nil, idempotency.Options{}).Do(t.Context(), request(), charging(o))
		}, "refused", true},
		"refused by the provider, and not taken back": {func(t *testing.T, s *store) (idempotency.Outcome, error) {
			t.Helper()
			o := &operation{call: func(context.Context) told {
				s.next = committed
				return told{refused: errNotAccepted}
			}}
			return idempotency.New(blind{s}, nil, idempotency.Options{}).Do(t.Context(), request(), charging(o))
		}, "unavailable", false},
		"an unknown COMMIT": {func(t *testing.T, s *store) (idempotency.Outcome, error) {
			t.Helper()
			s.next = committed
			return idempotency.New(blind{s}, nil, idempotency.Options{}).Do(t.Context(), request(), writing(new(int)))
		}, "unavailable", false},
		"three races lost": {func(t *testing.T, s *store) (idempotency.Outcome, error) {
			t.Helper()
			s.race = 3
			return idempotency.New(s, nil, idempotency.Options{}).Do(t.Context(), request(), writing(new(int)))
		}, "unavailable", false},
		"held by another": {func(t *testing.T, s *store) (idempotency.Outcome, error) {
			t.Helper()
			s.held[request().KeyHash] = true
			return idempotency.New(s, nil, idempotency.Options{}).Do(t.Context(), request(), refusing())
		}, "in flight", false},
		"hinted": {func(t *testing.T, s *store) (idempotency.Outcome, error) {
			t.Helper()
			g := &door{entry: idempotency.LookupResult{InFlight: true}}
			return idempotency.New(s, nil, idempotency.Options{FastPath: g}).Do(t.Context(), request(), refusing())
		}, "in flight", false},
		"limited": {func(t *testing.T, s *store) (idempotency.Outcome, error) {
			t.Helper()
			return idempotency.New(s, nil, idempotency.Options{FastPath: full{}}).Do(t.Context(), request(), refusing())
		}, (&idempotency.LimitedError{}).Error(), false},
		"limited, and refused by its route": {func(t *testing.T, s *store) (idempotency.Outcome, error) {
			t.Helper()
			return idempotency.New(s, nil, idempotency.Options{FastPath: full{}}).DoLazily(t.Context(), request(), notAccepted)
		}, (&idempotency.LimitedError{}).Error(), false},
		"an outcome": {func(t *testing.T, s *store) (idempotency.Outcome, error) {
			t.Helper()
			return idempotency.New(s, nil, idempotency.Options{}).Do(t.Context(), request(), writing(new(int)))
		}, "first", false},
	} {
		synctest.Test(t, func(t *testing.T) {
			out, err := c.do(t, newStore())
			if got := kind(out, err); got != c.want || out.KeyUnused != c.is {
				t.Errorf("%s: got %s, key unused %v; want %s, %v", name, got, out.KeyUnused, c.want, c.is)
			}
		})
	}
}

// full is a gate whose limiter is exhausted.
type full struct{ idempotency.FastPath }

func (full) LookupAndMark(context.Context, idempotency.Request) idempotency.LookupResult {
	return idempotency.LookupResult{}
}

func (full) Lookup(context.Context, idempotency.Request) idempotency.LookupResult {
	return idempotency.LookupResult{}
}

func TestAMarkerOverACompletedKeyRefusesNoRequest(t *testing.T) {
	t.Parallel()
	s := newStore()
	_, _ = idempotency.New(s, nil, idempotency.Options{}).Do(t.Context(), request(), writing(new(int)))
	g, engine := gated(s, s, nil)
	g.entry.InFlight = true // of a copy that is looking the key up, or of a process that died
	if err := g.do(t, engine, writing(new(int)), "enter", "publish"); err != nil {
		t.Errorf("got %v, want a replay", err)
	}
	other := request()
	other.Fingerprint[1]++
	if _, err := engine.Do(t.Context(), other, writing(new(int))); !errors.Is(err, idempotency.ErrReused) {
		t.Errorf("another request: got %v, want %v", err, idempotency.ErrReused)
	}
}

func TestAMarkerIsBelievedWhileTheStoreIsAway(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newFar(time.Millisecond)
		s.fails.Store(true)
		engine := idempotency.New(s, nil, idempotency.Options{FastPath: &door{entry: idempotency.LookupResult{InFlight: true}}})
		out, err := engine.Do(t.Context(), request(), writing(new(int)))
		if kind(out, err) != "in flight" {
			t.Errorf("got %s, want in flight", kind(out, err))
		}
	})
}

// A release may compute fingerprints in another way than the one that stored a record.
func TestARecordUnderAnEarlierFingerprintIsItsRequests(t *testing.T) {
	t.Parallel()
	old := request()
	old.Fingerprint = idempotency.Fingerprint{0, 42}
	for name, c := range map[string]struct {
		earlier []idempotency.Fingerprint
		want    string
	}{
		"computed as then":     {[]idempotency.Fingerprint{{7, 7}, {0, 42}}, "postgres"},
		"of another request":   {[]idempotency.Fingerprint{{7, 7}, {0, 43}}, "reused"},
		"no earlier releases":  {nil, "reused"},
		"the version alone":    {[]idempotency.Fingerprint{{0}}, "reused"},
		"from a cached record": {[]idempotency.Fingerprint{{0, 42}}, "redis"},
	} {
		s := newStore()
		_, _ = idempotency.New(s, nil, idempotency.Options{}).Do(t.Context(), old, writing(new(int)))
		g, engine := gated(s, s, nil)
		if c.want == "redis" {
			g.entry.Record = s.records[old.KeyHash]
		}
		req, computed := request(), 0
		req.Earlier = func() []idempotency.Fingerprint { computed++; return c.earlier }
		out, err := engine.Do(t.Context(), req, writing(new(int)))
		if got := kind(out, err); got != c.want {
			t.Errorf("%s: got %s, want %s", name, got, c.want)
		}
		computed, req.Fingerprint = 0, old.Fingerprint
		if out, err = engine.Do(t.Context(), req, writing(new(int))); err != nil || computed != 0 {
			t.Errorf("%s: earlier fingerprints were computed %d times for a request that matches, %+v, %v", name, computed, out, err)
		}
	}
}

func TestARecordInProgressUnderAnEarlierFingerprintIsTakenOver(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newStore()
		dies(t, s)
		time.Sleep(31 * time.Second) //nolint:forbidigo // the bubble's clock
		req := request()
		req.Fingerprint = idempotency.Fingerprint{9}
		req.Earlier = func() []idempotency.Fingerprint { return []idempotency.Fingerprint{request().Fingerprint} }
		o := &operation{}
		out, err := idempotency.New(s, o, idempotency.Options{}).Do(t.Context(), req, charging(o))
		if kind(out, err) != "takeover" || o.calls != 0 {
			t.Errorf("got %s and %d calls, want a takeover and none", kind(out, err), o.calls)
		}
	})
}
