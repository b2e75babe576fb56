package postgres_test

import (
	"errors"
	"testing"
	"time"

	"github.com/payonce/payonce/idempotency/postgres"
)

func TestWhatWaitsForACommitIsCalledOnceAndOnlyBehindIt(t *testing.T) {
	t.Parallel()
	f := openFixture(t, postgres.Options{})
	errHandler := errors.New("the handler refuses")
	for name, test := range map[string]struct {
		writes func(*postgres.Tx) error
		want   int
	}{
		"committed": {func(tx *postgres.Tx) error { f.Write(tx, "committed"); return nil }, 1},
		"refused":   {func(tx *postgres.Tx) error { f.Write(tx, "refused"); f.Fail(tx); return nil }, 0},
		"given up":  {func(tx *postgres.Tx) error { f.Write(tx, "given up"); return errHandler }, 0},
	} {
		calls := 0
		err := f.db.Apply(t.Context(), time.Now(), func(tx *postgres.Tx) error {
			tx.WhenCommitted(func() {
				calls++
				if !f.Written(name) {
					t.Errorf("%s: called before the COMMIT", name)
				}
			})
			return test.writes(tx)
		})
		if calls != test.want || (err == nil) != (test.want == 1) {
			t.Errorf("%s: got %d calls and %v, want %d", name, calls, err, test.want)
		}
	}
	tx, _ := f.begin(key(1), nil)
	calls := 0
	tx.WhenCommitted(func() { calls++ })
	if err := f.complete(tx, key(1)); err != nil || calls != 1 {
		t.Errorf("under a key: got %d calls and %v, want 1", calls, err)
	}
	tx, _ = f.begin(key(2), nil)
	tx.WhenCommitted(func() { t.Error("called although it was rolled back") })
	f.store.Rollback(tx)
}

func TestTheCleanupsBacklogIsAsOldAsItsOldestRow(t *testing.T) {
	t.Parallel()
	f := openFixture(t, postgres.Options{})
	backlog := func(want string, expire, forget time.Duration) {
		t.Helper()
		e, g, err := f.store.CleanupDue(t.Context())
		near := func(got, want time.Duration) bool {
			return got >= want && got < want+time.Minute && (want > 0 || got == 0)
		}
		if err != nil || !near(e, expire) || !near(g, forget) {
			t.Errorf("%s: got %s, %s and %v, want %s and %s", want, e, g, err, expire, forget)
		}
	}
	backlog("without records", 0, 0)
	f.completed(key(1))
	backlog("a fresh record", 0, 0)
	f.Pass(retention().Replay + time.Hour)
	f.completed(key(2))
	backlog("one that is due for an hour", time.Hour, 0)
	if n, err := f.store.Expire(t.Context(), 10); n != 1 || err != nil {
		t.Fatalf("%d expired, %v", n, err)
	}
	backlog("when it is a tombstone", 0, 0)
	f.Pass(retention().Tombstones)
	if _, forget, err := f.store.CleanupDue(t.Context()); err != nil || forget < time.Hour {
		t.Errorf("a tombstone that is due: got %s and %v, want an hour or more", forget, err)
	}
}
