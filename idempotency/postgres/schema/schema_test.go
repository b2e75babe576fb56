package schema_test

import (
	"context"
	"database/sql"
	"fmt"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
	_ "github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"

	"github.com/payonce/payonce/idempotency/postgres/schema"
	"github.com/payonce/payonce/migrations"
	"github.com/payonce/payonce/test/stores"
)

func TestMain(m *testing.M) { os.Exit(stores.Main(m)) }

// host is the database of another service.
type host struct {
	*testing.T
	url string
	db  *sql.DB
}

func newHost(t *testing.T) *host {
	t.Helper()
	h := &host{T: t, url: stores.EmptyDatabase(t)}
	h.db = h.open(h.url)
	return h
}

func (h *host) open(url string) *sql.DB {
	h.Helper()
	db, err := sql.Open("pgx", url)
	if err != nil {
		h.Fatal(err)
	}
	h.Cleanup(func() { _ = db.Close() })
	return db
}

func (h *host) exec(query string) {
	h.Helper()
	if _, err := h.db.ExecContext(h.Context(), query); err != nil {
		h.Fatalf("%s: %v", query, err)
	}
}

// objects lists what is in a schema: relations, functions, triggers.
func (h *host) objects(name string) (names []string) {
	h.Helper()
	rows, err := h.db.QueryContext(h.Context(), `
		SELECT relkind::text || ' ' || relname AS name FROM pg_class WHERE relnamespace = to_regnamespace(quote_ident($1))
		UNION ALL SELECT 'function ' || proname FROM pg_proc WHERE pronamespace = to_regnamespace(quote_ident($1))
		UNION ALL SELECT 'trigger ' || tgname FROM pg_trigger t JOIN pg_class c ON c.oid = tgrelid
			WHERE NOT tgisinternal AND relnamespace = to_regnamespace(quote_ident($1)) ORDER BY 1`, name)
	if err != nil {
		h.Fatal(err)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			h.Fatal(err)
		}
		names = append(names, name)
	}
	if err := rows.Err(); err != nil {
		h.Fatal(err)
	}
	return names
}

// made are the objects that Migrate makes.
var made = []string{
	"function idempotency_keys_guard", "function idempotency_keys_refuse", "i idempotency_keys_due", "i idempotency_keys_expired", "i idempotency_keys_pkey",
	"i idempotency_keys_tombstones", "i idempotency_keys_version_pkey", "r idempotency_keys", "r idempotency_keys_version",
	"trigger idempotency_guard", "trigger idempotency_kept",
}

func (h *host) migrate(opt schema.Options) {
	h.Helper()
	for range 2 { // at each start
		if err := schema.Migrate(h.Context(), h.url, opt); err != nil {
			h.Fatal(err)
		}
	}
}

func TestMigrateMakesOneTableAndItsVersionInAnySchema(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"", "public", "once", "Other Schema", `quo"ted'`, "schlüssel", "select", "$payonce$", "a.b;--"} {
		h := newHost(t)
		h.migrate(schema.Options{Schema: name})
		if name == "" {
			name = "public"
		}
		if diff := cmp.Diff(made, h.objects(name)); diff != "" {
			t.Errorf("%q (-want +got):\n%s", name, diff)
		}
		if name != "public" && len(h.objects("public")) > 0 {
			t.Errorf("%q: public got %q", name, h.objects("public"))
		}
	}
}

// What a host has stays as it is: an orders table, a function of the same name as one of ours, goose's own version table.
func TestMigrateLeavesTheHostsOwnAlone(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	h.exec(`CREATE TABLE orders (id int)`)
	h.exec(`CREATE FUNCTION append_only() RETURNS int LANGUAGE sql AS 'SELECT 1'`)
	provider, err := goose.NewProvider(goose.DialectPostgres, h.db, fstest.MapFS{
		"00001_coffees.sql": {Data: []byte("-- +goose Up\nCREATE TABLE coffees (id int);\n")},
		"00009_mugs.sql":    {Data: []byte("-- +goose Up\nCREATE TABLE mugs (id int);\n")},
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := provider.Up(t.Context()); err != nil {
		t.Fatal(err)
	}
	before := h.objects("public")
	h.migrate(schema.Options{})
	got := strings.Join(h.objects("public"), "\n")
	for _, name := range append(before, made...) {
		if !strings.Contains(got, name) {
			t.Errorf("%s is not there", name)
		}
	}
	if n := len(h.objects("public")); n != len(before)+len(made) {
		t.Errorf("got %d objects, want the host's %d and the engine's %d", n, len(before), len(made))
	}
	if last, err := provider.GetDBVersion(t.Context()); err != nil || last != 9 {
		t.Errorf("the host's version is %d (%v), want 9", last, err)
	}
}

func TestMigrateMayBeCalledByManyReplicasAtOnce(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	errs := make([]error, 12)
	var group sync.WaitGroup
	for i := range errs {
		group.Go(func() {
			errs[i] = schema.Migrate(context.WithoutCancel(t.Context()), h.url, schema.Options{Schema: "once"})
		})
	}
	group.Wait()
	for _, err := range errs {
		if err != nil {
			t.Error(err)
		}
	}
	if diff := cmp.Diff(made, h.objects("once")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// role makes a role that may log in, and the URL by which it does.
func (h *host) role(name string) string {
	h.Helper()
	h.exec("CREATE ROLE " + name + " LOGIN PASSWORD 'p'")
	h.Cleanup(func() {
		if _, err := h.db.ExecContext(context.Background(), "DROP OWNED BY "+name+"; DROP ROLE "+name); err != nil {
			h.Error(err)
		}
	})
	at, err := url.Parse(h.url)
	if err != nil {
		h.Fatal(err)
	}
	at.User = url.UserPassword(name, "p")
	query := at.Query()
	query.Del("user")
	at.RawQuery = query.Encode()
	return at.String()
}

func TestMigrateSaysWhatToDoWhereItMayNotCreate(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	role := fmt.Sprintf("poor_%d", os.Getpid())
	poor := h.role(role)
	h.exec("REVOKE CREATE ON SCHEMA public FROM public")
	for _, name := range []string{"public", "once"} {
		opt := schema.Options{Schema: name, Role: role}
		err := schema.Migrate(t.Context(), poor, opt)
		if err == nil || !strings.Contains(err.Error(), "schema.SQL") || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: got %v, want an error that says what to do", name, err)
		}
		text, err := schema.SQL(opt)
		if err != nil {
			t.Fatal(err)
		}
		h.exec(text) // by another role
		h.exec(text)
		if err := schema.Migrate(t.Context(), poor, opt); err != nil {
			t.Errorf("%s: with the table made: %v", name, err)
		}
		db := h.open(poor)
		for _, query := range []string{
			"SELECT count(*) FROM " + name + ".idempotency_keys", "DELETE FROM " + name + ".idempotency_keys",
			"UPDATE " + name + ".idempotency_keys SET fence = fence",
		} {
			if _, err := db.ExecContext(t.Context(), query); err != nil {
				t.Errorf("%s: %v", query, err)
			}
		}
		_ = db.Close()
	}
}

func TestMigrateRefusesATableThatItDidNotMake(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	h.exec("CREATE TABLE idempotency_keys (id int)")
	for range 2 {
		if err := schema.MigrateDB(t.Context(), h.db, schema.Options{}); err == nil || !strings.Contains(err.Error(), "name another schema") {
			t.Errorf("got %v, want a refusal that says what to do", err)
		}
	}
	if got := h.objects("public"); len(got) != 1 {
		t.Errorf("got %q, want nothing but the host's own table", got)
	}
	h.migrate(schema.Options{Schema: "once"})
}

func TestOptionsThatAreNoNamesAreRefused(t *testing.T) {
	t.Parallel()
	for _, opt := range []schema.Options{
		{Schema: "pg_once"}, {Schema: strings.Repeat("x", 64)}, {Schema: "a\x00b"}, {Schema: "\xff"}, {Role: strings.Repeat("x", 64)},
	} {
		if _, err := schema.SQL(opt); err == nil {
			t.Errorf("%+v: got no error", opt)
		}
		if err := schema.MigrateDB(t.Context(), nil, opt); err == nil {
			t.Errorf("%+v: got no error", opt)
		}
	}
}

// payonce's own migrations make the very same table.
func TestTheTableIsTheOneOfPayoncesMigrations(t *testing.T) {
	t.Parallel()
	alone, all := newHost(t), newHost(t)
	alone.migrate(schema.Options{})
	if err := migrations.Up(t.Context(), all.url); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(alone.definition(), all.definition()); diff != "" {
		t.Errorf("(-engine +payonce):\n%s", diff)
	}
}

func (h *host) definition() (lines []string) {
	h.Helper()
	rows, err := h.db.QueryContext(h.Context(), `
		SELECT format('%s %s %s %s', attname, format_type(atttypid, atttypmod), attnotnull, pg_get_expr(adbin, adrelid)) FROM pg_attribute
			LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum WHERE attrelid = 'idempotency_keys'::regclass AND attnum > 0
		UNION ALL SELECT conname || ' ' || pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = 'idempotency_keys'::regclass
		UNION ALL SELECT pg_get_indexdef(indexrelid) FROM pg_index WHERE indrelid = 'idempotency_keys'::regclass
		UNION ALL SELECT pg_get_triggerdef(oid) FROM pg_trigger WHERE tgrelid = 'idempotency_keys'::regclass
		UNION ALL SELECT array_to_string(reloptions, ' ') FROM pg_class WHERE oid = 'idempotency_keys'::regclass ORDER BY 1`)
	if err != nil {
		h.Fatal(err)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var line string
		if err := rows.Scan(&line); err != nil {
			h.Fatal(err)
		}
		lines = append(lines, line)
	}
	if err := rows.Err(); err != nil || len(lines) < 20 {
		h.Fatalf("%d lines: %v", len(lines), err)
	}
	return lines
}
