package migrations_test

import (
	"database/sql"
	"testing"
	"time"

	"github.com/payonce/payonce/test/service"
	"github.com/payonce/payonce/test/stores"
)

// A statement that is under way knows already which language a function has, and reads its text when it calls it. So CREATE OR REPLACE may
// change a function's text, but never its language. Here each file is undone, and all behind it are, and they are applied again.
func TestNoMigrationChangesTheLanguageOfAFunction(t *testing.T) {
	t.Parallel()
	url := stores.EmptyDatabase(t)
	up(t, url)
	db := open(t, url)
	mustExec(t, db, `CREATE SCHEMA seen`)
	remember := func() {
		mustExec(t, db, `DROP TABLE IF EXISTS seen.functions`)
		mustExec(t, db, `CREATE TABLE seen.functions AS SELECT oid, proname, prolang FROM pg_proc WHERE pronamespace = 'public'::regnamespace`)
	}
	compare := func(after string) {
		t.Helper()
		for _, changed := range column[string](t, db, `SELECT p.proname FROM pg_proc p JOIN seen.functions f USING (oid) WHERE p.prolang <> f.prolang`) {
			t.Errorf("%s: function %s has another language", after, changed)
		}
	}
	files := sqlFiles(t)
	remember()
	if known := column[int64](t, db, `SELECT count(*) FROM seen.functions`); known[0] == 0 {
		t.Fatal("there is no function")
	}
	for first := len(files) - 1; first >= 0; first-- {
		for last := len(files) - 1; last >= first; last-- {
			remember()
			down(t, url)
			compare("undoing " + files[last])
		}
		remember()
		up(t, url)
		compare("applying " + files[first] + " and what follows")
	}
}

// What happens otherwise: a statement begins, the function is replaced, and the statement calls it.
func TestAStatementThatIsUnderWayOutlivesAMigration(t *testing.T) {
	t.Parallel()
	url := stores.EmptyDatabase(t)
	up(t, url)
	for range sqlFiles(t)[25:] { // back to where event_epoch was written in SQL
		down(t, url)
	}
	db := open(t, url)
	holder := begin(t, db)
	mustExec(t, holder, `SELECT pg_advisory_xact_lock(26)`)
	ended := make(chan error, 1)
	go func() {
		var epoch sql.NullInt64
		// It opens a table after the wait: a session learns then what others have changed.
		ended <- db.QueryRowContext(t.Context(), `SELECT event_epoch()
			FROM (SELECT pg_advisory_xact_lock(26), pg_relation_size('events') OFFSET 0) AS waiting`).Scan(&epoch)
	}()
	service.Within(t, time.Minute, "the statement is under way", func() bool {
		return column[int64](t, db, `SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted
			AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`)[0] == 1
	})
	up(t, url)
	if err := holder.Rollback(); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; err != nil {
		t.Errorf("a statement that began before the migration: %v", err)
	}
}
