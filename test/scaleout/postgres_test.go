package scaleout

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/payonce/payonce/internal/embedded"
	"github.com/payonce/payonce/migrations"
	"github.com/payonce/payonce/models"
)

// server is a PostgreSQL of one test.
type server struct {
	*embedded.Postgres
	t    *testing.T
	root string // of the folders of all servers of the test
	dir  string // its own
}

// startPrimary starts a migrated server that others may replicate.
func startPrimary(t *testing.T, settings map[string]string) *server {
	t.Helper()
	root, err := os.MkdirTemp("", "payonce-scaleout-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(root) })
	if err := os.Chmod(root, 0o711); err != nil { //nolint:gosec // to pass through, not to read
		t.Fatal(err)
	}
	s := &server{t: t, root: root, dir: filepath.Join(root, "primary")}
	s.start(settings)
	hba, err := os.OpenFile(filepath.Join(s.cluster(), "pg_hba.conf"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	_, err = hba.WriteString("local replication all trust\n")
	if err := hba.Close(); err != nil {
		t.Fatal(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	s.exec("SELECT pg_reload_conf()")
	if err := migrations.Up(t.Context(), s.URL()); err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *server) start(settings map[string]string) {
	s.t.Helper()
	all := map[string]string{
		"max_wal_senders": "5", "hot_standby": "on", "wal_keep_size": "128MB", "max_connections": "150", "fsync": "off",
		"wal_receiver_status_interval": "1s", "wal_retrieve_retry_interval": "200ms", "min_wal_size": "32MB", "max_wal_size": "128MB",
	}
	for name, value := range settings {
		all[name] = value
	}
	pg, err := embedded.StartPostgres(s.t.Context(), embedded.PostgresConfig{Dir: s.dir, BinDir: os.Getenv("PG_BIN_DIR"), Settings: all})
	if err != nil {
		s.t.Fatal(err)
	}
	s.Postgres = pg
	s.t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		if err := pg.Stop(ctx); err != nil {
			s.t.Errorf("stop the test's own PostgreSQL: %v", err)
		}
	})
}

// startStandby starts a hot standby of this server, known to it by name.
func (s *server) startStandby(name string, settings map[string]string) *server {
	s.t.Helper()
	basebackup := program(s.t, "pg_basebackup", "postgresql-client")
	standby := &server{t: s.t, root: s.root, dir: filepath.Join(s.root, name)}
	cluster := filepath.Join(standby.dir, filepath.Base(s.cluster()))
	if err := os.MkdirAll(standby.dir, 0o711); err != nil { //nolint:gosec // as above
		s.t.Fatal(err)
	}
	at := s.config()
	output(s.t, basebackup, "-D", cluster, "-R", "-X", "stream", "-c", "fast", "-d",
		fmt.Sprintf("host=%s port=%d user=%s application_name=%s", at.Host, at.Port, at.User, name))
	if owner := s.owner(); os.Geteuid() == 0 {
		err := filepath.Walk(cluster, func(path string, _ os.FileInfo, err error) error {
			if err != nil {
				return err
			}
			return os.Lchown(path, int(owner.Uid), int(owner.Gid))
		})
		if err != nil {
			s.t.Fatal(err)
		}
	}
	standby.start(settings)
	return standby
}

// cluster is the folder of its data.
func (s *server) cluster() string {
	s.t.Helper()
	found, err := filepath.Glob(filepath.Join(s.dir, "postgres-*"))
	if err != nil || len(found) != 1 {
		s.t.Fatalf("%v, %v", found, err)
	}
	return found[0]
}

// owner is the user that the server runs as, nil when that is ours.
func (s *server) owner() *syscall.Credential {
	s.t.Helper()
	info, err := os.Stat(s.cluster())
	if err != nil {
		s.t.Fatal(err)
	}
	if os.Geteuid() != 0 {
		return nil
	}
	stat := info.Sys().(*syscall.Stat_t)
	return &syscall.Credential{Uid: stat.Uid, Gid: stat.Gid}
}

func (s *server) config() *pgx.ConnConfig {
	s.t.Helper()
	config, err := pgx.ParseConfig(s.URL())
	if err != nil {
		s.t.Fatal(err)
	}
	return config
}

// either is the address of whichever of two servers takes writes.
func either(first, second *server) string {
	a, b := first.config(), second.config()
	return fmt.Sprintf("postgres:///%s?host=%s,%s&port=%d,%d&sslmode=disable&user=%s&target_session_attrs=read-write",
		a.Database, a.Host, b.Host, a.Port, b.Port, a.User)
}

// exec runs a statement, and returns the first column of its first row as text.
func (s *server) exec(statement string) (text string) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	conn, err := pgx.Connect(ctx, s.URL())
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = conn.Close(context.Background()) }()
	result := conn.PgConn().Exec(ctx, statement)
	all, err := result.ReadAll()
	if err != nil {
		s.t.Fatalf("%s: %v", statement, err)
	}
	if len(all) > 0 && len(all[0].Rows) > 0 {
		text = string(all[0].Rows[0][0])
	}
	return text
}

// idOf is a payment's id in the database.
func idOf(t *testing.T, payment string) string {
	t.Helper()
	id, err := models.ParseID(models.PrefixPayment, payment)
	if err != nil {
		t.Fatal(err)
	}
	return id.String()
}
