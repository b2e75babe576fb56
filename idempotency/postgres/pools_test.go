package postgres_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"gorm.io/gorm"

	"github.com/payonce/payonce/idempotency"
	"github.com/payonce/payonce/idempotency/postgres"
	"github.com/payonce/payonce/test/wait"
)

// claimed leaves a record in progress and returns its claim.
func (f *fixture) claimed(req idempotency.Request) idempotency.Claim {
	f.Helper()
	tx, _ := f.begin(req, nil)
	rec := &idempotency.Record{
		Tenant: req.Tenant, KeyHash: req.KeyHash, Fingerprint: req.Fingerprint, Method: req.Method, Path: req.Path,
		ClaimID: idempotency.NewClaimID(), Fence: 1, Operation: "authorize",
	}
	if err := f.store.Claim(f.Context(), tx, rec); err != nil {
		f.Fatal(err)
	}
	return idempotency.Claim{Tenant: rec.Tenant, KeyHash: rec.KeyHash, ClaimID: rec.ClaimID, Fence: rec.Fence}
}

func TestBegunWorkEndsWhileNewWorkFindsNoConnection(t *testing.T) {
	t.Parallel()
	f := openFixture(t, postgres.Options{MaxConns: 2})
	settled, takenBack, lapsed := f.claimed(key(1)), f.claimed(key(2)), f.claimed(key(3))
	f.exec(`UPDATE idempotency_keys SET lease_until = now() - interval '1 second' WHERE key_hash = $1`, lapsed.KeyHash[:])
	for n := range byte(2) {
		tx, _ := f.begin(key(10+n), nil)
		t.Cleanup(func() { f.store.Rollback(tx) })
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for what, do := range map[string]func() error{
		"settle": func() error {
			_, err := f.store.Complete(ctx, settled, func(*postgres.Tx) (*idempotency.Response, error) {
				return &idempotency.Response{Status: 201}, nil
			})
			return err
		},
		"take back": func() error { return f.store.Release(ctx, takenBack, func(*postgres.Tx) {}) },
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
			return f.db.Apply(ctx, time.Now(), func(tx *postgres.Tx) error { f.Write(tx, "applied"); return nil })
		},
		"look": func() error { return f.db.Autocommit(ctx, func(tx *postgres.Tx) { row(tx, new(int), "true") }) },
	} {
		if err := do(); err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func TestNewWorkIsRefusedSoonWhenThePoolIsTaken(t *testing.T) {
	t.Parallel()
	f := openFixture(t, postgres.Options{MaxConns: 1})
	tx, _ := f.begin(key(1), nil)
	waited := time.Hour
	for try := 0; try < 3 && waited > 3*time.Second; try++ { // a busy machine may have a bad moment, but not three
		begun := time.Now()
		if _, _, err := f.store.Begin(t.Context(), key(2), nil); !errors.Is(err, idempotency.ErrUnavailable) {
			t.Errorf("got %v", err)
		}
		waited = time.Since(begun)
	}
	if waited < 500*time.Millisecond || waited > 3*time.Second {
		t.Errorf("refused after %s, want about 1 s", waited)
	}
	f.store.Rollback(tx)
	f.beginAndEnd(key(2))
}

func TestAReadOnlyServerStillReplays(t *testing.T) {
	bothModes(t, func(t *testing.T, f *fixture) {
		tx, _ := f.begin(key(1), nil)
		if err := f.complete(tx, key(1)); err != nil {
			t.Fatal(err)
		}
		db, err := postgres.Open(f.url+"&default_transaction_read_only=on", postgres.Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = db.Close() }()
		store := postgres.NewStore(db, primary{}, postgres.StoreOptions{})
		locking := func(tx *postgres.Tx) { row(tx, new(int), postgres.WhenMine) }
		tx, found, err := store.Begin(t.Context(), key(1), locking)
		if err != nil || found.Mine || found.Record == nil || found.Record.Response.Status != 201 {
			t.Fatalf("%+v, %v", found, err)
		}
		store.Rollback(tx)
		if _, _, err := store.Begin(t.Context(), key(2), locking); !errors.Is(err, idempotency.ErrUnavailable) {
			t.Errorf("new work: %v", err)
		}
		for _, req := range []idempotency.Request{key(1), key(2)} { // a single batch looks nothing up: its key is then
			tx := store.Open(req)
			rec := &idempotency.Record{
				Tenant: req.Tenant, KeyHash: req.KeyHash, ClaimID: idempotency.NewClaimID(), Fence: 1, Response: &idempotency.Response{Status: 201},
			}
			if err := store.Commit(t.Context(), tx, rec); !errors.Is(err, idempotency.ErrSerialization) {
				t.Errorf("a single batch: got %v, want it to be tried again with a look-up", err)
			}
		}
	})
}

// What the work queues is queued without a connection; what panics there must not keep one either.
func TestAPanicWhileStatementsAreQueuedKeepsNoConnection(t *testing.T) {
	t.Parallel()
	f := openFixture(t, postgres.Options{MaxConns: 1})
	claim := f.claimed(key(1))
	for range 5 {
		for _, do := range []func(){
			func() { _, _, _ = f.store.Begin(t.Context(), key(2), func(*postgres.Tx) { panic("bug") }) },
			func() {
				_, _ = f.store.Complete(t.Context(), claim, func(*postgres.Tx) (*idempotency.Response, error) { panic("bug") })
			},
			func() { _ = f.store.Release(t.Context(), claim, func(*postgres.Tx) { panic("bug") }) },
			func() { _ = f.db.Apply(t.Context(), time.Now(), func(*postgres.Tx) error { panic("bug") }) },
			func() {
				_ = f.db.Apply(t.Context(), time.Now(), func(tx *postgres.Tx) error {
					row(tx, new(int), "true")
					panic(tx.Flush(t.Context()))
				})
			},
			func() {
				_ = f.db.Run(t.Context(), func(*postgres.Tx) {}, func(context.Context, *postgres.Tx) error { panic("bug") })
			},
		} {
			func() {
				defer func() { _ = recover() }()
				do()
			}()
		}
	}
	wait.Within(t, 5*time.Second, "no connection is kept", func() bool {
		fresh, reserved := f.db.Stats()
		return fresh.InUse == 0 && reserved.InUse == 0
	})
	f.beginAndEnd(key(2))
}

func TestATxThatTravelsWithItsCommitReadsNothing(t *testing.T) {
	t.Parallel()
	f := openFixture(t, postgres.Options{})
	var err error
	_ = f.store.Release(t.Context(), f.claimed(key(1)), func(tx *postgres.Tx) {
		row(tx, new(int), "true")
		err = tx.Flush(t.Context())
	})
	if err == nil {
		t.Error("a flush without a transaction succeeded")
	}
}

func TestManyCopiesAtOnceExecuteOnce(t *testing.T) {
	t.Parallel()
	f := openFixture(t, postgres.Options{MaxConns: 4})
	var group sync.WaitGroup
	var executed sync.Map
	for i := range 40 {
		group.Go(func() { // an engine each: as many replicas, none of which shares anything but Postgres
			engine := idempotency.New(f.store, nil, idempotency.Options{})
			work := idempotency.Work[*postgres.Tx]{Local: &idempotency.Local[*postgres.Tx]{
				Run: func(_ context.Context, tx *postgres.Tx) (*idempotency.Response, error) {
					f.Write(tx, "once")
					return &idempotency.Response{Status: 201}, nil
				},
			}}
			out, err := engine.Do(t.Context(), key(1), work)
			for limit := time.Now().Add(20 * time.Second); errors.Is(err, idempotency.ErrUnavailable) && time.Now().Before(limit); {
				out, err = engine.Do(t.Context(), key(1), work) // the last in line may wait too long for a connection
			}
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

// A sum over a ledger may take longer than what anybody waits for.
func TestReadsThatTakeLongAreGivenMoreTime(t *testing.T) {
	t.Parallel()
	f := openFixture(t, postgres.Options{})
	for name, want := range map[*gorm.DB]string{f.db.GORM(): "3s", f.db.Patient(): "30s"} {
		var got string
		if err := name.Raw("SHOW statement_timeout").Scan(&got).Error; err != nil || got != want {
			t.Errorf("statement_timeout is %q, want %q; %v", got, want, err)
		}
	}
}
