package postgres_test

import (
	"testing"
	"time"

	"github.com/payonce/payonce/idempotency"
	"github.com/payonce/payonce/idempotency/postgres"
	"github.com/payonce/payonce/idempotency/storetest"
)

// A replica's clock that is an hour off is, seen from here, a Postgres whose clock is. Functions of the same name, found
// first, tell Postgres's statements another time.
func TestLeasesAndReplaysRunOnPostgresClock(t *testing.T) {
	t.Parallel()
	for name, offset := range map[string]string{"an hour behind": "-1 hour", "an hour ahead": "1 hour"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := openFixture(t, postgres.Options{})
			for _, function := range []string{"now", "clock_timestamp"} {
				f.exec(`CREATE FUNCTION ` + function + `() RETURNS timestamptz LANGUAGE sql AS
					$$ SELECT pg_catalog.` + function + `() + interval '` + offset + `' $$`)
			}
			db, err := postgres.Open(f.url+"&search_path=public,pg_catalog", postgres.Options{MaxConns: 2})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = db.Close() })
			f.db, f.store = db, postgres.NewStore(db, primary{}, postgres.StoreOptions{Lease: storetest.Lease, Replay: storetest.Replay})
			f.runsOnItsOwnClock(t)
		})
	}
}

func (f *fixture) runsOnItsOwnClock(t *testing.T) {
	var now time.Time
	f.scan(&now, `SELECT clock_timestamp()`)
	if off := time.Since(now).Abs(); off < 59*time.Minute {
		t.Fatalf("Postgres's clock is off by %s only: this test proves nothing", off)
	}
	claim := f.claimed(key(1))
	rec, err := f.store.Find(t.Context(), claim.Tenant, claim.KeyHash)
	if err != nil {
		t.Fatal(err)
	}
	if rec.LeaseLeft > storetest.Lease || rec.LeaseLeft < storetest.Lease/2 {
		t.Errorf("%s of the lease is left", rec.LeaseLeft)
	}
	if due, err := f.store.TakeOverDue(t.Context(), 10); len(due) != 0 || err != nil {
		t.Errorf("%d claims are taken over within their lease, %v", len(due), err)
	}
	settled, err := f.store.Complete(t.Context(), claim, func(*postgres.Tx) (*idempotency.Response, error) {
		return &idempotency.Response{Status: 201}, nil
	})
	if err != nil || settled.State != idempotency.Completed {
		t.Fatalf("%+v, %v", settled, err)
	}
	if left := settled.ExpiresAt.Sub(now); left < storetest.Replay || left > storetest.Replay+time.Minute {
		t.Errorf("the replay ends in %s", left)
	}
	if n, err := f.store.Expire(t.Context(), 10); n != 0 || err != nil {
		t.Errorf("%d responses expired, %v", n, err)
	}
	if found := f.beginAndEnd(key(1)); found.Record == nil || found.Record.State != idempotency.Completed {
		t.Errorf("found %+v", found.Record)
	}
}
