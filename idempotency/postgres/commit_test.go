package postgres

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/payonce/payonce/idempotency"
	"github.com/payonce/payonce/test/proxy"
	"github.com/payonce/payonce/test/stores"
	"github.com/payonce/payonce/test/wait"
)

func TestOnlyADefiniteRefusalIsTakenForARollback(t *testing.T) {
	t.Parallel()
	server := func(severity, code string) error {
		return &pgconn.PgError{Severity: severity, SeverityUnlocalized: severity, Code: code}
	}
	for name, c := range map[string]struct {
		label string
		err   error
		want  error
	}{
		"no answer":                  {labelCommit, io.ErrUnexpectedEOF, idempotency.ErrCommitUnknown},
		"no answer to a statement":   {"insert", io.ErrUnexpectedEOF, idempotency.ErrCommitUnknown}, // COMMIT was behind it
		"too late":                   {labelCommit, context.DeadlineExceeded, idempotency.ErrCommitUnknown},
		"a shutdown at COMMIT":       {labelCommit, server("FATAL", "57P01"), idempotency.ErrCommitUnknown},
		"a crash at COMMIT":          {labelCommit, server("FATAL", "57P02"), idempotency.ErrCommitUnknown},
		"a cancellation at COMMIT":   {labelCommit, server("ERROR", "57014"), idempotency.ErrCommitUnknown},
		"a cancellation before it":   {"insert", server("ERROR", "57014"), idempotency.ErrUnavailable},
		"a deadlock":                 {"insert", server("ERROR", "40P01"), idempotency.ErrSerialization},
		"a serialization failure":    {labelCommit, server("ERROR", "40001"), idempotency.ErrSerialization},
		"a localized server's error": {"insert", &pgconn.PgError{Severity: "FEHLER", SeverityUnlocalized: "ERROR", Code: "40001"}, idempotency.ErrSerialization},
		"ROLLBACK for COMMIT":        {labelCommit, fmt.Errorf("%w: COMMIT answered ROLLBACK", idempotency.ErrSerialization), idempotency.ErrSerialization},
	} {
		got := classify(c.label, c.err, true)
		for _, sentinel := range []error{idempotency.ErrCommitUnknown, idempotency.ErrUnavailable, idempotency.ErrSerialization} {
			if errors.Is(got, sentinel) != (sentinel == c.want) { //nolint:errorlint // is it this one
				t.Errorf("%s: %v", name, got)
			}
		}
	}
	lost := &pgconn.PgError{Severity: "ERROR", Code: "23505", ConstraintName: "idempotency_keys_pkey"}
	if got := (statement{label: "insert", race: "idempotency_keys_pkey"}).failed(lost, true); !errors.Is(got, idempotency.ErrSerialization) {
		t.Errorf("a lost race for the key: got %v, want one to be run again", got)
	}
	if got := (statement{label: "insert"}).failed(lost, true); errors.Is(got, idempotency.ErrSerialization) {
		t.Errorf("a unique key that was not looked up: got %v, want a refusal", got)
	}
	if got := classify("read", io.ErrUnexpectedEOF, false); !errors.Is(got, idempotency.ErrUnavailable) || errors.Is(got, idempotency.ErrCommitUnknown) {
		t.Errorf("a read without an answer: %v", got)
	}
}

// The connection breaks after Postgres has committed and before the client receives its answer.
func TestACommitWhoseAnswerIsLostIsUnknownAndThenFound(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"cache_statement", "exec"} {
		for kind, end := range map[string]func(*Store, *Tx, *idempotency.Record) error{
			"an order": func(s *Store, tx *Tx, rec *idempotency.Record) error { return s.Commit(t.Context(), tx, rec) },
			"a claim":  func(s *Store, tx *Tx, rec *idempotency.Record) error { return s.Claim(t.Context(), tx, rec) },
		} {
			t.Run(mode+", "+kind, func(t *testing.T) {
				t.Parallel()
				losesTheAnswer(t, mode, end)
			})
		}
	}
}

func losesTheAnswer(t *testing.T, mode string, end func(*Store, *Tx, *idempotency.Record) error) {
	url := stores.Database(t)
	config, err := pgx.ParseConfig(url)
	if err != nil {
		t.Fatal(err)
	}
	way := proxy.NewLossy(t, filepath.Join(config.Host, fmt.Sprintf(".s.PGSQL.%d", config.Port)))
	lossy := openAt(t, fmt.Sprintf("postgres://%s@%s/%s?sslmode=disable", config.User, way.Addr(), config.Database), mode)
	direct := openAt(t, url, mode)
	var rec *idempotency.Record
	for n, lose := range []bool{false, true} { // first, the one connection prepares its statements: their answers are no COMMIT's
		req := idempotency.Request{Tenant: idempotency.Tenant{9}, KeyHash: [32]byte{byte(n)}, Method: "POST", Path: "/"}
		tx, found, err := lossy.Begin(t.Context(), req, nil)
		if err != nil || !found.Mine {
			t.Fatalf("%+v, %v", found, err)
		}
		rec = &idempotency.Record{
			Tenant: req.Tenant, KeyHash: req.KeyHash, Method: req.Method, Path: req.Path, ClaimID: idempotency.NewClaimID(), Fence: 1,
			Operation: "authorize", Response: &idempotency.Response{Status: 201},
		}
		way.Lose.Store(lose)
		if err := end(lossy, tx, rec); errors.Is(err, idempotency.ErrCommitUnknown) != lose {
			t.Errorf("answer lost: %t; a COMMIT without an answer, and no other, is unknown: %v", lose, err)
		}
	}
	var stored *idempotency.Record
	eventually(t, "its backend has ended", func() bool {
		stored, err = direct.Resolve(t.Context(), rec.Tenant, rec.KeyHash)
		return !errors.Is(err, idempotency.ErrUnavailable)
	})
	if err != nil || stored == nil || stored.ClaimID != rec.ClaimID {
		t.Errorf("resolved to %+v, %v", stored, err)
	}
}

// openAt opens a store with one connection.
func openAt(t *testing.T, url, mode string) *Store {
	t.Helper()
	db, err := Open(url, Options{ExecMode: mode, MaxConns: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return NewStore(db, newFixedPrimary(), StoreOptions{Lease: time.Minute})
}

func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	wait.Within(t, 10*time.Second, what, ok)
}
