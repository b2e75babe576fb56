package migrations_test

import (
	"context"
	"database/sql"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/payonce/payonce/test/stores"
)

// refusal is a statement that exactly one constraint or trigger refuses.
type refusal struct {
	by     string // name of the constraint, unique index or trigger in the catalog
	reads  string // the name in the error, when a trigger gives another
	before string // run first; has to succeed
	sql    string
}

// recordRules are those of the trigger idempotency_guard: its function names them in its errors.
const recordRules = `(SELECT (regexp_matches(prosrc, $$(?:broken := '|trigger )(\w+)[')]$$, 'g'))[1] AS name FROM pg_proc WHERE proname = 'idempotency_keys_guard') rules`

// invariants is everything in the catalog that can refuse a row, but NOT NULL, which the comparison with the models covers.
const invariants = `
	SELECT name FROM ` + recordRules + `
	UNION ALL
	SELECT conname AS name FROM pg_constraint c JOIN pg_class r ON r.oid = c.conrelid
	 WHERE c.connamespace = 'public'::regnamespace AND contype NOT IN ('n', 't') AND r.relname NOT LIKE 'payonce\_schema\_%'
	UNION ALL
	SELECT i.relname FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid
	 WHERE i.relnamespace = 'public'::regnamespace AND x.indisunique AND i.relname NOT LIKE 'payonce\_schema\_%'
	   AND NOT EXISTS (SELECT 1 FROM pg_constraint c WHERE c.conindid = i.oid)
	UNION ALL
	SELECT tgname FROM pg_trigger WHERE NOT tgisinternal AND tgname <> 'idempotency_guard'
	UNION ALL
	SELECT r.relname || ' has a constraint without a name of its own' FROM pg_constraint c JOIN pg_class r ON r.oid = c.conrelid
	 WHERE c.connamespace = 'public'::regnamespace AND c.conname ~ '_(check|key|fkey)[0-9]*$' AND r.relname NOT LIKE 'payonce\_schema\_%'
	ORDER BY name`

func TestEachInvariantRefusesByItsName(t *testing.T) {
	t.Parallel()
	db := prepared(t)
	for _, r := range refusals() {
		tx := begin(t, db)
		if r.before != "" {
			mustExec(t, tx, r.before)
		}
		_, err := tx.ExecContext(t.Context(), r.sql)
		if rollback := tx.Rollback(); rollback != nil {
			t.Fatal(rollback)
		}
		refused, ok := errors.AsType[*pgconn.PgError](err)
		want := r.by
		if r.reads != "" {
			want = r.reads
		}
		switch {
		case !ok:
			t.Errorf("%s: %s\n  gave %v, want a refusal", r.by, r.sql, err)
		case refused.ConstraintName != want:
			t.Errorf("%s: %s\n  was refused by %q: %s", r.by, r.sql, refused.ConstraintName, refused.Message)
		case want == "append_only" && !strings.Contains(refused.Message, "(trigger "+r.by+")"):
			t.Errorf("%s: the message does not name the trigger: %s", r.by, refused.Message)
		}
	}
}

func TestNoInvariantIsWithoutACaseAbove(t *testing.T) {
	t.Parallel()
	var have []string
	for _, r := range refusals() {
		have = append(have, r.by)
	}
	slices.Sort(have)
	want := column[string](t, open(t, stores.Database(t)), invariants)
	slices.Sort(want)
	if diff := cmp.Diff(want, slices.Compact(have)); diff != "" {
		t.Errorf("invariants and cases differ (-database +cases):\n%s", diff)
	}
}

// Without this a case could be refused for a reason that has nothing to do with its change.
func TestEachRowIsAcceptedWithoutItsFault(t *testing.T) {
	t.Parallel()
	db := prepared(t)
	for table := range goodRows() {
		tx := begin(t, db)
		mustExec(t, tx, insert(table))
		if err := tx.Rollback(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestTheAllowedArrowsOfARecordAreAccepted(t *testing.T) {
	t.Parallel()
	db := prepared(t)
	tx := begin(t, db)
	for _, statement := range []string{
		`UPDATE idempotency_keys SET fence = 2, claim_id = u(9) WHERE key_hash = h(1)`,
		`UPDATE idempotency_keys SET state = 'completed', lease_until = NULL, status = 201, body = 'x', completed_at = now(), expires_at = now() WHERE key_hash = h(1)`,
		`UPDATE idempotency_keys SET state = 'expired', body = NULL, headers = NULL WHERE key_hash = h(1)`,
		`UPDATE idempotency_keys SET canceled_at = now() WHERE key_hash = h(1)`, // given up as a tombstone
		`UPDATE idempotency_keys SET canceled_at = now() WHERE key_hash = h(2)`, // or with its response, which stays
		`UPDATE idempotency_keys SET state = 'expired', body = NULL, headers = NULL WHERE key_hash = h(2)`,
		insert("idempotency_keys", "state", "'expired'", "lease_until", "NULL", "completed_at", "now()", "canceled_at", "now()"), // spent
		`DELETE FROM idempotency_keys WHERE key_hash = h(99)`,
		`DELETE FROM idempotency_keys WHERE key_hash = h(1)`,
		insert("idempotency_keys"), // taken back: nothing happened
		`DELETE FROM idempotency_keys WHERE key_hash = h(99)`,
	} {
		mustExec(t, tx, statement)
	}
	if err := tx.Rollback(); err != nil {
		t.Fatal(err)
	}
}

func TestAnOrdersStatusFollowsItsAmounts(t *testing.T) {
	t.Parallel()
	db := prepared(t)
	for set, want := range map[string]string{
		"amount_reserved = 1000":                     "pending_payment",
		"amount_paid = 1000":                         "paid",
		"amount_paid = 400":                          "partially_paid",
		"amount_paid = 1000, amount_refunded = 1":    "partially_refunded",
		"amount_paid = 1000, amount_refunded = 1000": "refunded",
		"canceled_at = now()":                        "canceled",
	} {
		tx := begin(t, db)
		var got string
		err := tx.QueryRowContext(t.Context(), `UPDATE orders SET `+set+` WHERE id = u(13) RETURNING status`).Scan(&got)
		if err != nil || got != want {
			t.Errorf("%s: status %q, %v; want %q", set, got, err, want)
		}
		if err := tx.Rollback(); err != nil {
			t.Fatal(err)
		}
	}
}

func prepared(t *testing.T) *sql.DB {
	t.Helper()
	db := open(t, stores.Database(t))
	for _, statement := range fixtures() {
		mustExec(t, db, statement)
	}
	return db
}

func begin(t *testing.T, db *sql.DB) *sql.Tx {
	t.Helper()
	tx, err := db.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	return tx
}

func mustExec(t *testing.T, on interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
}, statement string,
) {
	t.Helper()
	if _, err := on.ExecContext(t.Context(), statement); err != nil {
		t.Fatalf("%s\n  %v", statement, err)
	}
}

// insert writes a good row with the given columns changed: name, expression, name, expression, ...
func insert(table string, changes ...string) string {
	row := goodRows()[table]
	for i := 0; i < len(changes); i += 2 {
		row[changes[i]] = changes[i+1]
	}
	names := slices.Sorted(maps.Keys(row))
	values := make([]string, len(names))
	for i, name := range names {
		values[i] = row[name]
	}
	return "INSERT INTO " + table + " (" + strings.Join(names, ", ") + ") VALUES (" + strings.Join(values, ", ") + ")"
}
