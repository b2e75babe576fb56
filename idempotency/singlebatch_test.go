package idempotency_test

import (
	"context"
	"encoding/binary"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/payonce/payonce/idempotency"
)

// opener is a store that can be sent a whole transaction. It counts how it was asked.
type opener struct {
	*store
	begun, opened, looked int
	whole                 map[*tx]bool
}

func (o *opener) Find(ctx context.Context, t idempotency.Tenant, key [32]byte) (*idempotency.Record, error) {
	o.looked++
	return o.store.Find(ctx, t, key)
}

func (o *opener) Begin(ctx context.Context, req idempotency.Request, reads func(*tx)) (*tx, idempotency.Found, error) {
	o.begun++
	return o.store.Begin(ctx, req, reads)
}

func (o *opener) Open(req idempotency.Request) *tx {
	o.opened++
	t := &tx{req: req}
	o.whole[t] = true
	return t
}

func (o *opener) Commit(ctx context.Context, t *tx, rec *idempotency.Record) error {
	if o.whole[t] && (o.records[t.req.KeyHash] != nil || o.held[t.req.KeyHash]) {
		return idempotency.ErrSerialization
	}
	return o.store.Commit(ctx, t, rec)
}

func (o *opener) Claim(ctx context.Context, t *tx, rec *idempotency.Record) error {
	if o.whole[t] && (o.records[t.req.KeyHash] != nil || o.held[t.req.KeyHash]) {
		return idempotency.ErrSerialization
	}
	return o.store.Claim(ctx, t, rec)
}

// unseen is an engine whose gate knows nothing of any key.
func unseen() (*opener, *gate, *idempotency.Engine[*tx]) {
	s := &opener{store: newStore(), whole: map[*tx]bool{}}
	g := &gate{store: s.store, entry: idempotency.LookupResult{Marker: [16]byte{1}, Unseen: true}}
	return s, g, idempotency.New(s, nil, idempotency.Options{FastPath: g})
}

func (o *opener) asked(t *testing.T, opened, begun int) {
	t.Helper()
	if o.opened != opened || o.begun != begun {
		t.Errorf("%d transactions were sent whole and %d were begun, want %d and %d", o.opened, o.begun, opened, begun)
	}
}

func TestAKeyThatWasNeverSeenIsNotAskedForFirst(t *testing.T) {
	t.Parallel()
	s, g, engine := unseen()
	_ = g.do(t, engine, writing(new(int)), "enter", "publish")
	s.asked(t, 1, 0)
	check(t, s.store, "written")
}

func TestAKeyThatOnlyLookedNewIsReplayed(t *testing.T) {
	t.Parallel()
	s, g, engine := unseen()
	runs := 0
	_ = g.do(t, engine, writing(&runs), "enter", "publish")
	out, err := engine.Do(t.Context(), request(), writing(&runs))
	if err != nil || out.Source != idempotency.SourcePostgres || string(out.Response.Body) != "made" {
		t.Errorf("%v %v", out.Source, err)
	}
	s.asked(t, 2, 1)
	check(t, s.store, "written")
}

func TestAKeyInUseThatLookedNewIsInFlight(t *testing.T) {
	t.Parallel()
	s, _, engine := unseen()
	s.held[request().KeyHash] = true
	_, err := engine.Do(t.Context(), request(), writing(new(int)))
	if _, ok := errors.AsType[*idempotency.InFlightError](err); !ok {
		t.Error(err)
	}
	check(t, s.store)
}

func TestAfterAWrongGuessKeysAreLookedUpFirstForAWhile(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, g, engine := unseen()
		key := byte(0)
		another := func(looked int) {
			t.Helper()
			req := request()
			key++
			req.KeyHash[0] = key
			if _, err := engine.Do(t.Context(), req, writing(new(int))); err != nil || s.looked != looked {
				t.Errorf("%d look-ups, want %d; %v", s.looked, looked, err)
			}
		}
		_ = g.do(t, engine, writing(new(int)), "enter", "publish")
		another(0)
		_ = g.do(t, engine, writing(new(int)), "enter", "publish") // wrong
		s.asked(t, 3, 1)
		another(1)
		s.asked(t, 4, 1) // it was not found, so it goes whole
		_ = g.do(t, engine, writing(new(int)), "enter", "publish")
		s.asked(t, 4, 1)              // found, and answered without a transaction
		<-time.After(3 * time.Second) // the bubble's clock
		another(2)
		s.asked(t, 5, 1)
	})
}

// A fast path that has taken a key for new without asking is told when that was wrong, and asks from then on; the store isn't asked first.
func TestAFastPathThatAssumedAKeyNewHearsThatItWasKnown(t *testing.T) {
	t.Parallel()
	s, g, engine := unseen()
	g.entry = idempotency.LookupResult{Unseen: true, Assumed: true}
	_ = g.do(t, engine, writing(new(int)), "enter", "publish")
	_ = g.do(t, engine, writing(new(int)), "enter", "known", "publish")
	_ = g.do(t, engine, writing(new(int)), "enter", "known", "publish")
	if s.looked != 0 {
		t.Errorf("the store was asked %d times before it was written to", s.looked)
	}
	s.asked(t, 3, 2)
	check(t, s.store, "written")
}

// While the fast path is known not to know what the store knows, a key that it wasn't asked for is read in the store. It hears nothing of
// it: to ask would have been in vain. This process remembers the record.
func TestAKeyThatTheFastPathWasNotAskedForIsReadAndKeptHere(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, g, _ := unseen()
		at := &promoted{timeline: 1}
		local := idempotency.NewLocalCache(0, at)
		engine := idempotency.New(s, nil, idempotency.Options{FastPath: g, LocalCache: local})
		forget := func() { // what this process remembers
			at.timeline = 2
			local.Get(request().Tenant, request().KeyHash)
			at.timeline = 1
		}
		_ = g.do(t, engine, writing(new(int)), "enter", "publish")
		forget()
		_ = g.do(t, engine, writing(new(int)), "enter", "publish")
		g.entry = idempotency.LookupResult{Unseen: true, Assumed: true}
		for range 3 {
			forget()
			_ = g.do(t, engine, writing(new(int)), "enter", "leave")
			_ = g.do(t, engine, writing(new(int))) // from memory
		}
		s.asked(t, 2, 1)
		without := idempotency.New(s, nil, idempotency.Options{FastPath: g}) // has nowhere to remember it
		for _, g.entry = range []idempotency.LookupResult{{Unseen: true, Marker: [16]byte{1}}, {Unseen: true, Assumed: true}} {
			_ = g.do(t, without, writing(new(int)), "enter", "publish")
		}
		<-time.After(3 * time.Second) // the bubble's clock
		forget()
		_ = g.do(t, engine, writing(new(int)), "enter", "known", "publish")
	})
}

// promoted is a clock whose timeline changes.
type promoted struct {
	clock
	timeline uint32
}

func (p *promoted) Timeline() uint32 { return p.timeline }

// withReads is work of both kinds that begins with a look-up.
func withReads() map[string]idempotency.Work[*tx] {
	reading := writing(new(int))
	reading.Local.Reads = func(*tx) {}
	return map[string]idempotency.Work[*tx]{"a local effect": reading, "an operation": charging(&operation{})}
}

// When the fast path was asked for a key and did not know its outcome, the store is asked first for a while, also for work that begins with
// a look-up anyway. A record in progress is no reason for that, because only outcomes are published.
func TestAnOutcomeThatTheFastPathDidNotKnowMakesTheStoreBeAskedFirst(t *testing.T) {
	t.Parallel()
	for name, work := range withReads() {
		s, g, engine := unseen()
		_ = g.do(t, engine, work, "enter", "publish")
		rec := s.records[request().KeyHash]
		rec.State, s.until[rec.KeyHash] = idempotency.InProgress, time.Now().Add(time.Hour)
		for range 2 {
			_ = g.do(t, engine, work, "enter", "leave")
		}
		rec.State = idempotency.Completed
		_ = g.do(t, engine, work, "enter", "publish")
		if s.looked != 0 {
			t.Errorf("%s: the store was asked first %d times before the fast path had missed an outcome", name, s.looked)
		}
		_ = g.do(t, engine, work, "enter", "publish")
		if s.looked != 1 {
			t.Errorf("%s: then it was asked first %d times, want once", name, s.looked)
		}
	}
}

// What begins with a look-up tells a fast path that has assumed as well.
func TestAFastPathThatAssumedHearsOfALookUpThatMeetsTheKey(t *testing.T) {
	t.Parallel()
	unready := &operation{}
	for name, work := range withReads() {
		s, g, engine := unseen()
		g.entry = idempotency.LookupResult{Unseen: true, Assumed: true}
		s.held[request().KeyHash] = true
		if err := g.do(t, engine, work, "enter", "known", "leave"); err == nil {
			t.Errorf("%s went on although its key was in use", name)
		}
		delete(s.held, request().KeyHash)
		_ = g.do(t, engine, work, "enter", "publish")
		_ = g.do(t, engine, work, "enter", "known", "publish")
		unready.ready = idempotency.ErrUnavailable // the provider is known to be away
		_ = g.do(t, engine, charging(unready), "enter", "known", "publish")
	}
}

// A request that may be a repeated one says so, and its key is not to be taken for new unasked.
func TestARequestThatMayBeRepeatedSaysSo(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		wait time.Duration
		want []bool
	}{"a first one": {0, []bool{false}}, "one that waits for a copy": {time.Second, []bool{true}}} {
		s := newStore()
		g := &noting{gate: gate{store: s}}
		req := request()
		req.Wait = test.wait
		if _, err := idempotency.New(s, nil, idempotency.Options{FastPath: g}).Do(t.Context(), req, writing(new(int))); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(g.repeated, test.want) {
			t.Errorf("%s: got %v, want %v", name, g.repeated, test.want)
		}
	}
}

// A copy whose first request ended without an answer leads itself, and has met a copy.
func TestACopyThatLeadsIsRepeated(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newStore()
		g := &noting{gate: gate{store: s}, refusesFirst: true}
		engine := idempotency.New(s, nil, idempotency.Options{FastPath: g})
		var group sync.WaitGroup
		for range 2 {
			group.Go(func() { _, _ = engine.Do(t.Context(), request(), writing(new(int))) })
			synctest.Wait() // the first is being looked up, then the copy waits for it
		}
		group.Wait()
		if want := []bool{false, true}; !slices.Equal(g.repeated, want) {
			t.Errorf("got %v, want %v", g.repeated, want)
		}
		check(t, s, "written")
	})
}

// noting is a gate that notes which requests called themselves repeated.
type noting struct {
	gate

	refusesFirst bool // after a while, because of its rate
	repeated     []bool
}

func (a *noting) LookupAndMark(ctx context.Context, req idempotency.Request) idempotency.LookupResult {
	a.repeated = append(a.repeated, req.Repeated)
	if a.refusesFirst && len(a.repeated) == 1 {
		<-time.After(time.Millisecond) // the bubble's clock
		return idempotency.LookupResult{}
	}
	return a.gate.LookupAndMark(ctx, req)
}

// reuse sends a key of a tenant twice through a gate that knows nothing of it: the second time that turns out wrong.
func reuse(t *testing.T, engine *idempotency.Engine[*tx], tenant int) {
	t.Helper()
	for range 2 {
		if _, err := engine.Do(t.Context(), ofTenant(tenant, 0), writing(new(int))); err != nil {
			t.Fatal(err)
		}
	}
}

// ofTenant is one of a tenant's requests, each with a key of its own.
func ofTenant(tenant int, key uint32) idempotency.Request {
	req := request()
	binary.BigEndian.PutUint32(req.Tenant[:], uint32(tenant))
	binary.BigEndian.PutUint32(req.KeyHash[:], uint32(tenant))
	binary.BigEndian.PutUint32(req.KeyHash[4:], key)
	return req
}

func TestAWrongGuessSlowsItsOwnTenantOnly(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, _, engine := unseen()
		reuse(t, engine, 1)
		for tenant, want := range map[int]int{1: 1, 2: 0, 3: 0} {
			s.looked = 0
			if _, err := engine.Do(t.Context(), ofTenant(tenant, 1), writing(new(int))); err != nil || s.looked != want {
				t.Errorf("tenant %d: %d look-ups before its request, want %d; %v", tenant, s.looked, want, err)
			}
		}
	})
}

func TestWhileGuessesAreWrongAPaymentIsLookedUpFirst(t *testing.T) {
	t.Parallel()
	s, g, engine := unseen()
	_ = g.do(t, engine, writing(new(int)), "enter", "publish")
	_ = g.do(t, engine, writing(new(int)), "enter", "publish") // wrong
	o := &operation{}
	_ = g.do(t, engine, charging(o), "enter", "publish")
	if s.asked(t, 2, 1); s.looked != 1 || o.calls != 0 {
		t.Errorf("%d look-ups, %d calls", s.looked, o.calls)
	}
}

func TestOnlyWorkWithoutReadsThatMayRunAgainIsSentWhole(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*idempotency.Local[*tx], *gate){
		"with reads": func(l *idempotency.Local[*tx], _ *gate) { l.Reads = func(*tx) {} },
		"once":       func(l *idempotency.Local[*tx], _ *gate) { l.Once = true },
		"seen":       func(_ *idempotency.Local[*tx], g *gate) { g.entry.Unseen = false },
	} {
		s, g, engine := unseen()
		work := writing(new(int))
		change(work.Local, g)
		if _, err := engine.Do(t.Context(), request(), work); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		s.asked(t, 0, 1)
	}
}

func TestARefusalIsGivenOnlyAfterTheKeyWasAskedFor(t *testing.T) {
	t.Parallel()
	refused := errors.New("refused")
	refusing := idempotency.Work[*tx]{Local: &idempotency.Local[*tx]{Run: func(context.Context, *tx) (*idempotency.Response, error) {
		return nil, refused
	}}}
	s, g, engine := unseen()
	if err := g.do(t, engine, refusing, "enter", "leave"); !errors.Is(err, refused) {
		t.Errorf("a new key: %v", err)
	}
	_ = g.do(t, engine, writing(new(int)), "enter", "publish")
	s.asked(t, 2, 1) // a refusal is no wrong guess
	other := request()
	other.Fingerprint[1]++
	if _, err := engine.Do(t.Context(), other, refusing); !errors.Is(err, idempotency.ErrReused) {
		t.Errorf("a used key: %v", err)
	}
}

func TestAnUnknownCommitOfAWholeTransactionIsResolved(t *testing.T) {
	t.Parallel()
	for _, doubt := range []doubt{committed, rolledBack} {
		s, _, engine := unseen()
		s.next = doubt
		out, err := engine.Do(t.Context(), request(), writing(new(int)))
		if err != nil || out.Source != idempotency.SourceFirst {
			t.Errorf("doubt %d: %v %v", doubt, out.Source, err)
		}
		check(t, s.store, "written")
	}
}
