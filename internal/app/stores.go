package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/payonce/payonce/idempotency/postgres"
	"github.com/payonce/payonce/idempotency/postgres/session"
	"github.com/payonce/payonce/internal/config"
	"github.com/payonce/payonce/internal/embedded"
	"github.com/payonce/payonce/internal/logging"
	"github.com/payonce/payonce/migrations"
)

// stores are PostgreSQL and Redis, each from the first source that has one (see package embedded).
type stores struct {
	postgres, redis             string // URLs
	postgresSource, redisSource string
	ownPostgres                 *embedded.Postgres
	ownRedis                    *embedded.Redis
	secrets                     [][]byte
}

// openStores looks for both at once: a private Postgres takes most of a start's time.
func openStores(ctx context.Context, cfg config.Config, log *slog.Logger, out io.Writer) (*stores, error) {
	s := &stores{}
	var group sync.WaitGroup
	var errPostgres, errRedis error
	group.Go(func() { errPostgres = s.openPostgres(ctx, cfg, log, out) })
	group.Go(func() { errRedis = s.openRedis(ctx, cfg, log) })
	group.Wait()
	if err := errors.Join(errPostgres, errRedis); err != nil {
		return nil, errors.Join(err, s.close())
	}
	if err := migrate(ctx, s.postgres, log); err != nil {
		return nil, errors.Join(err, s.close())
	}
	if err := s.openSecrets(cfg); err != nil {
		return nil, errors.Join(err, s.close())
	}
	return s, nil
}

func (s *stores) openPostgres(ctx context.Context, cfg config.Config, log *slog.Logger, out io.Writer) (err error) {
	if cfg.DatabaseURL != "" {
		s.postgres, s.postgresSource = string(cfg.DatabaseURL), "DATABASE_URL"
		return nil
	}
	s.ownPostgres, err = startPostgres(ctx, cfg, "serve", log, out)
	if err != nil {
		return err
	}
	s.postgres, s.postgresSource = s.ownPostgres.URL(), s.ownPostgres.Source()+", data in "+cfg.DataDir
	return nil
}

// startPostgres starts the private server for a command; a download is announced to out, or in the log.
func startPostgres(ctx context.Context, cfg config.Config, command string, log *slog.Logger, out io.Writer) (*embedded.Postgres, error) {
	return embedded.StartPostgres(ctx, embedded.PostgresConfig{
		Dir: cfg.DataDir, BinDir: cfg.PGBinDir, Log: log, Command: command,
		NoDownload: cfg.NoDownload, DownloadURL: string(cfg.DownloadURL), Announce: out,
	})
}

func (s *stores) openRedis(ctx context.Context, cfg config.Config, log *slog.Logger) (err error) {
	if cfg.RedisURL != "" {
		s.redis, s.redisSource = string(cfg.RedisURL), "REDIS_URL"
		return nil
	}
	dir := "" // any folder
	if cfg.DataDir != "" {
		dir = filepath.Join(cfg.DataDir, "redis")
	}
	s.ownRedis, err = embedded.StartRedis(ctx, embedded.RedisConfig{Dir: dir, Log: log})
	if err != nil {
		return err
	}
	s.redis, s.redisSource = s.ownRedis.URL(), s.ownRedis.Source()
	return nil
}

func (s *stores) openSecrets(cfg config.Config) error {
	if len(cfg.SecretKey) > 0 {
		s.secrets = cfg.SecretKey
		return nil
	}
	secret, err := config.LoadOrCreateSecret(cfg.DataDir)
	if err != nil {
		return err
	}
	s.secrets = [][]byte{secret}
	return nil
}

// migrate brings the schema up to date. It says what it waits for: the server, or another replica that migrates.
func migrate(ctx context.Context, url string, log *slog.Logger) error {
	if err := reach(ctx, url, log); err != nil {
		return err
	}
	done := logging.Waiting(ctx, log, "the migrations: another replica may be applying them, or one of them takes its time")
	defer done()
	return migrations.Up(ctx, url)
}

// reach asks the database once, so that what comes later doesn't wait for it.
func reach(ctx context.Context, url string, log *slog.Logger) (err error) {
	db, err := postgres.Open(url, postgres.Options{MaxConns: 1, Log: log})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	done := logging.Waiting(ctx, log, "PostgreSQL to answer")
	defer done()
	err = db.SQL().PingContext(ctx)
	if refusal := session.Refusal(err); refusal != nil {
		return refusal
	}
	if err != nil {
		return fmt.Errorf("PostgreSQL can't be reached: %w: is the address right, and does the server run there?", oneLine{err})
	}
	return nil
}

// oneLine is an error whose text has a line per address that was tried, and the same one again without TLS.
type oneLine struct{ error }

func (e oneLine) Unwrap() error { return e.error }

func (e oneLine) Error() string {
	var parts []string
	for line := range strings.Lines(e.error.Error()) {
		if line = strings.TrimSpace(line); !slices.Contains(parts, line) {
			parts = append(parts, line)
		}
	}
	return strings.ReplaceAll(strings.Join(parts, "; "), ":; ", ": ")
}

// storesStop bounds how long the private stores may take to end.
const storesStop = 10 * time.Second

func (s *stores) close() error {
	ctx, cancel := context.WithTimeout(context.Background(), storesStop)
	defer cancel()
	var redis, postgres error
	if s.ownRedis != nil {
		redis = s.ownRedis.Stop(ctx)
	}
	if s.ownPostgres != nil {
		postgres = s.ownPostgres.Stop(ctx)
	}
	return errors.Join(redis, postgres)
}

// attachLimit bounds the wait for an owner that is still starting: it is the limit of such a start, too.
const attachLimit = 2 * time.Minute

// withDatabase runs a command on the database: the configured one, the one of a running owner of DATA_DIR, or a private
// one that is started for as long as the command takes.
func withDatabase(ctx context.Context, cfg config.Config, log *slog.Logger, run func(url string) error) error {
	if cfg.DatabaseURL != "" {
		return run(string(cfg.DatabaseURL))
	}
	attaching, cancel := context.WithTimeoutCause(ctx, attachLimit, errors.New("no answer for "+attachLimit.String()))
	defer cancel()
	url, err := embedded.AttachPostgres(attaching, cfg.DataDir, log)
	if err == nil {
		return run(url)
	}
	if !errors.Is(err, embedded.ErrNotRunning) {
		return err
	}
	postgres, err := startPostgres(ctx, cfg, "a command that ends soon", log, nil) // stdout may be JSON for a program
	if err != nil {
		return err
	}
	err = run(postgres.URL())
	stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), storesStop)
	defer cancel()
	return errors.Join(err, postgres.Stop(stop))
}

// useFolder makes DATA_DIR where it is needed, before anything else is tried there: one sentence says what is wrong with
// it, and not each of its users.
func useFolder(cfg config.Config) (dir string, err error) {
	if cfg.DatabaseURL != "" && cfg.ProviderURL != "" {
		return cfg.DataDir, nil // a private Redis finds another place
	}
	dir, err = embedded.MakeDataFolder(cfg.DataDir)
	if err != nil && cfg.DatabaseURL != "" {
		return "", fmt.Errorf("%w, or set PROVIDER_URL: the simulator inside keeps its book of charges there", err)
	}
	return dir, err
}

// keep writes a small private file.
func keep(path, text string) error {
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		return fmt.Errorf("keep %s: %w", filepath.Base(path), err)
	}
	return nil
}
