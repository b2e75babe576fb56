// Package capacity measures what an order and a payment cost the stores: bytes of the write-ahead log, flushes to disk and bytes
// of tables, and how much processor time of the service. `make capacity` prints it for ten times as many.
package capacity

import (
	"database/sql"
	"flag"
	"net/http"
	"os"
	"strconv"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib"

	"github.com/payonce/payonce/migrations"
	"github.com/payonce/payonce/test/service"
	"github.com/payonce/payonce/test/stores"
)

var each = flag.Int("each", 200, "orders, and payments, that are measured")

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(service.Main(m))
}

// cost is what was used so far.
type cost struct{ wal, flushes, bytes, processor float64 } // bytes, number, bytes, seconds

// limits are ceilings far above what is measured (docs/scaling.md): they notice a row or an index too many, and a second flush.
func limits() map[string]cost {
	return map[string]cost{
		"order":   {wal: 12_000, flushes: 3, bytes: 8_000},
		"payment": {wal: 40_000, flushes: 6, bytes: 20_000},
	}
}

func TestWhatAnOrderAndAPaymentCost(t *testing.T) {
	t.Parallel()
	pg := stores.TunedPostgres(t, map[string]string{"max_wal_size": "4GB", "checkpoint_timeout": "1h", "autovacuum": "off"})
	if err := migrations.Up(t.Context(), pg.URL()); err != nil {
		t.Fatal(err)
	}
	s := service.Start(t, service.Options{DatabaseURL: pg.URL()})
	db, err := sql.Open("pgx", pg.URL())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	client := s.NewMerchant()
	orders := make([]string, 0, *each)
	for range 50 { // each page is written whole at its first change
		client.Pay(client.CreateOrder(), "pm_card_visa", "warm-"+strconv.Itoa(len(orders)))
	}
	measure := func(what string, do func(i int)) {
		before := used(t, db, s)
		for i := range *each {
			do(i)
		}
		after, n := used(t, db, s), float64(*each)
		per := cost{(after.wal - before.wal) / n, (after.flushes - before.flushes) / n, (after.bytes - before.bytes) / n, (after.processor - before.processor) / n}
		t.Logf("one %s: %.0f bytes of WAL, %.1f flushes, %.0f bytes of tables and indexes, %.2f ms of the service's processor time",
			what, per.wal, per.flushes, per.bytes, per.processor*1000)
		if most := limits()[what]; per.wal <= 0 || per.processor <= 0 || per.wal > most.wal || per.flushes > most.flushes || per.bytes > most.bytes {
			t.Errorf("one %s costs %+v, want at most %+v", what, per, most)
		}
	}
	measure("order", func(int) { orders = append(orders, client.CreateOrder()) })
	measure("payment", func(i int) {
		if paid := client.Pay(orders[i], "pm_card_visa", "payment-"+strconv.Itoa(i)); paid.Status != http.StatusCreated {
			t.Fatalf("got %s", paid)
		}
	})
}

// used reads what PostgreSQL and the service have used. The log is what was written; its flushes are of every process.
func used(t *testing.T, db *sql.DB, s *service.Service) (c cost) {
	t.Helper()
	flushes := "(SELECT wal_sync FROM pg_stat_wal)"
	if version := number(t, db, "SELECT current_setting('server_version_num')::int"); version >= 180000 {
		flushes = "(SELECT sum(fsyncs) FROM pg_stat_io WHERE object = 'wal')"
	}
	if _, err := db.ExecContext(t.Context(), "SELECT pg_stat_clear_snapshot()"); err != nil {
		t.Fatal(err)
	}
	c.wal = number(t, db, "SELECT pg_current_wal_insert_lsn() - '0/0'::pg_lsn")
	c.flushes = number(t, db, "SELECT coalesce("+flushes+", 0)")
	c.bytes = number(t, db, `SELECT sum(pg_total_relation_size(oid)) FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace`)
	c.processor = s.Metric("process_cpu_seconds_total")
	return c
}

func number(t *testing.T, db *sql.DB, query string) (n float64) {
	t.Helper()
	if err := db.QueryRowContext(t.Context(), query).Scan(&n); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return n
}
