package postgres

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/payonce/payonce/idempotency"
	"github.com/payonce/payonce/test/proxy"
	"github.com/payonce/payonce/test/stores"
)

// isolated opens a store with one connection per pool, whose sessions begin transactions at another level by themselves:
// as another client of a pooler may have left them.
func isolated(t *testing.T, url, mode, level string) *Store {
	t.Helper()
	s := openAt(t, url, mode)
	s.db.reserved.SetMaxOpenConns(1)
	for _, pool := range []*sql.DB{s.db.fresh, s.db.reserved} {
		if _, err := pool.ExecContext(t.Context(), "SET default_transaction_isolation = '"+level+"'"); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

// split resolves on another way to the database than the one that broke.
type split struct {
	*Store
	direct *Store
}

func (s split) Resolve(ctx context.Context, tenant idempotency.Tenant, keyHash [32]byte) (*idempotency.Record, error) {
	return s.direct.Resolve(ctx, tenant, keyHash)
}

// The connection breaks while Postgres commits. The look-up takes its snapshot before the commit, and reads after it.
func TestAnUnknownCommitIsFoundWhateverTheDefaultIsolation(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"cache_statement", "exec"} {
		for _, level := range []string{"repeatable read", "serializable"} {
			t.Run(mode+" "+level, func(t *testing.T) {
				t.Parallel()
				for range 3 { // a busy machine may be too late to see it commit, but not three times
					if breaksWhileItCommits(t, mode, level) {
						return
					}
				}
				t.Error("the COMMIT was never seen")
			})
		}
	}
}

// breaksWhileItCommits reports whether the moment was met.
func breaksWhileItCommits(t *testing.T, mode, level string) (met bool) {
	t.Helper()
	url := stores.Database(t)
	way, err := proxy.NewPostgres(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(way.Close)
	direct := isolated(t, url, mode, level)
	watched, err := sql.Open("pgx", url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = watched.Close() }()
	for _, statement := range []string{
		`CREATE TABLE scratch (name text)`,
		`CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(0.4); RETURN NULL; END $$`,
		`CREATE CONSTRAINT TRIGGER slow AFTER INSERT ON scratch DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION slow()`,
	} {
		if _, err := watched.ExecContext(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	store := split{isolated(t, way.URL(), mode, level), direct}
	runs, answers := 0, make(chan error, 1)
	req := idempotency.Request{Tenant: idempotency.Tenant{9}, KeyHash: [32]byte{1}, Method: "POST", Path: "/"}
	go func() {
		out, err := idempotency.New[*Tx](store, nil, idempotency.Options{}).Do(context.Background(), req, idempotency.Work[*Tx]{
			Local: &idempotency.Local[*Tx]{Run: func(_ context.Context, tx *Tx) (*idempotency.Response, error) {
				runs++
				tx.Insert("write", `INSERT INTO scratch VALUES ('once')`)
				return &idempotency.Response{Status: 201}, nil
			}},
		})
		if err == nil && out.Source != idempotency.SourceFirst {
			err = fmt.Errorf("answered from %s", out.Source)
		}
		answers <- err
	}()
	eventually(t, "Postgres commits", func() bool {
		var sleeping int
		err := watched.QueryRowContext(t.Context(), `SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'`).Scan(&sleeping)
		met = err == nil && sleeping == 1
		return met || len(answers) > 0
	})
	if !met {
		if err := <-answers; err != nil || runs != 1 {
			t.Fatalf("undisturbed: got %v after %d runs, want an outcome after 1", err, runs)
		}
		return false
	}
	way.Refuse() // also what would cancel the COMMIT
	way.ResetAll()
	if err := <-answers; err != nil || runs != 1 {
		t.Errorf("got %v after %d runs, want the first one's outcome after 1", err, runs)
	}
	var written int
	if err := watched.QueryRowContext(t.Context(), `SELECT count(*) FROM scratch`).Scan(&written); err != nil || written != 1 {
		t.Errorf("written %d times, %v; want once", written, err)
	}
	return true
}

func TestEachTransactionNamesItsIsolationLevel(t *testing.T) {
	t.Parallel()
	s := isolated(t, stores.Database(t), "cache_statement", "serializable")
	levels := map[string]string{}
	note := func(what string) func(*Tx) {
		return func(tx *Tx) {
			tx.Read("level", `SELECT current_setting('transaction_isolation')`, nil, func(scan func(...any) error) error {
				var level string
				err := scan(&level)
				levels[what] = level
				return err
			})
		}
	}
	req := idempotency.Request{Tenant: idempotency.Tenant{9}, KeyHash: [32]byte{1}, Method: "POST", Path: "/"}
	tx, _, err := s.Begin(t.Context(), req, note("begin"))
	if err != nil {
		t.Fatal(err)
	}
	s.Rollback(tx)
	if err := s.db.Apply(t.Context(), time.Now(), func(tx *Tx) error { note("apply")(tx); return nil }); err != nil {
		t.Error(err)
	}
	tx = s.Open(req)
	note("whole")(tx)
	rec := &idempotency.Record{
		Tenant: req.Tenant, KeyHash: req.KeyHash, Method: "POST", Path: "/", ClaimID: idempotency.NewClaimID(), Fence: 1,
		Response: &idempotency.Response{Status: 201},
	}
	if err := s.Commit(t.Context(), tx, rec); err != nil {
		t.Error(err)
	}
	for _, what := range []string{"begin", "apply", "whole"} {
		if levels[what] != "read committed" {
			t.Errorf("%s: got %q, want read committed", what, levels[what])
		}
	}
}

// A transaction that is added later must not begin with a bare BEGIN.
func TestNoTransactionBeginsWithoutItsIsolationLevel(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("*.go")
	if err != nil || len(files) == 0 {
		t.Fatalf("found %d files, %v", len(files), err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasSuffix(file, "_test.go") && strings.Contains(string(text), `"BEGIN`) {
			t.Errorf("%s: got a BEGIN of its own, want session.Begin", file)
		}
	}
}
