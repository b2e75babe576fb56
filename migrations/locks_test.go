package migrations_test

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/payonce/payonce/test/stores"
)

// held is how long one transaction of a migration was seen to hold a table's lock that keeps writers out.
type held struct {
	table, mode string
	began       time.Time // the transaction
	first, last time.Time
}

// longestHeld bounds them where each table has 100,000 rows: a request that meets such a lock waits for 0.5 s and is then asked
// again. A busy machine is given more.
const longestHeld = 2 * time.Second

// Over tables with rows, no migration holds a lock for long. Locks of tables that a migration has just made are not looked at: nobody
// uses those tables yet.
func TestNoMigrationKeepsWritersOutForLong(t *testing.T) {
	t.Parallel()
	longest := migrateWatched(t)
	for try := 0; try < 2 && longest.lasted() > longestHeld; try++ { // a busy machine may have a bad moment, but not three
		longest = migrateWatched(t)
	}
	if longest.lasted() > longestHeld {
		t.Errorf("%s of %s was held for %s", longest.mode, longest.table, longest.lasted())
	}
}

func (h held) lasted() time.Duration { return h.last.Sub(h.first) }

// migrateWatched applies all migrations over tables with rows and returns the lock that was held longest.
func migrateWatched(t *testing.T) (longest held) {
	t.Helper()
	url := stores.EmptyDatabase(t)
	early(t, url, 7, nil)
	db := open(t, url)
	filled := []string{"orders", "payments", "events", "idempotency_keys"}
	for _, statement := range []string{
		`INSERT INTO merchants (id, name) VALUES ('00000000-0000-7000-8000-000000000001', 'Large')`,
		`INSERT INTO orders (merchant_id, id, currency, amount_total, amount_paid)
			SELECT m.id, gen_random_uuid(), 'EUR', 1999, 1999 FROM merchants m, generate_series(1, 100000)`,
		`INSERT INTO payments (merchant_id, id, order_id, currency, idempotency_key_hash, provider, payment_method, status, amount,
				amount_authorized, amount_captured)
			SELECT merchant_id, gen_random_uuid(), id, currency, sha256(id::text::bytea), 'stripe', 'pm_card_visa', 'succeeded', 1999, 1999, 1999
			FROM orders`,
		`INSERT INTO events (merchant_id, id, type, resource_type, resource_id, resource_version, data)
			SELECT merchant_id, gen_random_uuid(), 'order.created', 'order', id, 1, '{}' FROM orders`,
		`INSERT INTO idempotency_keys (merchant_id, key_hash, fingerprint, method, path, state, claim_id, status, body, completed_at, expires_at)
			SELECT merchant_id, idempotency_key_hash, '\x01' || idempotency_key_hash, 'POST', '/v1/payments', 'completed', gen_random_uuid(), 201,
				'{}', now(), now() + interval '1 day' FROM payments`,
	} {
		if _, err := db.ExecContext(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	tables := column[string](t, db, `SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename !~ 'version|lock'`)
	ctx, stop := context.WithCancel(t.Context())
	seen, ended := map[string]*held{}, make(chan error, 1)
	go func() { ended <- watchLocks(ctx, t, url, tables, seen) }()
	began := time.Now()
	up(t, url)
	took := time.Since(began)
	stop()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	for _, h := range seen {
		if h.mode == "ShareLock" && slices.Contains(filled, h.table) {
			t.Errorf("an index of %s was built while nobody could write; build it CONCURRENTLY, in a migration of its own", h.table)
		}
		if h.lasted() >= longest.lasted() {
			longest = *h
		}
	}
	if len(seen) == 0 {
		t.Error("no lock was seen")
	}
	t.Logf("migrated in %s; the longest of %d locks: %s of %s, %s", took.Round(time.Millisecond), len(seen), longest.mode, longest.table,
		longest.lasted().Round(time.Millisecond))
	return longest
}

// watchLocks looks again and again at what migrations hold, until the context ends.
func watchLocks(ctx context.Context, t *testing.T, url string, tables []string, seen map[string]*held) error {
	watch := open(t, url)
	for ctx.Err() == nil {
		if err := lookAtLocks(context.WithoutCancel(ctx), watch, tables, seen); err != nil {
			return err
		}
	}
	return nil
}

func lookAtLocks(ctx context.Context, watch *sql.DB, tables []string, seen map[string]*held) error {
	rows, err := watch.QueryContext(ctx, `SELECT c.relname, l.mode, a.xact_start, clock_timestamp()
		FROM pg_locks l JOIN pg_class c ON c.oid = l.relation JOIN pg_stat_activity a ON a.pid = l.pid
		WHERE a.application_name = 'payonce migrations' AND a.datname = current_database() AND l.granted AND a.xact_start IS NOT NULL
			AND l.mode IN ('ShareLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock') AND c.relname = ANY ($1)`, tables)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }() // rows.Err has said what there is to say
	for rows.Next() {
		var h held
		if err := rows.Scan(&h.table, &h.mode, &h.began, &h.last); err != nil {
			return err
		}
		name := fmt.Sprint(h.table, h.mode, h.began)
		if known := seen[name]; known != nil {
			known.last = h.last
			continue
		}
		h.first = h.last
		seen[name] = &h
	}
	return rows.Err()
}
