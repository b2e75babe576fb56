package session_test

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/payonce/payonce/idempotency"
	"github.com/payonce/payonce/idempotency/postgres"
	"github.com/payonce/payonce/migrations"
	"github.com/payonce/payonce/models"
	"github.com/payonce/payonce/repository"
	"github.com/payonce/payonce/test/stores"
)

// works brings the place to the schema, compares that with the schema of a database without any defaults of its own, and
// lets keys go through their whole life, in both modes of sending.
func (p *place) works() {
	p.Helper()
	if err := migrations.Up(p.Context(), p.url); err != nil {
		p.Fatalf("migrate: %v", err)
	}
	usual.once.Do(func() { usual.schema = p.schema(stores.Database(p)) })
	if diff := cmp.Diff(usual.schema, p.schema(p.direct)); diff != "" {
		p.Errorf("the schema differs (-usual +here):\n%s", diff)
	}
	for n, mode := range []string{"cache_statement", "exec"} {
		db, err := postgres.Open(p.url, postgres.Options{ExecMode: mode, MaxConns: 2})
		if err != nil {
			p.Fatal(err)
		}
		p.lives(db, byte(n))
		if err := db.Close(); err != nil {
			p.Error(err)
		}
	}
}

// usual is the schema of a database without defaults of its own. A global, because all tests compare with the same one.
var usual struct {
	once   sync.Once
	schema []string
}

// schema is all that refuses a row, as text.
func (p *place) schema(url string) (all []string) {
	p.Helper()
	return p.column(url+"&DateStyle=ISO&standard_conforming_strings=on&TimeZone=UTC&bytea_output=hex&IntervalStyle=postgres&client_encoding=UTF8&statement_timeout=0&lock_timeout=0&idle_session_timeout=0",
		`SELECT conrelid::regclass::text || ' ' || conname || ' ' || pg_get_constraintdef(oid) FROM pg_constraint
			WHERE connamespace = current_schema()::regnamespace
		UNION ALL SELECT proname || ' ' || prosrc FROM pg_proc WHERE pronamespace = current_schema()::regnamespace
		UNION ALL SELECT table_name || '.' || column_name || ' ' || data_type || coalesce(column_default, '') || is_nullable
			FROM information_schema.columns WHERE table_schema = current_schema()
		UNION ALL SELECT c.relname || ' by ' || a.amname FROM pg_class c JOIN pg_am a ON a.oid = c.relam
			WHERE relnamespace = current_schema()::regnamespace
		UNION ALL SELECT tgname FROM pg_trigger WHERE NOT tgisinternal ORDER BY 1`)
}

func (p *place) column(url, query string) (all []string) {
	p.Helper()
	db, err := sql.Open("pgx", url)
	if err != nil {
		p.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	rows, err := db.QueryContext(p.Context(), query)
	if err != nil {
		p.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var text string
		if err := rows.Scan(&text); err != nil {
			p.Fatal(err)
		}
		all = append(all, strings.ReplaceAll(text, "till.", ""))
	}
	if err := rows.Err(); err != nil {
		p.Fatal(err)
	}
	return all
}

// query runs a statement as the role.
func (p *place) query(statement string) { p.column(p.direct, statement) }

// answer has what the settings could garble: backslashes, quotes, bytes that are no text, and characters beyond ASCII.
var answer = []byte("{\"name\":\"caf\u00e9 \u2603 \\\\ '\"}\x00\xff\\x00")

// lives makes a merchant with a key, then takes one key from its first request to its replay, and another from its claim to
// its end.
func (p *place) lives(db *postgres.Database, n byte) {
	p.Helper()
	ctx, cancel := context.WithTimeout(p.Context(), time.Minute)
	defer cancel()
	merchant := p.merchant(ctx, db)
	watch := postgres.NewPrimaryMonitor(postgres.ReadPrimary(db.MonitorPool()), 0, nil)
	if err := watch.Start(ctx); err != nil {
		p.Fatal(err)
	}
	defer watch.Close()
	if off := time.Since(watch.Now()).Abs(); off > 30*time.Second {
		p.Errorf("the watch's clock is off by %s", off)
	}
	store := postgres.NewStore(db, watch, postgres.StoreOptions{Lease: 30 * time.Second, Replay: time.Hour})
	req := idempotency.Request{Tenant: idempotency.Tenant(merchant), KeyHash: [32]byte{n, 0xff, '\\'}, Method: "POST", Path: "/caf\u00e9"}
	for _, level := range []idempotency.Source{idempotency.SourceFirst, idempotency.SourcePostgres} {
		out, err := idempotency.New(store, nil, idempotency.Options{}).Do(ctx, req, idempotency.Work[*postgres.Tx]{
			Local: &idempotency.Local[*postgres.Tx]{Run: func(context.Context, *postgres.Tx) (*idempotency.Response, error) {
				return &idempotency.Response{Status: 201, Body: answer}, nil
			}},
		})
		if err != nil {
			p.Fatalf("%s: %v", level, err)
		}
		if out.Source != level || !bytes.Equal(out.Response.Body, answer) {
			p.Errorf("got %s %q, want %s %q", out.Source, out.Response.Body, level, answer)
		}
		if left := time.Until(out.ExpiresAt); left < 59*time.Minute || left > 61*time.Minute {
			p.Errorf("replays end in %s, want an hour", left)
		}
	}
	p.claims(ctx, db, store, merchant, n)
}

func (p *place) merchant(ctx context.Context, db *postgres.Database) uuid.UUID {
	p.Helper()
	merchants := repository.NewMerchants(db.GORM())
	merchant, err := merchants.Create(ctx, "Caf\u00e9 \\ \u2603 'Ada'")
	if err != nil {
		p.Fatal(err)
	}
	id, _, err := merchants.CreateKey(ctx, merchant.ID)
	if err != nil {
		p.Fatal(err)
	}
	if err := merchants.RevokeKey(ctx, id); err != nil {
		p.Error(err)
	}
	key, err := merchants.FindKey(ctx, id)
	if err != nil || key.RevokedAt == nil || time.Since(*key.RevokedAt).Abs() > time.Minute {
		p.Errorf("got %+v, %v; want a key that was revoked now", key, err)
	}
	if again, err := merchants.ByID(ctx, merchant.ID); err != nil || again.Name != merchant.Name {
		p.Errorf("got %q, %v; want %q", again.Name, err, merchant.Name)
	}
	return merchant.ID
}

func (p *place) claims(ctx context.Context, db *postgres.Database, store *postgres.Store, merchant uuid.UUID, n byte) {
	p.Helper()
	req := idempotency.Request{Tenant: idempotency.Tenant(merchant), KeyHash: [32]byte{n, 1}, Method: "POST", Path: "/"}
	unit, found, err := store.Begin(ctx, req, nil)
	if err != nil || !found.Mine {
		p.Fatalf("begin: %+v, %v", found, err)
	}
	if off := time.Since(unit.Now()).Abs(); off > 30*time.Second {
		p.Errorf("the transaction's clock is off by %s", off)
	}
	rec := &idempotency.Record{
		Tenant: req.Tenant, KeyHash: req.KeyHash, Method: req.Method, Path: req.Path, ClaimID: idempotency.NewClaimID(), Fence: 1, Operation: "authorize",
	}
	order := &models.Order{
		MerchantID: merchant, ID: uuid.New(), Currency: "EUR", AmountTotal: 1999, CreatedAt: unit.Now(), Items: models.JSON(`[]`),
		Metadata: models.JSON(`{"a\\b":"\u2603"}`),
	}
	orders := repository.NewOrders(db)
	orders.Insert(unit, order, &models.Event{
		MerchantID: merchant, ID: uuid.New(), Type: "order.created", ResourceType: "order", ResourceID: order.ID, Data: models.JSON(`{}`),
	})
	if err := store.Claim(ctx, unit, rec); err != nil {
		p.Fatalf("claim: %v", err)
	}
	if got, err := orders.Get(ctx, merchant, order.ID); err != nil || !got.CreatedAt.Equal(order.CreatedAt) || got.AmountTotal != 1999 {
		p.Errorf("got %+v, %v; want %+v", got, err, order)
	}
	held, err := store.Find(ctx, req.Tenant, req.KeyHash)
	if err != nil || held.LeaseLeft <= 20*time.Second || held.LeaseLeft > 30*time.Second {
		p.Fatalf("got %+v, %v; want a lease of about 30 s", held, err)
	}
	if due, err := store.TakeOverDue(ctx, 10); err != nil || len(due) != 0 {
		p.Errorf("took %d over within the lease, %v", len(due), err)
	}
	claim := idempotency.Claim{Tenant: req.Tenant, KeyHash: req.KeyHash, ClaimID: rec.ClaimID, Fence: 1}
	settled, err := store.Complete(ctx, claim, func(*postgres.Tx) (*idempotency.Response, error) {
		return &idempotency.Response{Status: 201, Body: answer}, nil
	})
	if err != nil || !bytes.Equal(settled.Response.Body, answer) {
		p.Errorf("settle: %+v, %v", settled, err)
	}
	if rec, err := store.Resolve(ctx, req.Tenant, req.KeyHash); err != nil || rec == nil || rec.State != idempotency.Completed {
		p.Errorf("resolve: %v, %v", fmt.Sprint(rec), err)
	}
}
