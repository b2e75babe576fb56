package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/payonce/payonce/config"
	"github.com/payonce/payonce/embedded"
	"github.com/payonce/payonce/migrations"
)

// stores are PostgreSQL and Redis, wherever the ladder found them.
type stores struct {
	postgres, redis         string // URLs
	postgresRung, redisRung string
	ownPostgres             *embedded.Postgres
	ownRedis                *embedded.Redis
	secrets                 [][]byte
}

// openStores climbs both ladders at once: a private Postgres takes most of a start's time.
func openStores(ctx context.Context, cfg config.Config, log *slog.Logger, out io.Writer) (*stores, error) {
	s := &stores{}
	var group sync.WaitGroup
	var postgres, redis error
	group.Go(func() { postgres = s.openPostgres(ctx, cfg, log, out) })
	group.Go(func() { redis = s.openRedis(ctx, cfg, log) })
	group.Wait()
	if err := errors.Join(postgres, redis); err != nil {
		return nil, errors.Join(err, s.close())
	}
	if err := migrations.Up(ctx, s.postgres); err != nil {
		return nil, errors.Join(err, s.close())
	}
	if err := s.openSecrets(cfg); err != nil {
		return nil, errors.Join(err, s.close())
	}
	return s, nil
}

func (s *stores) openPostgres(ctx context.Context, cfg config.Config, log *slog.Logger, out io.Writer) (err error) {
	if cfg.DatabaseURL != "" {
		s.postgres, s.postgresRung = string(cfg.DatabaseURL), "DATABASE_URL"
		return nil
	}
	s.ownPostgres, err = startPostgres(ctx, cfg, log, out)
	if err != nil {
		return err
	}
	s.postgres, s.postgresRung = s.ownPostgres.URL(), s.ownPostgres.Rung()+", data in "+cfg.DataDir
	return nil
}

// startPostgres starts the private server; a download is announced to out, or in the log.
func startPostgres(ctx context.Context, cfg config.Config, log *slog.Logger, out io.Writer) (*embedded.Postgres, error) {
	return embedded.StartPostgres(ctx, embedded.PostgresConfig{
		Dir: cfg.DataDir, BinDir: cfg.PGBinDir, Log: log,
		NoDownload: cfg.NoDownload, DownloadURL: string(cfg.DownloadURL), Announce: out,
	})
}

func (s *stores) openRedis(ctx context.Context, cfg config.Config, log *slog.Logger) (err error) {
	if cfg.RedisURL != "" {
		s.redis, s.redisRung = string(cfg.RedisURL), "REDIS_URL"
		return nil
	}
	dir := filepath.Join(cfg.DataDir, "redis")
	s.ownRedis, err = embedded.StartRedis(ctx, embedded.RedisConfig{Dir: dir, Log: log})
	if err != nil {
		return err
	}
	s.redis, s.redisRung = s.ownRedis.URL(), s.ownRedis.Rung()
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

// withDatabase runs a command on the database: the configured one, the one of a running owner of DATA_DIR, or a private
// one that is started for as long as the command takes.
func withDatabase(ctx context.Context, cfg config.Config, log *slog.Logger, run func(url string) error) error {
	if cfg.DatabaseURL != "" {
		return run(string(cfg.DatabaseURL))
	}
	url, err := embedded.AttachPostgres(cfg.DataDir)
	if err == nil {
		return run(url)
	}
	if !errors.Is(err, embedded.ErrNotRunning) {
		return err
	}
	postgres, err := startPostgres(ctx, cfg, log, nil) // stdout may be JSON for a program
	if err != nil {
		return err
	}
	err = run(postgres.URL())
	stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), storesStop)
	defer cancel()
	return errors.Join(err, postgres.Stop(stop))
}

// keep writes a small private file.
func keep(path, text string) error {
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		return fmt.Errorf("keep %s: %w", filepath.Base(path), err)
	}
	return nil
}
