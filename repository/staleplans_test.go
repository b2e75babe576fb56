package repository_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/payonce/payonce/idempotency"
	"github.com/payonce/payonce/idempotency/postgres"
	"github.com/payonce/payonce/models"
	"github.com/payonce/payonce/repository"
	"github.com/payonce/payonce/test/stores"
)

// migrated are changes of columns that statements read, of the kinds that make a prepared plan invalid.
func migrated() []string {
	return []string{
		`ALTER TABLE orders ADD COLUMN note text`,
		`ALTER TABLE merchants ALTER COLUMN name TYPE varchar(200)`,
		`ALTER TABLE api_keys ALTER COLUMN id TYPE varchar(64)`,
		`ALTER TABLE orders ALTER COLUMN reference TYPE varchar(128)`,
		`ALTER TABLE payments ALTER COLUMN payment_method TYPE varchar(80)`,
		`ALTER TABLE events ALTER COLUMN type TYPE varchar(80)`,
		`ALTER TABLE ledger_accounts ALTER COLUMN code TYPE varchar(80)`,
		`ALTER TABLE provider_attempts ALTER COLUMN provider_key TYPE varchar(200)`,
		`ALTER TABLE idempotency_keys ALTER COLUMN path TYPE varchar(3000)`,
	}
}

// readers are all reads, each as often as there are connections that may have prepared it.
func readers(db *postgres.Database) map[string]func(ctx context.Context) error {
	var (
		merchants = repository.NewMerchants(db.GORM())
		orders    = repository.NewOrders(db)
		payments  = repository.NewPayments(db)
		events    = repository.NewEvents(db)
		attempts  = repository.NewAttempts(db, time.Minute)
		store     = postgres.NewStore(db, primary{}, postgres.StoreOptions{})
		look      = postgres.ReadPrimary(db.MonitorPool(), repository.RevokedAPIKeys)
		page      = repository.Page{Limit: 5}
		merchant  = uuid.New()
		key       = [32]byte{1}
		tenant    = idempotency.Tenant{1}
	)
	found := func(err error) error {
		if errors.Is(err, postgres.ErrNotFound) {
			return nil
		}
		return err
	}
	return map[string]func(ctx context.Context) error{
		"merchants":          func(ctx context.Context) error { _, err := merchants.List(ctx); return err },
		"merchants and keys": func(ctx context.Context) error { _, err := merchants.ListWithKeys(ctx); return err },
		"a merchant":         func(ctx context.Context) error { _, err := merchants.ByID(ctx, merchant); return found(err) },
		"an API key": func(ctx context.Context) error {
			_, err := merchants.FindKey(ctx, "aaaaaaaaaaaaaaaa")
			return found(err)
		},
		"an order": func(ctx context.Context) error { _, err := orders.Get(ctx, merchant, merchant); return found(err) },
		"orders": func(ctx context.Context) error {
			_, err := orders.List(ctx, merchant, repository.OrderFilter{}, page)
			return err
		},
		"a payment": func(ctx context.Context) error { _, err := payments.Get(ctx, merchant, merchant); return found(err) },
		"payments": func(ctx context.Context) error {
			_, err := payments.List(ctx, merchant, repository.PaymentFilter{}, page)
			return err
		},
		"an event": func(ctx context.Context) error { _, err := events.Get(ctx, merchant, merchant); return found(err) },
		"events": func(ctx context.Context) error {
			_, err := events.List(ctx, merchant, repository.EventFilter{}, page)
			return err
		},
		"balances": func(ctx context.Context) error {
			_, err := repository.NewLedger(db).Balances(ctx, merchant)
			return err
		},
		"a key": func(ctx context.Context) error {
			_, err := repository.NewIdempotencyKeys(db).Get(ctx, merchant, key)
			return found(err)
		},
		"the oldest":            func(ctx context.Context) error { _, err := attempts.Oldest(ctx); return err },
		"due attempts":          func(ctx context.Context) error { _, err := attempts.ClaimDue(ctx, 1); return err },
		"locked attempts":       func(ctx context.Context) error { _, err := attempts.Locked(ctx); return err },
		"a request for a check": func(ctx context.Context) error { return attempts.RequestCheck(ctx, merchant, merchant) },
		"a record":              func(ctx context.Context) error { _, err := store.Find(ctx, tenant, key); return err },
		"a record, locked":      func(ctx context.Context) error { _, err := store.Inspect(ctx, tenant, key); return err },
		"a record, behind its key": func(ctx context.Context) error {
			_, err := store.Resolve(ctx, idempotency.Tenant(uuid.New()), key) // its lock is waited for
			return err
		},
		"due records":    func(ctx context.Context) error { _, err := store.TakeOverDue(ctx, 1); return err },
		"locked records": func(ctx context.Context) error { _, err := store.Locked(ctx); return err },
		"cleanup":        func(ctx context.Context) error { _, err := store.Expire(ctx, 1); return err },
		"forgetting":     func(ctx context.Context) error { _, err := store.Forget(ctx, 1); return err },
		"the clock":      func(ctx context.Context) error { _, err := look(ctx); return err },
		"half-sent batches": func(ctx context.Context) error {
			_, err := postgres.NewStuckSessions(db, slog.New(slog.DiscardHandler)).End(ctx)
			return err
		},
		"an operation": func(ctx context.Context) error {
			return db.Autocommit(ctx, func(tx *postgres.Tx) {
				payments.Read(tx, merchant, merchant)
				attempts.OfOperation(tx, merchant, models.OperationAuthorize, merchant)
			})
		},
		"the first batch of a request": func(ctx context.Context) error {
			req := idempotency.Request{Tenant: idempotency.Tenant(uuid.New()), KeyHash: key, Method: "POST", Path: "/"}
			tx, _, err := store.Begin(ctx, req, func(tx *postgres.Tx) {
				orders.Lock(tx, merchant, merchant)
				payments.UnderKey(tx, merchant, key[:])
			})
			if err == nil {
				store.Rollback(tx)
			}
			return err
		},
	}
}

// Every read is prepared on every connection, then a migration changes what it reads, and all are read again at once.
func TestAPlanThatAMigrationMadeStaleIsNotSeenByReaders(t *testing.T) {
	t.Parallel()
	const conns = 4
	url := stores.Database(t)
	db, err := postgres.Open(url, postgres.Options{MaxConns: conns})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	all := readers(db)
	readAll := func(when string) {
		var group sync.WaitGroup
		for name, read := range all {
			for range conns {
				group.Go(func() {
					ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
					defer cancel()
					if err := patiently(ctx, read); err != nil {
						t.Errorf("%s, %s: %v", name, when, err)
					}
				})
			}
		}
		group.Wait()
	}
	for range 3 { // so that each connection has met most of them
		readAll("before")
	}
	prepared := preparedStatements(t, db, conns)
	migrator, err := postgres.Open(url, postgres.Options{ExecMode: "exec", MaxConns: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = migrator.Close() })
	for _, change := range migrated() {
		if _, err := migrator.SQL().ExecContext(t.Context(), change); err != nil {
			t.Fatalf("%s: %v", change, err)
		}
		readAll("after " + change)
	}
	if prepared < 5 {
		t.Errorf("only %d statements were prepared: this test proves nothing", prepared)
	}
	for _, pool := range []string{"DEALLOCATE ALL"} { // what a failover behind a pooler leaves
		for range 2 * conns {
			if _, err := db.SQL().ExecContext(t.Context(), pool); err != nil {
				t.Fatal(err)
			}
		}
		readAll("after " + pool)
	}
}

// patiently asks again where many readers wait for the few connections: that is not what is tested here.
func patiently(ctx context.Context, read func(context.Context) error) (err error) {
	for ctx.Err() == nil {
		if err = read(ctx); err == nil || !errors.Is(err, context.DeadlineExceeded) {
			return err
		}
	}
	return fmt.Errorf("no connection in time: %w", err)
}

// preparedStatements is the most that any of so many connections has prepared.
func preparedStatements(t *testing.T, db *postgres.Database, conns int) (most int) {
	t.Helper()
	var taken []*sql.Conn
	defer func() {
		for _, conn := range taken {
			_ = conn.Close()
		}
	}()
	for range conns {
		conn, err := db.SQL().Conn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		taken = append(taken, conn)
		var count int
		if err := conn.QueryRowContext(t.Context(), `SELECT count(*) FROM pg_prepared_statements`).Scan(&count); err != nil {
			t.Fatal(err)
		}
		most = max(most, count)
	}
	return most
}

// What is not a plan's fault is not tried for ever, and a write that was refused for it is made once.
func TestOnlyStalePlansAreSentAgain(t *testing.T) {
	t.Parallel()
	db, err := postgres.Open(stores.Database(t), postgres.Options{MaxConns: 2})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	runs := 0
	if err := postgres.RetryStalePlan(func() error { runs++; return postgres.ErrNotFound }); !errors.Is(err, postgres.ErrNotFound) || runs != 1 {
		t.Errorf("got %v after %d runs, want 1", err, runs)
	}
	merchants := repository.NewMerchants(db.GORM())
	for range 3 {
		if _, err := merchants.Create(t.Context(), "Ada"); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := db.SQL().ExecContext(t.Context(), `ALTER TABLE merchants ALTER COLUMN name TYPE varchar(200)`); err != nil {
		t.Fatal(err)
	}
	if _, err := merchants.Create(t.Context(), "Bob"); err != nil {
		t.Error(err)
	}
	var list []models.Merchant
	if list, err = merchants.List(t.Context()); err != nil || len(list) != 4 {
		t.Errorf("got %d merchants, %v; want 4", len(list), err)
	}
}

// primary is one that is never promoted.
type primary struct{}

func (primary) Now() time.Time   { return time.Now() }
func (primary) Timeline() uint32 { return 1 }
