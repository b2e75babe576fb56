package repository_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/payonce/payonce/idempotency"
	"github.com/payonce/payonce/repository"
)

// claimed leaves a record in progress and returns its claim.
func (f *fixture) claimed(req idempotency.Request) idempotency.Claim {
	f.Helper()
	unit, _ := f.begin(req, nil)
	rec := &idempotency.Record{
		Tenant: req.Tenant, KeyHash: req.KeyHash, Fingerprint: req.Fingerprint, Method: req.Method, Path: req.Path,
		ClaimID: idempotency.NewClaimID(), Fence: 1, Operation: "authorize",
	}
	if err := f.store.Claim(f.Context(), unit, rec); err != nil {
		f.Fatal(err)
	}
	return idempotency.Claim{Tenant: rec.Tenant, KeyHash: rec.KeyHash, ClaimID: rec.ClaimID, Fence: rec.Fence}
}

func TestBegunWorkEndsWhileNewWorkFindsNoConnection(t *testing.T) {
	t.Parallel()
	f := openFixture(t, repository.Options{MaxConns: 2})
	settled, takenBack, lapsed := f.claimed(key(1)), f.claimed(key(2)), f.claimed(key(3))
	f.exec(`UPDATE idempotency_keys SET lease_until = now() - interval '1 second' WHERE key_hash = $1`, lapsed.KeyHash[:])
	for n := range byte(2) {
		unit, _ := f.begin(key(10+n), nil)
		t.Cleanup(func() { f.store.Rollback(unit) })
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for what, do := range map[string]func() error{
		"settle": func() error {
			_, err := f.store.Settle(ctx, settled, func(*repository.Unit) (*idempotency.Response, error) {
				return &idempotency.Response{Status: 201}, nil
			})
			return err
		},
		"take back": func() error { return f.store.TakeBack(ctx, takenBack, func(*repository.Unit) {}) },
		"take over": func() error {
			due, err := f.store.TakeOverDue(ctx, 10)
			if len(due) != 1 {
				t.Errorf("took %d over", len(due))
			}
			return err
		},
		"inspect": func() error { _, err := f.store.Inspect(ctx, lapsed.Tenant, lapsed.KeyHash); return err },
		"resolve": func() error { _, err := f.store.Resolve(ctx, lapsed.Tenant, lapsed.KeyHash); return err },
		"expire":  func() error { _, err := f.store.Expire(ctx, 10); return err },
		"apply": func() error {
			return f.db.Apply(ctx, func(u *repository.Unit) error { f.Write(u, "applied"); return nil })
		},
		"look": func() error { return f.db.Look(ctx, func(u *repository.Unit) { row(u, new(int), "true") }) },
	} {
		if err := do(); err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func TestNewWorkIsRefusedSoonWhenThePoolIsTaken(t *testing.T) {
	t.Parallel()
	f := openFixture(t, repository.Options{MaxConns: 1})
	unit, _ := f.begin(key(1), nil)
	begun := time.Now()
	if _, _, err := f.store.Begin(t.Context(), key(2), nil); !errors.Is(err, idempotency.ErrUnavailable) {
		t.Errorf("got %v", err)
	}
	if waited := time.Since(begun); waited < 500*time.Millisecond || waited > 3*time.Second {
		t.Errorf("refused after %s, want about 1 s", waited)
	}
	f.store.Rollback(unit)
	f.beginAndEnd(key(2))
}

func TestAReadOnlyServerStillReplays(t *testing.T) {
	bothModes(t, func(t *testing.T, f *fixture) {
		unit, _ := f.begin(key(1), nil)
		if err := f.complete(unit, key(1)); err != nil {
			t.Fatal(err)
		}
		db, err := repository.Open(f.url+"&default_transaction_read_only=on", repository.Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = db.Close() }()
		store := repository.NewIdempotency(db, primary{}, repository.Retention{})
		locking := func(u *repository.Unit) { row(u, new(int), repository.WhenMine) }
		unit, found, err := store.Begin(t.Context(), key(1), locking)
		if err != nil || found.Mine || found.Record == nil || found.Record.Response.Status != 201 {
			t.Fatalf("%+v, %v", found, err)
		}
		store.Rollback(unit)
		if _, _, err := store.Begin(t.Context(), key(2), locking); !errors.Is(err, idempotency.ErrUnavailable) {
			t.Errorf("new work: %v", err)
		}
	})
}

// What the work queues is queued without a connection; what panics there must not keep one either.
func TestAPanicWhileStatementsAreQueuedKeepsNoConnection(t *testing.T) {
	t.Parallel()
	f := openFixture(t, repository.Options{MaxConns: 1})
	claim := f.claimed(key(1))
	for range 5 {
		for _, do := range []func(){
			func() { _, _, _ = f.store.Begin(t.Context(), key(2), func(*repository.Unit) { panic("bug") }) },
			func() {
				_, _ = f.store.Settle(t.Context(), claim, func(*repository.Unit) (*idempotency.Response, error) { panic("bug") })
			},
			func() { _ = f.store.TakeBack(t.Context(), claim, func(*repository.Unit) { panic("bug") }) },
			func() { _ = f.db.Apply(t.Context(), func(*repository.Unit) error { panic("bug") }) },
		} {
			func() {
				defer func() { _ = recover() }()
				do()
			}()
		}
	}
	if fresh, reserved := f.db.Stats(); fresh.InUse != 0 || reserved.InUse != 0 {
		t.Errorf("%d fresh and %d reserved connections are kept", fresh.InUse, reserved.InUse)
	}
	f.beginAndEnd(key(2))
}

func TestAUnitThatTravelsWithItsCommitReadsNothing(t *testing.T) {
	t.Parallel()
	f := openFixture(t, repository.Options{})
	err := f.db.Apply(t.Context(), func(u *repository.Unit) error {
		row(u, new(int), "true")
		return u.Flush(t.Context())
	})
	if err == nil {
		t.Error("a flush without a transaction succeeded")
	}
}

func TestManyCopiesAtOnceExecuteOnce(t *testing.T) {
	t.Parallel()
	f := openFixture(t, repository.Options{MaxConns: 4})
	var group sync.WaitGroup
	var executed sync.Map
	for i := range 40 {
		group.Go(func() { // an engine each: as many replicas, none of which shares anything but Postgres
			engine := idempotency.New(f.store, nil, idempotency.Options{})
			out, err := engine.Do(t.Context(), key(1), idempotency.Work[*repository.Unit]{Local: &idempotency.Local[*repository.Unit]{
				Run: func(_ context.Context, u *repository.Unit) (*idempotency.Response, error) {
					f.Write(u, "once")
					return &idempotency.Response{Status: 201}, nil
				},
			}})
			switch _, inFlight := errors.AsType[*idempotency.InFlightError](err); {
			case inFlight: // as many as met the first one running
			case err != nil:
				t.Error(err)
			case !out.Replayed():
				executed.Store(i, true)
			}
		})
	}
	group.Wait()
	count := 0
	executed.Range(func(any, any) bool { count++; return true })
	if count != 1 || !f.Written("once") {
		t.Errorf("executed %d times", count)
	}
}
