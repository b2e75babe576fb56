package repository_test

import (
	"testing"
	"time"

	"github.com/payonce/payonce/idempotency/storetest"
	"github.com/payonce/payonce/repository"
	"github.com/payonce/payonce/test/stores"
)

// primary is an authority that was never promoted.
type primary struct{}

func (primary) Now() time.Time   { return time.Now() }
func (primary) Timeline() uint32 { return 1 }

func TestPostgresKeepsWhatAStoreHasToKeep(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"cache_statement", "exec"} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			storetest.Run(t, func(t *testing.T) storetest.Fixture[*repository.Unit] {
				return openFixture(t, repository.Options{ExecMode: mode, MaxConns: 8})
			})
		})
	}
}

// fixture is a store on a database of its own, with a table to write to.
type fixture struct {
	*testing.T
	url   string
	db    *repository.Database
	store *repository.Idempotency
}

func openFixture(t *testing.T, opt repository.Options) *fixture {
	t.Helper()
	f := &fixture{T: t, url: stores.Database(t)}
	db, err := repository.Open(f.url, opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	f.db = db
	f.store = repository.NewIdempotency(db, primary{}, repository.Retention{
		Lease: storetest.Lease, Replay: storetest.Replay, Tombstones: storetest.Tombstones,
	})
	f.exec(`CREATE TABLE scratch (name text CONSTRAINT scratch_once PRIMARY KEY, n int NOT NULL DEFAULT 0)`)
	return f
}

func (f *fixture) Store() storetest.Store[*repository.Unit] { return f.store }

func (f *fixture) Write(u *repository.Unit, name string) {
	u.Insert("write", `INSERT INTO scratch (name) VALUES ($1)`, name)
}

func (f *fixture) Fail(u *repository.Unit) {
	u.Guard("fail", `UPDATE scratch SET n = n + 1 WHERE name = $1`, "nobody has this name")
}

func (f *fixture) Written(name string) (written bool) {
	f.Helper()
	f.scan(&written, `SELECT EXISTS (SELECT FROM scratch WHERE name = $1)`, name)
	return written
}

// Pass moves every time in the records into the past: the triggers, which allow no such thing, look away.
func (f *fixture) Pass(d time.Duration) {
	f.Helper()
	f.exec(`ALTER TABLE idempotency_keys DISABLE TRIGGER USER`)
	f.exec(`UPDATE idempotency_keys SET lease_until = lease_until - make_interval(secs => $1::float8),
		completed_at = completed_at - make_interval(secs => $1::float8), expires_at = expires_at - make_interval(secs => $1::float8)`, d.Seconds())
	f.exec(`ALTER TABLE idempotency_keys ENABLE TRIGGER USER`)
}

func (f *fixture) exec(query string, args ...any) {
	f.Helper()
	if _, err := f.db.SQL().ExecContext(f.Context(), query, args...); err != nil {
		f.Fatal(err)
	}
}

func (f *fixture) scan(dest any, query string, args ...any) {
	f.Helper()
	if err := f.db.SQL().QueryRowContext(f.Context(), query, args...).Scan(dest); err != nil {
		f.Fatal(err)
	}
}
