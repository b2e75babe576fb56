package postgres_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/payonce/payonce/idempotency"
	"github.com/payonce/payonce/idempotency/postgres"
)

// holds locks one record in a transaction of its own, until the end of the test.
func (f *fixture) holds(req idempotency.Request) {
	f.Helper()
	tx, err := f.db.SQL().BeginTx(f.Context(), nil)
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { _ = tx.Rollback() })
	var held int
	err = tx.QueryRowContext(f.Context(), `SELECT 1 FROM idempotency_keys WHERE key_hash = $1 FOR UPDATE`, req.KeyHash[:]).Scan(&held)
	if err != nil {
		f.Fatal(err)
	}
}

func TestTheJobsPassOverWhatOthersHold(t *testing.T) {
	t.Parallel()
	for name, job := range map[string]struct {
		make func(*fixture, idempotency.Request)
		due  string
		run  func(context.Context, *fixture) (int, error)
	}{
		"recovery": {
			func(f *fixture, req idempotency.Request) { f.claimed(req) },
			`UPDATE idempotency_keys SET lease_until = now() - interval '1 second'`,
			func(ctx context.Context, f *fixture) (int, error) {
				due, err := f.store.TakeOverDue(ctx, 10)
				return len(due), err
			},
		},
		"cleanup": {
			func(f *fixture, req idempotency.Request) { f.completed(req) },
			`UPDATE idempotency_keys SET expires_at = now() - interval '1 second'`,
			func(ctx context.Context, f *fixture) (int, error) { return f.store.Expire(ctx, 10) },
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := openFixture(t, postgres.Options{})
			for n := range byte(3) {
				job.make(f, key(n))
			}
			f.exec(`ALTER TABLE idempotency_keys DISABLE TRIGGER USER`)
			f.exec(job.due)
			f.exec(`ALTER TABLE idempotency_keys ENABLE TRIGGER USER`)
			f.holds(key(1))
			ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second) // the lock stays for longer
			defer cancel()
			switch n, err := job.run(ctx, f); {
			case ctx.Err() != nil, errors.Is(err, idempotency.ErrUnavailable): // it gave up, or lock_timeout did
				t.Errorf("waited for a locked row: %v", err)
			case n != 2 || err != nil:
				t.Errorf("%d of the 2 that are not locked, %v", n, err)
			}
		})
	}
}

func (f *fixture) completed(req idempotency.Request) {
	f.Helper()
	tx, _ := f.begin(req, nil)
	if err := f.complete(tx, req); err != nil {
		f.Fatal(err)
	}
}

// A read of a key's outcome waits for a transaction that writes it: without that it could return the state from before the COMMIT.
func TestInspectingWaitsForATransactionThatWritesTheRecord(t *testing.T) {
	t.Parallel()
	f := openFixture(t, postgres.Options{})
	claim := f.claimed(key(1))
	f.holds(key(1))
	if rec, err := f.store.Inspect(t.Context(), claim.Tenant, claim.KeyHash); !errors.Is(err, idempotency.ErrUnavailable) {
		t.Errorf("did not wait: %+v, %v", rec, err)
	}
}

// A replica that is frozen in the middle of a transaction keeps its key and its order for seconds only.
func TestEachTransactionLimitsHowLongItMayHoldALock(t *testing.T) {
	bothModes(t, func(t *testing.T, f *fixture) {
		for setting, want := range map[string]string{
			"idle_in_transaction_session_timeout": "5s", "lock_timeout": "500ms", "statement_timeout": "3s",
		} {
			var got string
			tx, _ := f.begin(key(1), nil)
			tx.Read(setting, `SELECT current_setting($1)`, []any{setting}, func(scan func(...any) error) error { return scan(&got) })
			err := tx.Flush(t.Context())
			f.store.Rollback(tx)
			if err != nil || got != want {
				t.Errorf("%s is %q, want %q; %v", setting, got, want, err)
			}
		}
	})
}

// Nothing but Postgres tells the second request of the first one, which was answered long ago.
func TestAKeyIsExecutedOnceThoughOnlyPostgresRemembersIt(t *testing.T) {
	t.Parallel()
	f := openFixture(t, postgres.Options{})
	executed := 0
	for range 2 {
		_, err := idempotency.New(f.store, nil, idempotency.Options{}).Do(t.Context(), key(1), idempotency.Work[*postgres.Tx]{
			Local: &idempotency.Local[*postgres.Tx]{Run: func(_ context.Context, tx *postgres.Tx) (*idempotency.Response, error) {
				tx.Insert("count", `INSERT INTO scratch (name) VALUES (gen_random_uuid()::text)`)
				return &idempotency.Response{Status: 201}, nil
			}},
		})
		if err != nil {
			t.Error(err)
		}
	}
	if f.scan(&executed, `SELECT count(*) FROM scratch`); executed != 1 {
		t.Errorf("executed %d times", executed)
	}
}
