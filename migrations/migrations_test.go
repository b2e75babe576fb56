package migrations_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/payonce/payonce/migrations"
	"github.com/payonce/payonce/test/stores"
)

// objects is what a migration makes, and what undoing it has to remove. Goose's own two tables stay.
const objects = `
	SELECT c.relkind::text || ' ' || c.relname AS name FROM pg_class c
	 WHERE c.relnamespace = 'public'::regnamespace AND c.relname NOT LIKE 'payonce\_schema\_%'
	UNION ALL
	SELECT 'function ' || proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace
	ORDER BY name`

func TestUpAfterDownMakesTheSameSchemaAgain(t *testing.T) {
	t.Parallel()
	url := stores.EmptyDatabase(t)
	db := open(t, url)
	up(t, url)
	first := column[string](t, db, objects)
	if len(first) == 0 {
		t.Fatal("Up made nothing")
	}

	steps := 0
	for ; ; steps++ {
		err := migrations.Down(t.Context(), url)
		if errors.Is(err, migrations.ErrNothingToUndo) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if want := len(sqlFiles(t)); steps != want {
		t.Errorf("undone in %d steps, want one for each of %d files", steps, want)
	}
	if left := column[string](t, db, objects); len(left) != 0 {
		t.Errorf("Down left %q", left)
	}

	up(t, url)
	if diff := cmp.Diff(first, column[string](t, db, objects)); diff != "" {
		t.Errorf("the second Up made another schema (-first +second):\n%s", diff)
	}
}

func TestManyReplicasMayMigrateAtOnce(t *testing.T) {
	t.Parallel()
	url := stores.EmptyDatabase(t)
	const replicas = 4
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	results := make(chan error, replicas)
	for range replicas {
		go func() { results <- migrations.Up(ctx, url) }()
	}
	for range replicas {
		if err := <-results; err != nil {
			t.Error(err)
		}
	}
	applied := column[int64](t, open(t, url), `SELECT version_id FROM payonce_schema_version WHERE version_id > 0 ORDER BY id`)
	if len(applied) != len(sqlFiles(t)) || !slices.IsSorted(applied) {
		t.Errorf("applied versions %v, want each of %d once and in order", applied, len(sqlFiles(t)))
	}
}

func TestStatusListsWhatIsPendingAndWhatIsApplied(t *testing.T) {
	t.Parallel()
	url := stores.EmptyDatabase(t)
	for _, m := range status(t, url) {
		if !m.AppliedAt.IsZero() {
			t.Errorf("%s is applied in an empty database", m.Name)
		}
	}
	up(t, url)
	var names []string
	for i, m := range status(t, url) {
		if names = append(names, m.Name); m.Version != int64(i+1) || m.AppliedAt.IsZero() {
			t.Errorf("got %+v, want version %d with a time", m, i+1)
		}
	}
	if diff := cmp.Diff(sqlFiles(t), names); diff != "" {
		t.Errorf("status and files differ (-files +status):\n%s", diff)
	}
}

func TestUpWithNothingToDoTakesNoLock(t *testing.T) {
	t.Parallel()
	url := stores.EmptyDatabase(t)
	up(t, url)
	db := open(t, url)
	// As if a replica had died while it held the lock, with a lease that never ends.
	if _, err := db.ExecContext(t.Context(), `UPDATE payonce_schema_lock SET locked = true, locked_by = 'dead', lease_expires_at = 'infinity'`); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if err := migrations.Up(ctx, url); err != nil {
		t.Errorf("Up waited for the lock: %v", err)
	}
}

func TestAnUnusableURLIsAnErrorWithoutItsPassword(t *testing.T) {
	t.Parallel()
	for _, url := range []string{
		"postgres://u:hunter2@localhost:notaport/x",
		"postgres://u:hunter2@127.0.0.1:1/x",
	} {
		err := migrations.Up(t.Context(), url)
		if err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("Up(%s) = %v, want an error that keeps the password", url, err)
		}
	}
}

// Files are transactional and don't wait for ever: a migration that queues for a lock makes all traffic queue behind it.
// A file without a transaction only builds indexes, concurrently, and can be repeated: writes go on however long it takes.
func TestEachFileLimitsBothDirections(t *testing.T) {
	t.Parallel()
	for _, name := range sqlFiles(t) {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasPrefix(string(text), "-- +goose NO TRANSACTION\n") {
			onlyConcurrentIndexes(t, name, string(text))
			continue
		}
		for _, direction := range []string{"Up", "Down"} {
			head := "-- +goose " + direction + "\nSET LOCAL lock_timeout = '5s';\nSET LOCAL statement_timeout = '60s';\n"
			if !strings.Contains(string(text), head) {
				t.Errorf("%s: %s does not begin with its limits", name, direction)
			}
		}
	}
}

func onlyConcurrentIndexes(t *testing.T, name, text string) {
	t.Helper()
	dropped := ""
	for line := range strings.Lines(text) {
		switch words := strings.Fields(strings.TrimRight(line, ";\n")); {
		case len(words) == 0, words[0] == "--":
		case strings.HasPrefix(line, "DROP INDEX CONCURRENTLY IF EXISTS ") && len(words) == 6:
			dropped = words[5]
		case strings.HasPrefix(line, "CREATE INDEX CONCURRENTLY ") && words[3] == dropped: // a build that broke off left an invalid index
		default:
			t.Errorf("%s: %q is not an index that is built concurrently, and dropped before", name, line)
		}
	}
}

// The first build of an index breaks off where it finds a lock; what it leaves is dropped by the second.
func TestAnIndexWhoseBuildBrokeOffIsBuiltAgain(t *testing.T) {
	t.Parallel()
	url := stores.EmptyDatabase(t)
	up(t, url)
	db := open(t, url)
	const valid = `SELECT count(*) FROM pg_index WHERE indexrelid = 'events_cursor'::regclass AND indisvalid`
	for _, statement := range []string{
		`UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'events_cursor'::regclass`,
		`DELETE FROM payonce_schema_version WHERE version_id >= 10`,
	} {
		if _, err := db.ExecContext(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	if got := column[int64](t, db, valid); got[0] != 0 {
		t.Fatal("the index is still valid")
	}
	_ = migrations.Up(t.Context(), url) // the files after it were applied already
	if got := column[int64](t, db, valid); got[0] != 1 {
		t.Error("got an invalid index, want one that was built again")
	}
}

func up(t *testing.T, url string) {
	t.Helper()
	if err := migrations.Up(t.Context(), url); err != nil {
		t.Fatal(err)
	}
}

func down(t *testing.T, url string) {
	t.Helper()
	if err := migrations.Down(t.Context(), url); err != nil {
		t.Fatal(err)
	}
}

func status(t *testing.T, url string) []migrations.Applied {
	t.Helper()
	list, err := migrations.Status(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func sqlFiles(t *testing.T) []string {
	t.Helper()
	names, err := fs.Glob(os.DirFS("."), "*.sql")
	if err != nil || len(names) == 0 {
		t.Fatalf("no SQL files: %v", err)
	}
	return names
}
