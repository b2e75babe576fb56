package scaleout

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/payonce/payonce/idempotency/postgres/session"
	"github.com/payonce/payonce/test/service"
)

// startPgBouncer starts one in transaction mode before a server, with fewer connections to it than clients have to the
// pooler, and returns the address of the database behind it.
func startPgBouncer(t *testing.T, s *server, mode string) string {
	t.Helper()
	path := program(t, "pgbouncer", "pgbouncer")
	at, port := s.config(), freePorts(t, 1)[0]
	folder := filepath.Join(s.root, "pgbouncer-"+mode)
	if err := os.Mkdir(folder, 0o711); err != nil { //nolint:gosec // the server's user reads there
		t.Fatal(err)
	}
	users, config := filepath.Join(folder, "users"), filepath.Join(folder, "pgbouncer.ini")
	for name, text := range map[string]string{users: fmt.Sprintf("%q \"\"\n", at.User), config: fmt.Sprintf(`[databases]
%s = host=%s port=%d dbname=%s user=%s
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = %d
unix_socket_dir =
auth_type = trust
auth_file = %s
pool_mode = %s
default_pool_size = 8
max_client_conn = 500
`, at.Database, at.Host, at.Port, at.Database, at.User, port, users, mode)} {
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil { //nolint:gosec // no secret
			t.Fatal(err)
		}
	}
	start(t, s.owner(), path, config)
	listens(t, port)
	return fmt.Sprintf("postgres://%s@127.0.0.1:%d/%s?sslmode=disable", at.User, port, at.Database)
}

func TestPgBouncerInTransactionMode(t *testing.T) {
	t.Parallel()
	program(t, "pgbouncer", "pgbouncer")
	primary := startPrimary(t, nil)
	pooled := startPgBouncer(t, primary, "transaction")
	s := open(t, 2, service.Options{DatabaseURL: pooled, Env: map[string]string{"DB_EXEC_MODE": "exec"}}, primary.URL(), nil)
	s.underLoad(nil)
	s.verdict()
}

// PgBouncer before 1.21 in transaction mode loses prepared statements between transactions. The service finds that out at its
// start, says so, and goes on without them.
func TestPgBouncerThatLosesStatementsIsNoticed(t *testing.T) {
	t.Parallel()
	program(t, "pgbouncer", "pgbouncer")
	primary := startPrimary(t, nil)
	pooled := startPgBouncer(t, primary, "transaction")
	s := open(t, 2, service.Options{DatabaseURL: pooled, Env: map[string]string{"DB_EXEC_MODE": "cache_statement"}}, primary.URL(), nil)
	s.underLoad(nil)
	s.verdict()
	for i, r := range s.replicas {
		if log := readFile(t, r.Options.LogFile); !strings.Contains(log, "loses prepared statements") {
			t.Errorf("replica %d says nothing about the pooler:\n%s", i, log)
		}
	}
}

// In session mode, and without a pooler, statements stay prepared, and nothing changes.
func TestPgBouncerInSessionModeKeepsStatements(t *testing.T) {
	t.Parallel()
	program(t, "pgbouncer", "pgbouncer")
	primary := startPrimary(t, nil)
	for address, want := range map[string]bool{
		primary.URL():                             true,
		startPgBouncer(t, primary, "session"):     true,
		startPgBouncer(t, primary, "transaction"): false,
	} {
		for range 5 {
			if keeps, err := session.KeepsStatements(t.Context(), address); err != nil || keeps != want {
				t.Errorf("%s: got %t, %v; want %t", address, keeps, err, want)
			}
		}
	}
}

func readFile(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
