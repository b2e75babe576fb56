package stores

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/payonce/payonce/internal/embedded"
	"github.com/payonce/payonce/migrations"
)

const (
	template   = "template_payonce"
	folderName = "payonce-stores-"
	// startLimit bounds a start on a machine that runs many tests at once.
	startLimit = time.Minute
	// downloadLimit bounds a start that may have to download PostgreSQL first.
	downloadLimit = 5 * time.Minute
)

// shared is the server of this test binary. A global, because tests share
// nothing else that could carry it.
var shared server

type server struct {
	main    atomic.Bool // Main runs and will clean up
	once    sync.Once
	folder  string
	pg      *embedded.Postgres
	err     error
	migrate sync.Once
	unclear error // of the migration
	names   atomic.Int64
}

// Main runs the tests, then stops the servers and removes their folders. It
// returns the exit code.
func Main(m *testing.M) int {
	removeAbandoned()
	shared.main.Store(true)
	code := m.Run()
	if err := shared.stop(); err != nil {
		fmt.Fprintln(os.Stderr, "stop the stores of the tests:", err)
		return max(code, 1)
	}
	return code
}

// Database returns the URL of a fresh, migrated database. It is dropped at the
// end of the test, open connections or not.
func Database(t testing.TB) string {
	t.Helper()
	pg := shared.start(t)
	shared.migrate.Do(func() { shared.unclear = makeTemplate(pg) })
	if shared.unclear != nil {
		t.Fatalf("make the template database: %v", shared.unclear)
	}
	return create(t, pg, " TEMPLATE "+template)
}

// EmptyDatabase returns the URL of a fresh database without tables.
func EmptyDatabase(t testing.TB) string {
	t.Helper()
	return create(t, shared.start(t), "")
}

// PrivatePostgres starts a server that only this test uses, so it may kill,
// stop and restart it. It is durable, as in production, and not migrated.
func PrivatePostgres(t testing.TB) *embedded.Postgres {
	t.Helper()
	return TunedPostgres(t, nil)
}

// TunedPostgres is PrivatePostgres with server settings on top of ours.
func TunedPostgres(t testing.TB, settings map[string]string) *embedded.Postgres {
	t.Helper()
	folder, err := makeFolder()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), downloadLimit)
	defer cancel()
	cfg := serverConfig(folder)
	cfg.Settings = settings
	pg, err := embedded.StartPostgres(ctx, cfg)
	if err != nil {
		t.Fatal(errors.Join(err, os.RemoveAll(folder)))
	}
	t.Cleanup(func() {
		if err := errors.Join(stopPostgres(pg), os.RemoveAll(folder)); err != nil {
			t.Errorf("stop the test's own PostgreSQL: %v", err)
		}
	})
	return pg
}

func (s *server) start(t testing.TB) *embedded.Postgres {
	t.Helper()
	if !s.main.Load() {
		t.Fatal("stores needs: func TestMain(m *testing.M) { os.Exit(stores.Main(m)) }")
	}
	s.once.Do(func() { s.err = s.launch() })
	if s.err != nil {
		t.Fatal(s.err)
	}
	return s.pg
}

func (s *server) launch() (err error) {
	if s.folder, err = makeFolder(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), downloadLimit)
	defer cancel()
	cfg := serverConfig(s.folder)
	// Lost with the machine, which loses the test run as well. Commits keep
	// their order, so a crash of the server alone still loses nothing.
	cfg.Settings = map[string]string{"fsync": "off", "full_page_writes": "off", "max_connections": "300"}
	s.pg, err = embedded.StartPostgres(ctx, cfg)
	return err
}

// serverConfig looks for a server as the service does, by the same settings.
func serverConfig(folder string) embedded.PostgresConfig {
	forbidden, err := strconv.ParseBool(os.Getenv("PAYONCE_NO_DOWNLOAD"))
	return embedded.PostgresConfig{
		Dir: folder, BinDir: os.Getenv("PG_BIN_DIR"), Announce: os.Stderr,
		NoDownload: err == nil && forbidden, DownloadURL: os.Getenv("PAYONCE_DOWNLOAD_URL"),
	}
}

func (s *server) stop() error {
	s.once.Do(func() {}) // a test that was left behind starts nothing any more
	var err error
	if s.pg != nil {
		err = stopPostgres(s.pg)
	}
	if s.folder != "" {
		err = errors.Join(err, os.RemoveAll(s.folder))
	}
	return err
}

func stopPostgres(pg *embedded.Postgres) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	return pg.Stop(ctx)
}

func makeTemplate(pg *embedded.Postgres) error {
	ctx, cancel := context.WithTimeout(context.Background(), startLimit)
	defer cancel()
	if err := execute(ctx, pg, "CREATE DATABASE "+template); err != nil {
		return err
	}
	return migrations.Up(ctx, pg.DatabaseURL(template))
}

func create(t testing.TB, pg *embedded.Postgres, source string) string {
	t.Helper()
	name := "test_" + strconv.FormatInt(shared.names.Add(1), 10)
	ctx, cancel := context.WithTimeout(context.Background(), startLimit)
	defer cancel()
	if err := execute(ctx, pg, "CREATE DATABASE "+name+source); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), startLimit)
		defer cancel()
		if err := execute(ctx, pg, "DROP DATABASE "+name+" WITH (FORCE)"); err != nil {
			t.Error(err)
		}
	})
	return pg.DatabaseURL(name)
}

func execute(ctx context.Context, pg *embedded.Postgres, statement string) error {
	conn, err := pgconn.Connect(ctx, pg.DatabaseURL("postgres"))
	if err != nil {
		return fmt.Errorf("%s: %w", statement, err)
	}
	_, err = conn.Exec(ctx, statement).ReadAll()
	if err := errors.Join(err, conn.Close(ctx)); err != nil {
		return fmt.Errorf("%s: %w", statement, err)
	}
	return nil
}

// makeFolder makes a folder that root's servers may enter, as in production;
// t.TempDir lies in one that they may not.
func makeFolder() (string, error) {
	dir, err := os.MkdirTemp("", folderName)
	if err != nil {
		return "", fmt.Errorf("make a folder for the tests' stores: %w", err)
	}
	if err := os.Chmod(dir, 0o711); err != nil { //nolint:gosec // to pass through, not to read
		return "", fmt.Errorf("make a folder for the tests' stores: %w", err)
	}
	return dir, nil
}

// removeAbandoned removes the folders of test runs that were killed.
func removeAbandoned() {
	found, err := filepath.Glob(filepath.Join(os.TempDir(), folderName+"*"))
	if err != nil {
		return
	}
	for _, dir := range found {
		info, err := os.Stat(dir)
		if err != nil || time.Since(info.ModTime()) < 15*time.Minute {
			continue // its owner may be about to lock it, or a test stopped its server for a while
		}
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		_, err = embedded.AttachPostgres(ctx, dir, slog.New(slog.DiscardHandler))
		cancel()
		if errors.Is(err, embedded.ErrNotRunning) {
			_ = os.RemoveAll(dir) // an error is ignored: the folder may belong to another user
		}
	}
}
