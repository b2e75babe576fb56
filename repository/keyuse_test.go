package repository_test

import (
	"testing"
	"time"

	"github.com/payonce/payonce/idempotency/postgres"
	"github.com/payonce/payonce/repository"
	"github.com/payonce/payonce/test/stores"
)

// fixedClock knows the epoch and a time that the test sets.
type fixedClock struct{ now time.Time }

func (fixedClock) Epoch() (postgres.Epoch, bool) { return postgres.Epoch{}, true }
func (c *fixedClock) Now() time.Time             { return c.now }

func TestTheUseOfAKeyIsWrittenOnceInTenMinutes(t *testing.T) {
	t.Parallel()
	db, err := postgres.Open(stores.Database(t), postgres.Options{MaxConns: 2})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	merchants, clock := repository.NewMerchants(db.GORM()), &fixedClock{time.Now()}
	id, secret, err := merchants.CreateKey(t.Context(), createMerchant(t, merchants, "Shop").ID)
	if err != nil {
		t.Fatal(err)
	}
	one, other := repository.NewAuthenticator(merchants, clock), repository.NewAuthenticator(merchants, clock)
	use := func(keys *repository.Authenticator, want int) {
		t.Helper()
		for range 50 {
			if _, err := keys.Check(t.Context(), secret, func() error { return nil }); err != nil {
				t.Fatal(err)
			}
		}
		if wrote, err := keys.WriteUse(t.Context(), 100); err != nil || wrote != want {
			t.Errorf("%d keys were to be written, want %d (%v)", wrote, want, err)
		}
	}
	if _, err := other.Check(t.Context(), secret, func() error { return nil }); err != nil { // it has read the key unused
		t.Fatal(err)
	}
	use(one, 1)
	use(one, 0)
	first := findKey(t, merchants, id).LastUsedAt
	use(other, 1) // it asks, and the statement finds that another replica has written
	if again := findKey(t, merchants, id).LastUsedAt; first == nil || !again.Equal(*first) {
		t.Errorf("last used moved from %v to %v", first, again)
	}
	clock.now = clock.now.Add(11 * time.Minute)
	use(one, 1)
}

func TestTheUseOfAKeyIsKeptWhileItCanNotBeWritten(t *testing.T) {
	t.Parallel()
	db, err := postgres.Open(stores.Database(t), postgres.Options{MaxConns: 2})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	merchants := repository.NewMerchants(db.GORM())
	_, secret, err := merchants.CreateKey(t.Context(), createMerchant(t, merchants, "Shop").ID)
	if err != nil {
		t.Fatal(err)
	}
	keys := repository.NewAuthenticator(merchants, &fixedClock{time.Now()})
	if _, err := keys.Check(t.Context(), secret, func() error { return nil }); err != nil {
		t.Fatal(err)
	}
	exec := func(sql string) {
		t.Helper()
		if _, err := db.SQL().ExecContext(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	exec("ALTER TABLE api_keys RENAME TO away")
	if _, err := keys.WriteUse(t.Context(), 10); err == nil {
		t.Error("the use was written to a table that is away")
	}
	exec("ALTER TABLE away RENAME TO api_keys")
	if wrote, err := keys.WriteUse(t.Context(), 10); err != nil || wrote != 1 {
		t.Errorf("%d, %v after the table is back, want 1", wrote, err)
	}
}
