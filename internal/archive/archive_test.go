package archive

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/payonce/payonce/idempotency"
	"github.com/payonce/payonce/idempotency/postgres"
	"github.com/payonce/payonce/repository"
	"github.com/payonce/payonce/test/proxy"
	"github.com/payonce/payonce/test/stores"
	"github.com/payonce/payonce/test/wait"
)

func TestMain(m *testing.M) { os.Exit(stores.Main(m)) }

// place is a database with tombstones and a folder.
type place struct {
	*testing.T
	url string
	db  *postgres.Database
	dir string
}

func newPlace(t *testing.T, tombstones int) *place {
	t.Helper()
	url := stores.Database(t)
	db, err := postgres.Open(url, postgres.Options{MaxConns: 4})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	p := &place{t, url, db, t.TempDir()}
	p.exec(`INSERT INTO idempotency_keys (merchant_id, key_hash, fingerprint, method, path, state, claim_id, completed_at)
		SELECT md5((i % 2)::text)::uuid, sha256(('key-' || i)::bytea), '\x01'::bytea || sha256('x'), 'POST', '/v1/orders', 'expired', gen_random_uuid(),
			now() - interval '2 years' + i * interval '1 second' FROM generate_series(1, $1::int) i`, tombstones)
	return p
}

func (p *place) exec(query string, args ...any) {
	p.Helper()
	if _, err := p.db.SQL().ExecContext(context.Background(), query, args...); err != nil {
		p.Fatal(err)
	}
}

func (p *place) left() (n int) {
	p.Helper()
	if err := p.db.SQL().QueryRowContext(context.Background(), "SELECT count(*) FROM idempotency_keys").Scan(&n); err != nil {
		p.Fatal(err)
	}
	return n
}

func (p *place) archiver() *Tombstones { return p.archiverOn(p.db) }

func (p *place) archiverOn(db *postgres.Database) *Tombstones {
	return NewTombstones(Config{Dir: p.dir, Files: repository.NewArchives(db), Log: slog.New(slog.DiscardHandler)},
		postgres.NewStore(db, nil, postgres.StoreOptions{Tombstones: time.Hour}))
}

func (p *place) run(t *Tombstones, limit, want int) {
	p.Helper()
	if n, err := t.Run(context.Background(), limit, time.Time{}); err != nil || n != want {
		p.Fatalf("archived %d, %v; want %d", n, err, want)
	}
}

func (p *place) ok(err error) {
	p.Helper()
	if err != nil {
		p.Fatal(err)
	}
}

// whole fails unless the archive is right and has this many records, each once.
func (p *place) whole(records int64) {
	p.Helper()
	report, err := Verify(context.Background(), p.dir, repository.NewArchives(p.db))
	p.ok(err)
	if report.Records != records || report.Growing > 0 || report.Duplicates > 0 || len(report.Problems) > 0 {
		p.Errorf("got %+v, want %d records", report, records)
	}
}

// A writer that lives was taken for dead: what it sends is refused, it begins another file, and each record is there once.
func TestAWriterThatIsTakenForDeadLosesItsFileAndNoRecord(t *testing.T) {
	t.Parallel()
	p := newPlace(t, 9)
	slow := p.archiver()
	p.run(slow, 3, 3)
	thief := p.archiver()
	p.ok(thief.begin(context.Background()))
	if names, err := thief.folder.names(partialSuffix); err != nil || len(names) != 1 {
		t.Fatalf("%v %v, want the file of the slow one: its lock keeps it", names, err)
	}
	name := slow.file.row.Name
	slow.Reached = func(step Step) {
		if step == StepSynced && name != "" { // its batch is in the file, and not committed
			p.ok(thief.finish(context.Background(), name))
			name = ""
		}
	}
	if n, err := slow.Run(context.Background(), 3, time.Time{}); err == nil || n != 0 {
		t.Fatalf("archived %d into a file that is closed: %v", n, err)
	}
	if left := p.left(); left != 6 {
		t.Fatalf("%d tombstones are left, want 6", left)
	}
	p.run(slow, 5, 5)
	p.run(slow, 5, 1)
	p.run(slow, 5, 0)
	p.ok(slow.Close(context.Background()))
	p.whole(9)
}

// The answer to COMMIT is lost: that the batch counts is in the row, and the next look reads it there.
func TestABatchWhoseCommitIsUnknownCounts(t *testing.T) {
	t.Parallel()
	p := newPlace(t, 10)
	config, err := pgconn.ParseConfig(p.url)
	p.ok(err)
	way := proxy.NewLossy(t, filepath.Join(config.Host, fmt.Sprintf(".s.PGSQL.%d", config.Port)))
	lossy, err := postgres.Open(fmt.Sprintf("postgres://%s@%s/%s?sslmode=disable", config.User, way.Addr(), config.Database), postgres.Options{})
	p.ok(err)
	t.Cleanup(func() { _ = lossy.Close() })
	a := p.archiverOn(lossy)
	p.run(a, 4, 4)
	p.run(a, 1, 1)
	a.Reached = func(step Step) { way.Lose.Store(way.Lose.Load() || step == StepSynced) } // the batch with COMMIT is next
	if n, err := a.Run(context.Background(), 3, time.Time{}); !errors.Is(err, idempotency.ErrCommitUnknown) || n != 0 {
		t.Fatalf("archived %d, %v; want an unknown COMMIT", n, err)
	}
	wait.Within(t, time.Minute, "it is committed all the same", func() bool { return p.left() == 2 })
	if a.file != nil {
		t.Error("a file whose length isn't known is still written to")
	}
	next := p.archiver()
	p.run(next, 4, 2)
	p.ok(next.Close(context.Background()))
	p.whole(10)
}

// The connection ends before COMMIT: the batch is in the file, and doesn't count.
func TestABatchThatIsRolledBackDoesNotCount(t *testing.T) {
	t.Parallel()
	p := newPlace(t, 10)
	a := p.archiver()
	p.run(a, 4, 4)
	a.Reached = func(step Step) {
		if step == StepSynced {
			p.exec(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()
				AND state = 'idle in transaction' AND pid <> pg_backend_pid()`)
		}
	}
	if n, err := a.Run(context.Background(), 4, time.Time{}); err == nil {
		t.Fatalf("archived %d without a connection", n)
	}
	a.Reached = func(Step) {}
	p.run(a, 10, 6)
	p.ok(a.Close(context.Background()))
	p.whole(10)
}

// The caller's time only narrows what the store lets go: a key is refused for as long as was promised.
func TestATimeThatIsTooLateForgetsNoKeyEarly(t *testing.T) {
	t.Parallel()
	p := newPlace(t, 2)
	p.exec(`INSERT INTO idempotency_keys (merchant_id, key_hash, fingerprint, method, path, state, claim_id, completed_at)
		VALUES (md5('young')::uuid, sha256('young'), '\x01'::bytea || sha256('x'), 'POST', '/v1/orders', 'expired', gen_random_uuid(), now() - interval '59 minutes')`)
	a := p.archiver()
	if n, err := a.Run(context.Background(), 10, time.Now().Add(time.Hour)); err != nil || n != 2 || p.left() != 1 {
		t.Errorf("archived %d, %v, %d left; want the young one to stay", n, err, p.left())
	}
	if n, err := a.Run(context.Background(), 10, time.Now().AddDate(-3, 0, 0)); err != nil || n != 0 {
		t.Errorf("archived %d, %v; want none that is younger than asked for", n, err)
	}
	p.ok(a.Close(context.Background()))
	p.whole(2)
}

// Events stand in the order of their transactions, which is not that of their times.
func TestEventsAreCopiedUpToTheFirstThatIsTooYoung(t *testing.T) {
	t.Parallel()
	p := newPlace(t, 0)
	p.exec(`INSERT INTO merchants (id, name) VALUES (md5('shop')::uuid, 'Shop')`)
	for _, hour := range []int{1, 2, 9, 3, 4} {
		p.exec(`INSERT INTO events (merchant_id, id, type, resource_type, resource_id, resource_version, data, created_at)
			VALUES (md5('shop')::uuid, gen_random_uuid(), 'order.created', 'order', gen_random_uuid(), 1, '{}', '2020-01-01T00:00:00Z'::timestamptz + make_interval(hours => $1))`, hour)
	}
	wait.Within(t, time.Minute, "all transactions before have ended: readers are shown nothing beside one that runs, of any database", func() (ended bool) {
		p.ok(p.db.SQL().QueryRowContext(context.Background(),
			"SELECT bool_and(xact < pg_snapshot_xmin(pg_current_snapshot())::text::bigint) FROM events").Scan(&ended))
		return ended
	})
	copies := func(hour, want int) {
		t.Helper()
		e := NewEvents(Config{Dir: p.dir, Files: repository.NewArchives(p.db), Log: slog.New(slog.DiscardHandler)},
			repository.NewEvents(p.db), repository.NewMerchants(p.db.GORM()))
		before := time.Date(2020, 1, 1, hour, 0, 0, 0, time.UTC)
		if n, err := e.Run(context.Background(), 2, before, func(int) error { return nil }); err != nil || n != want {
			t.Errorf("before %d o'clock: copied %d, %v; want %d", hour, n, err, want)
		}
		p.ok(e.Close(context.Background()))
	}
	copies(2, 1)
	copies(8, 1) // the one of 9 o'clock comes next, and those of 3 and 4 behind it
	copies(8, 0)
	copies(10, 3)
	p.whole(5)
}

func TestAFileEndsWhenItIsFullAndWhenItIsOld(t *testing.T) {
	t.Parallel()
	p := newPlace(t, 10)
	a := p.archiver()
	a.MaxRecords = 5
	p.run(a, 4, 4)
	p.run(a, 4, 4) // 8: it is full
	if a.file != nil {
		t.Error("the file is still open")
	}
	p.run(a, 1, 1)
	a.file.opened = time.Now().Add(-2 * maxAge)
	p.run(a, 4, 1)
	p.ok(a.Close(context.Background()))
	if names, err := a.folder.names(extension); err != nil || len(names) != 3 {
		t.Errorf("got %v %v, want three files", names, err)
	}
	p.whole(10)
}

func TestNothingDueMakesNoFile(t *testing.T) {
	t.Parallel()
	p := newPlace(t, 0)
	a := p.archiver()
	p.run(a, 4, 0)
	p.ok(a.Close(context.Background()))
	entries, err := os.ReadDir(p.dir)
	if err != nil || len(entries) != 1 || entries[0].Name() != identityFile {
		t.Errorf("got %v %v, want nothing but %s", entries, err, identityFile)
	}
}

func TestAFolderOfAnotherFormatIsRefused(t *testing.T) {
	t.Parallel()
	p := newPlace(t, 3)
	for text, says := range map[string]string{
		`{"format":2,"archive":"0198b8f0-0000-7000-8000-000000000000"}`: "format 2", `{"format":1}`: "can't be read", `nonsense`: "can't be read",
	} {
		p.ok(os.WriteFile(filepath.Join(p.dir, identityFile), []byte(text), 0o600))
		if _, err := p.archiver().Run(context.Background(), 3, time.Time{}); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: got %v, want %q", text, err, says)
		}
	}
	if _, err := Find(context.Background(), t.TempDir(), [32]byte{}, ""); err == nil || !strings.Contains(err.Error(), "no archive") {
		t.Errorf("got %v, want that the folder is no archive", err)
	}
	if p.left() != 3 {
		t.Error("tombstones were deleted")
	}
}

// Another transaction holds some tombstones: they are left out, and taken when it has ended.
func TestTombstonesThatAreHeldAreLeftOut(t *testing.T) {
	t.Parallel()
	p := newPlace(t, 6)
	tx, err := p.db.SQL().BeginTx(context.Background(), &sql.TxOptions{})
	p.ok(err)
	_, err = tx.ExecContext(context.Background(), `SELECT FROM idempotency_keys ORDER BY completed_at LIMIT 2 FOR UPDATE`)
	p.ok(err)
	a := p.archiver()
	p.run(a, 10, 4)
	p.ok(tx.Rollback())
	p.run(a, 10, 2)
	p.ok(a.Close(context.Background()))
	p.whole(6)
}

func TestRepeatsAreCountedInBoundedMemory(t *testing.T) {
	t.Parallel()
	const records, limit = 10_000, 300
	r, most := newRepeats(limit), 0
	pass := func() (n int64) {
		for i := range uint64(records) {
			id := recordID{high: i * 0x9e3779b97f4a7c15, low: i}
			if r.see(id); i%100 == 0 {
				r.see(id)
			}
			most = max(most, len(r.seen))
		}
		return r.end()
	}
	found, passes := pass(), 1
	for r.next() {
		found += pass()
		passes++
	}
	if found != records/100 || passes < records/limit {
		t.Errorf("got %d repeats in %d passes, want %d", found, passes, records/100)
	}
	if most > 2*limit {
		t.Errorf("%d records were held at once, want about %d", most, limit)
	}
}

func TestAPathThatNamesAKeyHoldsItsHashInstead(t *testing.T) {
	t.Parallel()
	const hash = "2c70e12b7a0646f92279f427c7b38e7334d8e5389cff167a1dc30e73f826b683" // printf key | sha256sum
	for path, want := range map[string]string{
		"/v1/orders":                              "/v1/orders",
		"/v1/idempotency-keys/key/cancel":         "/v1/idempotency-keys/sha256:" + hash + "/cancel",
		"/v1/idempotency-keys/%6bey/cancel":       "/v1/idempotency-keys/sha256:" + hash + "/cancel",
		"/v1/idempotency-keys/key":                "/v1/idempotency-keys/sha256:" + hash,
		"/v1/payments/pay_0/captures":             "/v1/payments/pay_0/captures",
		"/v1/idempotency-keys/a%2Fb%20%zz/cancel": "",
	} {
		got := withoutKey(path)
		if want == "" {
			if strings.Contains(got, "a%2Fb") {
				t.Errorf("%s: got %s, which holds the key", path, got)
			}
			continue
		}
		// The identifier may be escaped: it is a path.
		if strings.ReplaceAll(got, "%3A", ":") != want {
			t.Errorf("%s: got %s, want %s", path, got, want)
		}
	}
}

// A file whose last line has no end, in a member that is whole, is not what was written.
func TestALineWithoutAnEndIsACut(t *testing.T) {
	t.Parallel()
	if _, _, err := wholeLines([]byte("half a li"), true); err == nil {
		t.Error("half a line was taken for a line")
	}
	if n, line, err := wholeLines([]byte("a line\nand"), true); n != 7 || string(line) != "a line" || err != nil {
		t.Errorf("got %d %q %v", n, line, err)
	}
	if n, line, err := wholeLines(nil, true); n != 0 || line != nil || err != nil {
		t.Errorf("at the end: got %d %q %v", n, line, err)
	}
}
