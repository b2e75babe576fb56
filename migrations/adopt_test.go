package migrations_test

import (
	"os"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
	"github.com/pressly/goose/v3"

	"github.com/payonce/payonce/test/stores"
)

// early makes a database as a build did that still kept its versions in goose's own table.
func early(t *testing.T, url string, version int64, more fstest.MapFS) {
	t.Helper()
	files := fstest.MapFS{}
	for name, file := range more {
		files[name] = file
	}
	for _, name := range sqlFiles(t) {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		files[name] = &fstest.MapFile{Data: text}
	}
	table, err := os.ReadFile("testdata/early_idempotency_keys.sql")
	if err != nil {
		t.Fatal(err)
	}
	files["00002_idempotency_keys.sql"] = &fstest.MapFile{Data: table}
	provider, err := goose.NewProvider(goose.DialectPostgres, open(t, url), files)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := provider.UpTo(t.Context(), version); err != nil {
		t.Fatal(err)
	}
}

func TestUpGoesOnWhereAnEarlyBuildEnded(t *testing.T) {
	t.Parallel()
	for _, version := range []int64{1, 2, 5, 7} {
		url := stores.EmptyDatabase(t)
		early(t, url, version, nil)
		db := open(t, url)
		if _, err := db.ExecContext(t.Context(), `INSERT INTO merchants (id, name) VALUES (gen_random_uuid(), 'kept')`); err != nil {
			t.Fatal(err)
		}
		before := column[int64](t, db, `SELECT version_id FROM goose_db_version ORDER BY id`)
		up(t, url)
		up(t, url)
		for _, m := range status(t, url) {
			if m.AppliedAt.IsZero() {
				t.Errorf("from version %d: %s is pending", version, m.Name)
			}
		}
		if kept := column[string](t, db, `SELECT name FROM merchants`); len(kept) != 1 {
			t.Errorf("from version %d: got %q, want the merchant that was there", version, kept)
		}
		if diff := cmp.Diff(before, column[int64](t, db, `SELECT version_id FROM goose_db_version ORDER BY id`)); diff != "" {
			t.Errorf("from version %d: goose's own table was changed:\n%s", version, diff)
		}
	}
}

// A host's own goose has versions of the same numbers, and payonce's tables are made all the same.
func TestUpIsNotMisledByTheHostsOwnGoose(t *testing.T) {
	t.Parallel()
	url := stores.EmptyDatabase(t)
	provider, err := goose.NewProvider(goose.DialectPostgres, open(t, url), fstest.MapFS{
		"00001_coffees.sql": {Data: []byte("-- +goose Up\nCREATE TABLE coffees (id int);\n")},
		"00020_mugs.sql":    {Data: []byte("-- +goose Up\nCREATE TABLE mugs (id int);\n")},
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := provider.Up(t.Context()); err != nil {
		t.Fatal(err)
	}
	up(t, url)
	if made := column[string](t, open(t, url), `SELECT relname FROM pg_class WHERE relname = 'payments' AND relkind IN ('r', 'p')`); len(made) != 1 {
		t.Error("payonce's tables were not made")
	}
	if last, err := provider.GetDBVersion(t.Context()); err != nil || last != 20 {
		t.Errorf("the host's version is %d (%v), want 20", last, err)
	}
}
