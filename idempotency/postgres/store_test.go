package postgres_test

import (
	"testing"
	"time"

	"github.com/payonce/payonce/idempotency/postgres"
	"github.com/payonce/payonce/idempotency/postgres/schema"
	"github.com/payonce/payonce/idempotency/storetest"
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
			storetest.Run(t, func(t *testing.T) storetest.Fixture[*postgres.Tx] {
				return openFixture(t, postgres.Options{ExecMode: mode, MaxConns: 8})
			})
		})
	}
}

// The table may be another service's, in a schema of its own; then nothing else of payonce is there.
func TestPostgresKeepsItInASchemaOfItsOwnToo(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T) storetest.Fixture[*postgres.Tx] {
		f := &fixture{T: t, url: stores.EmptyDatabase(t), table: `"The ""host's"" keys".idempotency_keys`}
		options := retention()
		options.Schema = `The "host's" keys`
		if err := schema.Migrate(t.Context(), f.url, schema.Options{Schema: options.Schema}); err != nil {
			t.Fatal(err)
		}
		f.open(postgres.Options{MaxConns: 8})
		f.exec(`CREATE TABLE idempotency_keys (trap text)`) // where search_path would find it
		f.store = postgres.NewStore(f.db, primary{}, options)
		return f
	})
}

func retention() postgres.StoreOptions {
	return postgres.StoreOptions{Lease: storetest.Lease, Replay: storetest.Replay, Tombstones: storetest.Tombstones}
}

// fixture is a store on a database of its own, with a table to write to.
type fixture struct {
	*testing.T
	url   string
	table string // with its schema
	db    *postgres.Database
	store *postgres.Store
}

func openFixture(t *testing.T, opt postgres.Options) *fixture {
	t.Helper()
	f := &fixture{T: t, url: stores.Database(t), table: "idempotency_keys"}
	f.open(opt)
	f.store = postgres.NewStore(f.db, primary{}, retention())
	return f
}

func (f *fixture) open(opt postgres.Options) {
	f.Helper()
	db, err := postgres.Open(f.url, opt)
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() {
		if err := db.Close(); err != nil {
			f.Error(err)
		}
	})
	f.db = db
	f.exec(`CREATE TABLE scratch (name text CONSTRAINT scratch_once PRIMARY KEY, n int NOT NULL DEFAULT 0)`)
}

func (f *fixture) Store() storetest.Store[*postgres.Tx] { return f.store }

func (f *fixture) Write(tx *postgres.Tx, name string) {
	tx.Insert("write", `INSERT INTO scratch (name) VALUES ($1)`, name)
}

func (f *fixture) Fail(tx *postgres.Tx) {
	tx.MustAffect("fail", `UPDATE scratch SET n = n + 1 WHERE name = $1`, "no row has this name")
}

func (f *fixture) Written(name string) (written bool) {
	f.Helper()
	f.scan(&written, `SELECT EXISTS (SELECT FROM scratch WHERE name = $1)`, name)
	return written
}

// Pass moves every time in the records into the past: the triggers, which allow no such thing, look away.
func (f *fixture) Pass(d time.Duration) {
	f.Helper()
	f.exec(`ALTER TABLE ` + f.table + ` DISABLE TRIGGER USER`)
	f.exec(`UPDATE `+f.table+` SET lease_until = lease_until - make_interval(secs => $1::float8),
		completed_at = completed_at - make_interval(secs => $1::float8), expires_at = expires_at - make_interval(secs => $1::float8)`, d.Seconds())
	f.exec(`ALTER TABLE ` + f.table + ` ENABLE TRIGGER USER`)
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
