package service_test

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"

	"github.com/payonce/payonce/idempotency"
	"github.com/payonce/payonce/idempotency/postgres"
	"github.com/payonce/payonce/idempotency/postgres/schema"
	"github.com/payonce/payonce/idempotency/service"
	"github.com/payonce/payonce/test/stores"
)

// host is another service's database, as its owner sees it.
type host struct {
	*testing.T
	url string
	db  *sql.DB
}

func newHost(t *testing.T) *host {
	t.Helper()
	h := &host{T: t, url: stores.EmptyDatabase(t)}
	var err error
	if h.db, err = sql.Open("pgx", h.url); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = h.db.Close() })
	h.exec(`CREATE TABLE cups (name text)`)
	return h
}

func (h *host) exec(query string) {
	h.Helper()
	if _, err := h.db.ExecContext(context.Background(), query); err != nil { // also after the test's context has ended
		h.Error(err)
	}
}

// passes moves every time in the records so far into the past that nothing of them is kept.
func (h *host) passes() {
	h.Helper()
	h.exec(`ALTER TABLE once.idempotency_keys DISABLE TRIGGER USER`)
	h.exec(`UPDATE once.idempotency_keys SET completed_at = completed_at - interval '40 days', expires_at = expires_at - interval '40 days'`)
	h.exec(`ALTER TABLE once.idempotency_keys ENABLE TRIGGER USER`)
}

// swept waits until the cleanup has deleted all records.
func (h *host) swept() {
	h.Helper()
	deadline, tick := time.After(10*time.Second), time.NewTicker(5*time.Millisecond)
	defer tick.Stop()
	for left := 1; left > 0; {
		if err := h.db.QueryRowContext(h.Context(), `SELECT count(*) FROM once.idempotency_keys`).Scan(&left); err != nil {
			h.Fatal(err)
		}
		select {
		case <-deadline:
			h.Fatalf("%d records are left after 10 s, want none", left)
		case <-tick.C:
		}
	}
}

func (h *host) open(cfg service.Config) *service.Service {
	h.Helper()
	cfg.Schema, cfg.Upkeep = "once", idempotency.Upkeep{Cleanup: 10 * time.Millisecond}
	s, err := service.Open(h.Context(), cfg)
	if err != nil {
		h.Fatal(err)
	}
	return s
}

// makes lets a request make a cup, and repeats it.
func (h *host) makes(s *service.Service, n byte) {
	h.Helper()
	request := idempotency.Request{Tenant: idempotency.Tenant{1}, KeyHash: [32]byte{n}, Fingerprint: idempotency.Fingerprint{n}, Method: "POST", Path: "/cups"}
	work := idempotency.Work[*postgres.Tx]{Local: &idempotency.Local[*postgres.Tx]{
		Run: func(_ context.Context, tx *postgres.Tx) (*idempotency.Response, error) {
			tx.Insert("make a cup", `INSERT INTO cups (name) VALUES ('x')`)
			return &idempotency.Response{Status: 201}, nil
		},
	}}
	for _, want := range []idempotency.Source{idempotency.SourceFirst, idempotency.SourceMemory} {
		if out, err := s.Engine.Do(h.Context(), request, work); err != nil || out.Source != want {
			h.Errorf("got %v, %v, want %v", out.Source, err, want)
		}
	}
}

func TestServiceSweepsAndEnds(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	if err := schema.Migrate(t.Context(), h.url, schema.Options{Schema: "once"}); err != nil {
		t.Fatal(err)
	}
	s := h.open(service.Config{DatabaseURL: h.url, Records: postgres.StoreOptions{Tombstones: time.Hour}})
	for n := range byte(3) {
		h.makes(s, n)
	}
	h.passes()
	h.swept()
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

func TestServiceSaysWhatIsMissing(t *testing.T) {
	t.Parallel()
	url := stores.EmptyDatabase(t)
	for want, cfg := range map[string]service.Config{
		"schema.Migrate":      {DatabaseURL: url, Schema: "once"},
		"secret":              {DatabaseURL: url, RedisURL: "redis://127.0.0.1:1"},
		"redis":               {DatabaseURL: url, RedisURL: "http://x", Secrets: [][]byte{[]byte(strings.Repeat("s", 32))}},
		"monitor the primary": {DatabaseURL: "postgres://u:hunter2@127.0.0.1:1/x"},
		"database URL":        {DatabaseURL: "postgres://u:hunter2@localhost:notaport/x"},
	} {
		s, err := service.Open(t.Context(), cfg)
		if err == nil {
			_ = s.Close()
		}
		if text := fmt.Sprint(err); !strings.Contains(strings.ToLower(text), strings.ToLower(want)) || strings.Contains(text, "hunter2") {
			t.Errorf("got %v, want an error about %s", err, want)
		}
	}
}

// A host's role that owns nothing and may create nothing, beside the host's own tables, works with what SQL grants.
func TestServiceWorksForARoleThatMayNotCreate(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	h.exec(`CREATE TABLE orders (id int)`)
	h.exec(`CREATE TABLE api_keys (name text)`) // not payonce's
	h.exec(`REVOKE CREATE ON SCHEMA public FROM public`)
	role := fmt.Sprintf("host_%d", os.Getpid())
	h.exec(`CREATE ROLE ` + role + ` LOGIN`)
	t.Cleanup(func() { h.exec(`DROP OWNED BY ` + role); h.exec(`DROP ROLE ` + role) })
	h.exec(`GRANT INSERT ON cups TO ` + role)
	text, err := schema.SQL(schema.Options{Schema: "once", Role: role})
	if err != nil {
		t.Fatal(err)
	}
	h.exec(text)
	s := h.open(service.Config{
		DatabaseURL: strings.Replace(h.url, "user=payonce", "user="+role, 1), Records: postgres.StoreOptions{Tombstones: time.Nanosecond},
	})
	t.Cleanup(func() { _ = s.Close() })
	var user string
	if err := s.Database.GORM().Raw("SELECT current_user").Scan(&user).Error; err != nil || user != role {
		t.Fatalf("got role %q (%v), want %q", user, err, role)
	}
	h.makes(s, 1)
	h.passes()
	h.swept()
}
