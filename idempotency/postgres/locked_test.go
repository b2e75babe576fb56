package postgres_test

import (
	"sync"
	"testing"
	"time"

	"github.com/payonce/payonce/idempotency/postgres"
	"github.com/payonce/payonce/idempotency/postgres/schema"
	"github.com/payonce/payonce/repository"
)

func TestWhatIsDueAndHeldIsCountedInASchemaOfItsOwn(t *testing.T) {
	t.Parallel()
	f := openFixture(t, postgres.Options{})
	for _, name := range []string{"once", `The "host's" keys`} {
		if err := schema.Migrate(t.Context(), f.url, schema.Options{Schema: name}); err != nil {
			t.Fatal(err)
		}
		options := retention()
		options.Schema = name
		if n, err := postgres.NewStore(f.db, primary{}, options).Locked(t.Context()); n != 0 || err != nil {
			t.Errorf("%s: got %d, %v; want 0", name, n, err)
		}
	}
}

func TestWhatIsDueAndHeldIsCounted(t *testing.T) {
	t.Parallel()
	f := openFixture(t, postgres.Options{})
	for n := range byte(4) {
		f.claimed(key(n))
	}
	notDue := key(3)
	f.exec(`UPDATE idempotency_keys SET lease_until = now() - interval '1 second' WHERE key_hash <> $1`, notDue.KeyHash[:])
	f.holds(key(1))
	f.holds(notDue)
	var group sync.WaitGroup
	for range 8 { // as many replicas count at once
		group.Go(func() {
			if n, err := f.store.Locked(t.Context()); n != 1 || err != nil {
				t.Errorf("got %d, %v; want 1", n, err)
			}
		})
	}
	group.Wait()
	if n, err := repository.NewAttempts(f.db, time.Minute).Locked(t.Context()); n != 0 || err != nil {
		t.Errorf("attempts: got %d, %v; want 0", n, err)
	}
	if due, err := f.store.TakeOverDue(t.Context(), 10); len(due) != 2 || err != nil {
		t.Errorf("took %d over, %v; want the 2 that are not locked", len(due), err)
	}
	if n, err := f.store.Locked(t.Context()); n != 1 || err != nil {
		t.Errorf("got %d, %v; want 1", n, err)
	}
}
