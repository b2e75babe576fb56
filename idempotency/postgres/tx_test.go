package postgres_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/payonce/payonce/idempotency"
	"github.com/payonce/payonce/idempotency/postgres"
)

func bothModes(t *testing.T, test func(t *testing.T, f *fixture)) {
	t.Helper()
	t.Parallel()
	for _, mode := range []string{"cache_statement", "exec"} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			test(t, openFixture(t, postgres.Options{ExecMode: mode, MaxConns: 8}))
		})
	}
}

// key is a request with a key of its own for each n.
func key(n byte) idempotency.Request {
	return idempotency.Request{Tenant: idempotency.Tenant{9}, KeyHash: [32]byte{n}, Fingerprint: idempotency.Fingerprint{1}, Method: "POST", Path: "/"}
}

func (f *fixture) begin(req idempotency.Request, reads func(*postgres.Tx)) (*postgres.Tx, idempotency.Found) {
	f.Helper()
	tx, found, err := f.store.Begin(f.Context(), req, reads)
	if err != nil {
		f.Fatal(err)
	}
	return tx, found
}

func (f *fixture) beginAndEnd(req idempotency.Request) idempotency.Found {
	f.Helper()
	tx, found := f.begin(req, nil)
	f.store.Rollback(tx)
	return found
}

func (f *fixture) complete(tx *postgres.Tx, req idempotency.Request) error {
	f.Helper()
	return f.store.Commit(f.Context(), tx, &idempotency.Record{
		Tenant: req.Tenant, KeyHash: req.KeyHash, Fingerprint: req.Fingerprint, Method: req.Method, Path: req.Path,
		ClaimID: idempotency.NewClaimID(), Fence: 1, Response: &idempotency.Response{Status: 201},
	})
}

// row queues a read of scratch's row "row", locked.
func row(tx *postgres.Tx, n *int, condition string) {
	tx.Read("lock the row", `SELECT n FROM scratch WHERE name = 'row' AND `+condition+` FOR UPDATE`, nil,
		func(scan func(...any) error) error { return scan(n) })
}

func raise(tx *postgres.Tx, name string) {
	tx.MustAffect("raise", `UPDATE scratch SET n = n + 1 WHERE name = $1`, name)
}

func TestATxRefusesABareUpdateAndWhatTravelsWithIt(t *testing.T) {
	bothModes(t, func(t *testing.T, f *fixture) {
		for i, misuse := range []func(*postgres.Tx){
			func(tx *postgres.Tx) { tx.Insert("i", `UPDATE scratch SET n = 1`) },
			func(tx *postgres.Tx) { tx.Insert("i", "\n  delete FROM scratch") },
			func(tx *postgres.Tx) { tx.Insert("i", `WITH x AS (DELETE FROM scratch) SELECT 1`) },
			func(tx *postgres.Tx) { tx.Read("r", `UPDATE scratch SET n = 1 RETURNING n`, nil, nil) },
		} {
			tx, _ := f.begin(key(byte(i)), nil)
			f.Write(tx, "travels along")
			misuse(tx)
			if err := f.complete(tx, key(byte(i))); err == nil || !strings.Contains(err.Error(), "MustAffect") {
				t.Errorf("misuse %d: %v", i, err)
			}
		}
		if f.Written("travels along") {
			t.Error("what travelled with a misuse was committed")
		}
	})
}

func TestAFailedGuardNamesItself(t *testing.T) {
	bothModes(t, func(t *testing.T, f *fixture) {
		tx, _ := f.begin(key(1), nil)
		f.Fail(tx)
		guard, ok := errors.AsType[*postgres.NotAffectedError](f.complete(tx, key(1)))
		if !ok || guard.Label != "fail" {
			t.Errorf("got %v", guard)
		}
	})
}

func TestABrokenConstraintIsToldByName(t *testing.T) {
	bothModes(t, func(t *testing.T, f *fixture) {
		tx, _ := f.begin(key(1), nil)
		f.Write(tx, "twice")
		f.Write(tx, "twice")
		broken, ok := errors.AsType[*postgres.ConstraintError](f.complete(tx, key(1)))
		if !ok || broken.Name != "scratch_once" {
			t.Errorf("got %v", broken)
		}
	})
}

func TestALockingReadDoesNotWaitWhenAnotherRequestHasTheKey(t *testing.T) {
	bothModes(t, func(t *testing.T, f *fixture) {
		f.exec(`INSERT INTO scratch (name) VALUES ('row')`)
		locking := func(tx *postgres.Tx) { row(tx, new(int), postgres.WhenMine) }
		taken, done := key(1), key(2)
		holder, _ := f.begin(taken, locking)
		defer f.store.Rollback(holder)
		tx, _ := f.begin(done, nil)
		if err := f.complete(tx, done); err != nil {
			t.Fatal(err)
		}
		for what, req := range map[string]idempotency.Request{"in use": taken, "completed": done} {
			tx, found := f.begin(req, locking) // waiting would be an error
			if found.Mine {
				t.Errorf("a key that is %s was granted", what)
			}
			f.store.Rollback(tx)
		}
		if _, _, err := f.store.Begin(t.Context(), key(3), locking); !errors.Is(err, idempotency.ErrUnavailable) {
			t.Errorf("a new key waits for the row, bounded; got %v", err)
		}
	})
}

func TestADeadlockIsALostRace(t *testing.T) {
	bothModes(t, func(t *testing.T, f *fixture) {
		f.exec(`INSERT INTO scratch (name) VALUES ('a'), ('b')`)
		db, err := postgres.Open(f.url+"&deadlock_timeout=20ms", postgres.Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = db.Close() }()
		f.store = postgres.NewStore(db, primary{}, postgres.StoreOptions{})
		first, _ := f.begin(key(1), nil)
		second, _ := f.begin(key(2), nil)
		lock := func(tx *postgres.Tx, name string) error {
			raise(tx, name)
			return tx.Flush(t.Context())
		}
		if err := errors.Join(lock(first, "a"), lock(second, "b")); err != nil {
			t.Fatal(err)
		}
		var group sync.WaitGroup
		var ends [2]error
		group.Go(func() { ends[0] = lock(first, "b"); f.store.Rollback(first) })
		group.Go(func() { ends[1] = lock(second, "a"); f.store.Rollback(second) })
		group.Wait()
		lost := 0
		for _, err := range ends {
			if errors.Is(err, idempotency.ErrSerialization) {
				lost++
			} else if err != nil {
				t.Error(err)
			}
		}
		if lost != 1 {
			t.Errorf("ends %v, want one lost race", ends)
		}
	})
}

func TestASerializationFailureIsRunAgain(t *testing.T) {
	bothModes(t, func(t *testing.T, f *fixture) {
		f.exec(`CREATE FUNCTION lose() RETURNS text LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'lost' USING ERRCODE = '40001'; END $$`)
		runs := 0
		out, err := idempotency.New(f.store, nil, idempotency.Options{}).Do(t.Context(), key(1), idempotency.Work[*postgres.Tx]{
			Local: &idempotency.Local[*postgres.Tx]{Run: func(_ context.Context, tx *postgres.Tx) (*idempotency.Response, error) {
				f.Write(tx, "once")
				if runs++; runs < 3 {
					tx.Insert("lose", `INSERT INTO scratch (name) SELECT lose()`)
				}
				return &idempotency.Response{Status: 201}, nil
			}},
		})
		if err != nil || out.Source != idempotency.SourceFirst || runs != 3 || !f.Written("once") {
			t.Errorf("%+v, %v after %d runs", out, err, runs)
		}
	})
}

// A completion that meets a migration runs once more; one that is refused for itself does not, and nothing is tried for ever.
func TestACompletionThatMeetsAMigrationIsRunOnceMore(t *testing.T) {
	bothModes(t, func(t *testing.T, f *fixture) {
		f.exec(`CREATE SEQUENCE runs`)
		f.exec(`CREATE FUNCTION changing(times int, code text) RETURNS text LANGUAGE plpgsql AS $$ BEGIN
			IF nextval('runs') <= times THEN
				RAISE EXCEPTION 'in change' USING ERRCODE = code;
			END IF;
			RETURN code;
		END $$`)
		for i, c := range []struct {
			code        string
			fails, runs int
			completed   bool
		}{
			{"42601", 1, 2, true}, {"42883", 1, 2, true}, {"XX000", 1, 2, true}, {"42703", 2, 2, false}, {"22003", 1, 1, false}, {"23514", 1, 1, false},
		} {
			f.exec(`ALTER SEQUENCE runs RESTART`)
			claim, runs := f.claimed(key(byte(i+1))), 0
			rec, err := f.store.Complete(t.Context(), claim, func(tx *postgres.Tx) (*idempotency.Response, error) {
				runs++
				tx.Insert("changing", `INSERT INTO scratch (name) SELECT changing($1, $2)`, c.fails, c.code)
				return &idempotency.Response{Status: 201}, nil
			})
			if done := err == nil && rec.State == idempotency.Completed; done != c.completed || runs != c.runs || f.Written(c.code) != done {
				t.Errorf("%s, %d times: got %+v, %v after %d runs, want completed %t after %d", c.code, c.fails, rec, err, runs, c.completed, c.runs)
			}
		}
	})
}

func TestGORMInATxCannotCommitIt(t *testing.T) {
	bothModes(t, func(t *testing.T, f *fixture) {
		tx, _ := f.begin(key(1), nil)
		f.Write(tx, "queued")
		handle, err := tx.DB(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		var rows int64
		if err := handle.Table("scratch").Where("name = ?", "queued").Count(&rows).Error; err != nil || rows != 1 {
			t.Errorf("GORM sees %d rows (%v): it is not in the transaction", rows, err)
		}
		if err := handle.Exec(`INSERT INTO scratch (name) VALUES (?)`, "by GORM").Error; err != nil {
			t.Error(err)
		}
		inner := handle.Begin()
		if err := errors.Join(inner.Error, inner.Exec(`INSERT INTO scratch (name) VALUES ('inner')`).Error, inner.Commit().Error); err != nil {
			t.Error(err)
		}
		f.store.Rollback(tx)
		f.eventually(func() bool { return f.beginAndEnd(key(1)).Mine })
		if f.Written("queued") || f.Written("by GORM") || f.Written("inner") {
			t.Error("a write outlived the tx")
		}
	})
}

func TestALostRaceInsideGORMIsOne(t *testing.T) {
	bothModes(t, func(t *testing.T, f *fixture) {
		tx, _ := f.begin(key(1), nil)
		defer f.store.Rollback(tx)
		handle, err := tx.DB(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		err = handle.Exec(`DO $$ BEGIN RAISE EXCEPTION 'lost' USING ERRCODE = '40001'; END $$`).Error
		if !errors.Is(err, idempotency.ErrSerialization) {
			t.Errorf("got %v", err)
		}
	})
}

func TestATxKnowsTheStoresTime(t *testing.T) {
	bothModes(t, func(t *testing.T, f *fixture) {
		var before, after time.Time
		f.scan(&before, `SELECT now()`)
		tx, _ := f.begin(key(1), nil)
		f.store.Rollback(tx)
		f.scan(&after, `SELECT now()`)
		if now := tx.Now(); now.Before(before) || now.After(after) || now.Location() != time.UTC {
			t.Errorf("%s is not between %s and %s, in UTC", now, before, after)
		}
	})
}

// eventually asks until ok, for 10 s at most.
func (f *fixture) eventually(ok func() bool) {
	f.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	limit := time.After(10 * time.Second)
	for !ok() {
		select {
		case <-limit:
			f.Fatal("waited 10 s in vain")
		case <-tick.C:
		}
	}
}
