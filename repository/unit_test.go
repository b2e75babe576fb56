package repository_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/payonce/payonce/idempotency"
	"github.com/payonce/payonce/repository"
)

func bothModes(t *testing.T, test func(t *testing.T, f *fixture)) {
	t.Helper()
	t.Parallel()
	for _, mode := range []string{"cache_statement", "exec"} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			test(t, openFixture(t, repository.Options{ExecMode: mode, MaxConns: 8}))
		})
	}
}

// key is a request with a key of its own for each n.
func key(n byte) idempotency.Request {
	return idempotency.Request{Tenant: idempotency.Tenant{9}, KeyHash: [32]byte{n}, Fingerprint: idempotency.Fingerprint{1}, Method: "POST", Path: "/"}
}

func (f *fixture) begin(req idempotency.Request, reads func(*repository.Unit)) (*repository.Unit, idempotency.Found) {
	f.Helper()
	unit, found, err := f.store.Begin(f.Context(), req, reads)
	if err != nil {
		f.Fatal(err)
	}
	return unit, found
}

func (f *fixture) beginAndEnd(req idempotency.Request) idempotency.Found {
	f.Helper()
	unit, found := f.begin(req, nil)
	f.store.Rollback(unit)
	return found
}

func (f *fixture) complete(unit *repository.Unit, req idempotency.Request) error {
	f.Helper()
	return f.store.Complete(f.Context(), unit, &idempotency.Record{
		Tenant: req.Tenant, KeyHash: req.KeyHash, Fingerprint: req.Fingerprint, Method: req.Method, Path: req.Path,
		ClaimID: idempotency.NewClaimID(), Fence: 1, Response: &idempotency.Response{Status: 201},
	})
}

// row queues a read of scratch's row "row", locked.
func row(u *repository.Unit, n *int, condition string) {
	u.Read("lock the row", `SELECT n FROM scratch WHERE name = 'row' AND `+condition+` FOR UPDATE`, nil,
		func(scan func(...any) error) error { return scan(n) })
}

func raise(u *repository.Unit, name string) {
	u.Guard("raise", `UPDATE scratch SET n = n + 1 WHERE name = $1`, name)
}

func TestAUnitRefusesABareUpdateAndWhatTravelsWithIt(t *testing.T) {
	bothModes(t, func(t *testing.T, f *fixture) {
		for i, misuse := range []func(*repository.Unit){
			func(u *repository.Unit) { u.Insert("i", `UPDATE scratch SET n = 1`) },
			func(u *repository.Unit) { u.Insert("i", "\n  delete FROM scratch") },
			func(u *repository.Unit) { u.Insert("i", `WITH x AS (DELETE FROM scratch) SELECT 1`) },
			func(u *repository.Unit) { u.Read("r", `UPDATE scratch SET n = 1 RETURNING n`, nil, nil) },
		} {
			unit, _ := f.begin(key(byte(i)), nil)
			f.Write(unit, "travels along")
			misuse(unit)
			if err := f.complete(unit, key(byte(i))); err == nil || !strings.Contains(err.Error(), "Guard") {
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
		unit, _ := f.begin(key(1), nil)
		f.Fail(unit)
		guard, ok := errors.AsType[*repository.GuardError](f.complete(unit, key(1)))
		if !ok || guard.Label != "fail" {
			t.Errorf("got %v", guard)
		}
	})
}

func TestABrokenConstraintIsToldByName(t *testing.T) {
	bothModes(t, func(t *testing.T, f *fixture) {
		unit, _ := f.begin(key(1), nil)
		f.Write(unit, "twice")
		f.Write(unit, "twice")
		broken, ok := errors.AsType[*repository.ConstraintError](f.complete(unit, key(1)))
		if !ok || broken.Name != "scratch_once" {
			t.Errorf("got %v", broken)
		}
	})
}

func TestALockingReadDoesNotWaitWhenTheKeyIsSomebodyElses(t *testing.T) {
	bothModes(t, func(t *testing.T, f *fixture) {
		f.exec(`INSERT INTO scratch (name) VALUES ('row')`)
		locking := func(u *repository.Unit) { row(u, new(int), repository.WhenMine) }
		taken, done := key(1), key(2)
		holder, _ := f.begin(taken, locking)
		defer f.store.Rollback(holder)
		unit, _ := f.begin(done, nil)
		if err := f.complete(unit, done); err != nil {
			t.Fatal(err)
		}
		for what, req := range map[string]idempotency.Request{"in use": taken, "completed": done} {
			unit, found := f.begin(req, locking) // waiting would be an error
			if found.Mine {
				t.Errorf("a key that is %s was granted", what)
			}
			f.store.Rollback(unit)
		}
		if _, _, err := f.store.Begin(t.Context(), key(3), locking); !errors.Is(err, idempotency.ErrUnavailable) {
			t.Errorf("a new key waits for the row, bounded; got %v", err)
		}
	})
}

func TestADeadlockIsALostRace(t *testing.T) {
	bothModes(t, func(t *testing.T, f *fixture) {
		f.exec(`INSERT INTO scratch (name) VALUES ('a'), ('b')`)
		db, err := repository.Open(f.url+"&deadlock_timeout=20ms", repository.Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = db.Close() }()
		f.store = repository.NewIdempotency(db, primary{}, repository.Retention{})
		first, _ := f.begin(key(1), nil)
		second, _ := f.begin(key(2), nil)
		lock := func(u *repository.Unit, name string) error {
			raise(u, name)
			return u.Flush(t.Context())
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
		out, err := idempotency.New(f.store, nil, idempotency.Options{}).Do(t.Context(), key(1), idempotency.Work[*repository.Unit]{
			Local: &idempotency.Local[*repository.Unit]{Run: func(_ context.Context, u *repository.Unit) (*idempotency.Response, error) {
				f.Write(u, "once")
				if runs++; runs < 3 {
					u.Insert("lose", `INSERT INTO scratch (name) SELECT lose()`)
				}
				return &idempotency.Response{Status: 201}, nil
			}},
		})
		if err != nil || out.Level != idempotency.LevelFirst || runs != 3 || !f.Written("once") {
			t.Errorf("%+v, %v after %d runs", out, err, runs)
		}
	})
}

func TestGORMInAUnitCannotCommitIt(t *testing.T) {
	bothModes(t, func(t *testing.T, f *fixture) {
		unit, _ := f.begin(key(1), nil)
		f.Write(unit, "queued")
		tx, err := unit.DB(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		var rows int64
		if err := tx.Table("scratch").Where("name = ?", "queued").Count(&rows).Error; err != nil || rows != 1 {
			t.Errorf("GORM sees %d rows (%v): it is not in the transaction", rows, err)
		}
		if err := tx.Exec(`INSERT INTO scratch (name) VALUES (?)`, "by GORM").Error; err != nil {
			t.Error(err)
		}
		if err := tx.Begin().Error; err == nil {
			t.Error("GORM began a transaction inside the unit's")
		}
		f.store.Rollback(unit)
		f.eventually(func() bool { return f.beginAndEnd(key(1)).Mine })
		if f.Written("queued") || f.Written("by GORM") {
			t.Error("a write outlived the unit")
		}
	})
}

func TestALostRaceInsideGORMIsOne(t *testing.T) {
	bothModes(t, func(t *testing.T, f *fixture) {
		unit, _ := f.begin(key(1), nil)
		defer f.store.Rollback(unit)
		tx, err := unit.DB(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		err = tx.Exec(`DO $$ BEGIN RAISE EXCEPTION 'lost' USING ERRCODE = '40001'; END $$`).Error
		if !errors.Is(err, idempotency.ErrSerialization) {
			t.Errorf("got %v", err)
		}
	})
}

func TestAUnitKnowsTheStoresTime(t *testing.T) {
	bothModes(t, func(t *testing.T, f *fixture) {
		var before, after time.Time
		f.scan(&before, `SELECT now()`)
		unit, _ := f.begin(key(1), nil)
		f.store.Rollback(unit)
		f.scan(&after, `SELECT now()`)
		if now := unit.Now(); now.Before(before) || now.After(after) || now.Location() != time.UTC {
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
