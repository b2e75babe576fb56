//go:build unix

package archive

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib"

	"github.com/payonce/payonce/test/service"
	"github.com/payonce/payonce/test/stores"
)

// smallBatch is how many records a transaction of the process that is killed takes; its files take two batches.
const smallBatch = 40

func ctx() context.Context { return context.Background() }

// world is a database with tombstones and a folder that they are archived to.
type world struct {
	*testing.T
	url, dir string
	mode     string // DB_EXEC_MODE of the commands
	db       *sql.DB
}

func newWorld(t *testing.T, tombstones int) *world {
	t.Helper()
	w := open(t, stores.Database(t))
	w.fill(0, tombstones)
	return w
}

func open(t *testing.T, url string) *world {
	t.Helper()
	db, err := sql.Open("pgx", url) // the service's own pools end a statement that takes as long as filling a table does
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return &world{t, url, t.TempDir(), "cache_statement", db}
}

func (w *world) exec(query string, args ...any) {
	w.Helper()
	if _, err := w.db.ExecContext(ctx(), query, args...); err != nil {
		w.Fatal(err)
	}
}

func (w *world) number(query string, args ...any) (n int) {
	w.Helper()
	if err := w.db.QueryRowContext(ctx(), query, args...).Scan(&n); err != nil {
		w.Fatal(err)
	}
	return n
}

// fill adds tombstones of three merchants, for the keys key-FROM to key-UNTIL; each is two years old.
func (w *world) fill(from, until int) {
	w.Helper()
	w.exec(`INSERT INTO idempotency_keys (merchant_id, key_hash, fingerprint, method, path, state, claim_id, resource_type, resource_id,
			status, created_at, completed_at, expires_at)
		SELECT md5((i % 3)::text)::uuid, sha256(('key-' || i)::bytea), '\x01'::bytea || sha256(('request-' || i)::bytea), 'POST', '/v1/payments',
			'expired', gen_random_uuid(), 'payment', gen_random_uuid(), 201, t, t + interval '1 second', t + interval '1 day'
		FROM (SELECT i, now() - interval '2 years' + i * interval '1 millisecond' AS t FROM generate_series($1::int, $2::int - 1) i) rows`, from, until)
}

// whole fails unless each of the keys is in the table or in the archive, once. It reads what the database says that counts of each
// file, so it holds at any moment.
func (w *world) whole(what string, keys int) {
	w.Helper()
	times := map[string]int{}
	tx, err := w.db.BeginTx(ctx(), &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true})
	if err != nil {
		w.Fatal(err)
	}
	defer func() { _ = tx.Rollback() }()
	w.rows(tx, `SELECT encode(key_hash, 'hex') || claim_id, 0 FROM idempotency_keys WHERE state = 'expired'`, func(id string, _ int64) { times[id]++ })
	w.rows(tx, `SELECT name, bytes FROM archive_files WHERE kind = 'tombstones' AND bytes > 0`, func(name string, length int64) {
		for _, line := range w.lines(name, length) {
			times[field(w, line, "key_sha256")+field(w, line, "claim_id")]++
		}
	})
	for id, n := range times {
		if n != 1 {
			w.Errorf("%s: the record %.16s… is there %d times", what, id, n)
		}
	}
	if len(times) != keys {
		w.Errorf("%s: got %d records in table and archive, want %d", what, len(times), keys)
	}
}

func (w *world) rows(tx *sql.Tx, query string, each func(string, int64)) {
	w.Helper()
	rows, err := tx.QueryContext(ctx(), query)
	if err != nil {
		w.Fatal(err)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var text string
		var number int64
		if err := rows.Scan(&text, &number); err != nil {
			w.Fatal(err)
		}
		each(text, number)
	}
	if err := rows.Err(); err != nil {
		w.Fatal(err)
	}
}

// lines are those of the first bytes of a file, which may be sealed or not.
func (w *world) lines(name string, length int64) (lines []string) {
	w.Helper()
	content, err := os.ReadFile(filepath.Join(w.dir, name+".partial"))
	if errors.Is(err, fs.ErrNotExist) {
		if content, err = os.ReadFile(filepath.Join(w.dir, name)); err == nil && int64(len(content)) != length {
			w.Errorf("%s has %d bytes, the database says %d", name, len(content), length)
		}
	}
	if err != nil || int64(len(content)) < length {
		w.Fatalf("%s: %v, %d bytes; want %d", name, err, len(content), length)
	}
	zip, err := gzip.NewReader(bytes.NewReader(content[:length]))
	if err != nil {
		w.Fatal(err)
	}
	for scanner := bufio.NewScanner(zip); scanner.Scan(); {
		lines = append(lines, scanner.Text())
	}
	if _, err := io.Copy(io.Discard, zip); err != nil {
		w.Fatal(err)
	}
	return lines
}

func field(t testing.TB, line, name string) string {
	t.Helper()
	var fields map[string]any
	if err := json.Unmarshal([]byte(line), &fields); err != nil {
		t.Fatalf("%s: %v", line, err)
	}
	text, _ := fields[name].(string)
	return text
}

// run runs the command archive.
func (w *world) run(arguments ...string) (stdout, stderr string, code int) {
	w.Helper()
	command := w.command(arguments...)
	var out, errs bytes.Buffer
	command.Stdout, command.Stderr = &out, &errs
	if err := command.Run(); err != nil && command.ProcessState == nil {
		w.Fatal(err)
	}
	return out.String(), errs.String(), command.ProcessState.ExitCode()
}

func (w *world) command(arguments ...string) *exec.Cmd {
	command := exec.Command(service.Binary(w), append([]string{"archive"}, arguments...)...) //nolint:noctx // ends by itself, or is killed
	command.Env = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + w.TempDir(), "DATABASE_URL=" + w.url, "ARCHIVE_DIR=" + w.dir, "DB_EXEC_MODE=" + w.mode, "LOG_FORMAT=json",
	}
	return command
}

// must is run for what has to work.
func (w *world) must(arguments ...string) (stdout string) {
	w.Helper()
	out, errs, code := w.run(arguments...)
	if code != 0 {
		w.Fatalf("archive %s: exit code %d: %s%s", strings.Join(arguments, " "), code, out, errs)
	}
	return out
}

// longAgo is later than all tombstones of [world.fill].
const longAgo = "2025-06-01"

// archived fails unless everything is in sealed files and they are right.
func (w *world) archived(what string, keys int) {
	w.Helper()
	w.whole(what, keys)
	if left := w.number("SELECT count(*) FROM idempotency_keys"); left != 0 {
		w.Errorf("%s: %d tombstones are left in the table", what, left)
	}
	var report struct {
		Records, Growing, Duplicates int
		Problems                     []struct{ File, What string }
	}
	out, errs, code := w.run("verify", "--database", "--json")
	if err := json.Unmarshal([]byte(out), &report); err != nil {
		w.Fatalf("%v: %s%s", err, out, errs)
	}
	if code != 0 || report.Records != keys || report.Growing != 0 || report.Duplicates != 0 || len(report.Problems) > 0 {
		w.Errorf("%s: verify says %+v, exit code %d, want %d records and nothing else", what, report, code, keys)
	}
	if left, err := filepath.Glob(filepath.Join(w.dir, "*.tmp-*")); err != nil || len(left) > 0 {
		w.Errorf("%s: temporary files are left: %v %v", what, left, err)
	}
}

// names are the sealed files.
func (w *world) names() []string {
	w.Helper()
	paths, err := filepath.Glob(filepath.Join(w.dir, "*.jsonl.gz"))
	if err != nil {
		w.Fatal(err)
	}
	return paths
}

func sum(text string) string {
	hash := sha256.Sum256([]byte(text))
	return hex.EncodeToString(hash[:])
}

func itoa(n int) string { return strconv.Itoa(n) }
