package migrations_test

import (
	"testing"

	"github.com/payonce/payonce/test/stores"
)

func TestStatusOnlyReads(t *testing.T) {
	t.Parallel()
	url := stores.EmptyDatabase(t)
	tables := `SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace`
	for _, m := range status(t, url) {
		if !m.AppliedAt.IsZero() {
			t.Errorf("got %s applied in an empty database, want it pending", m.Name)
		}
	}
	if made := column[int64](t, open(t, url), tables); made[0] != 0 {
		t.Errorf("got %d relations made by status, want none", made[0])
	}
	up(t, url)
	if _, err := open(t, url).ExecContext(t.Context(), `DO $$ BEGIN
		EXECUTE format('ALTER DATABASE %I SET default_transaction_read_only = on', current_database()); END $$`); err != nil {
		t.Fatal(err)
	}
	for _, m := range status(t, url) {
		if m.AppliedAt.IsZero() {
			t.Errorf("got %s pending in a read-only database, want it applied", m.Name)
		}
	}
}

func TestStatusKnowsWhatAnEarlyBuildApplied(t *testing.T) {
	t.Parallel()
	url := stores.EmptyDatabase(t)
	early(t, url, 5, nil)
	for _, m := range status(t, url) {
		if applied := !m.AppliedAt.IsZero(); applied != (m.Version <= 5) {
			t.Errorf("got %s applied: %t, want versions up to 5", m.Name, applied)
		}
	}
}
