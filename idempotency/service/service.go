// Package service puts an engine together with all that it stands on: PostgreSQL, Redis, and the upkeep beside requests.
package service

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/payonce/payonce/idempotency"
	"github.com/payonce/payonce/idempotency/postgres"
	"github.com/payonce/payonce/idempotency/redis"
)

// Config says what the engine of a service stands on. Only DatabaseURL is required.
type Config struct {
	DatabaseURL string
	Schema      string                // where the table was made; empty: where search_path finds it
	RedisURL    string                // as redis.Open takes it; empty: PostgreSQL alone
	Secrets     [][]byte              // required with Redis: at least 32 random bytes, the same in all replicas; the first signs, all verify
	Limit       redis.Limit           // of requests per Limiter of the middleware's Config; zero: none
	Records     postgres.StoreOptions // how long records live; Schema is set by Open
	Database    postgres.Options
	Resumer     idempotency.Resumer[*postgres.Tx] // required where there are external operations
	Engine      idempotency.Options               // Lease, FastPath and LocalCache are set by Open
	LocalCache  int                               // bytes of completed responses kept in the process; default 16 MiB; negative: none
	Upkeep      idempotency.Upkeep                // Sweeper is set by Open
	Log         *slog.Logger                      // nil: slog.Default
}

// Service is an engine with all that it stands on: connections, the monitor of the primary's clock, Redis, and the upkeep that
// runs in the background until Close.
type Service struct {
	Engine   *idempotency.Engine[*postgres.Tx]
	Database *postgres.Database

	primary *postgres.PrimaryMonitor
	cache   *redis.Cache
	redis   redis.Client
	stop    context.CancelFunc
	upkeep  sync.WaitGroup
}

// Open opens the stores and starts the upkeep. It fails when PostgreSQL can't be asked; a Redis that is away is
// no error. The context bounds the start only.
func Open(ctx context.Context, cfg Config) (_ *Service, err error) {
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	s := &Service{stop: func() {}}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Close())
		}
	}()
	if s.Database, err = postgres.Open(cfg.DatabaseURL, cfg.Database); err != nil {
		return nil, err
	}
	primary := postgres.NewPrimaryMonitor(postgres.ReadPrimary(s.Database.MonitorPool()), 0, cfg.Log)
	if err := primary.Start(ctx); err != nil {
		return nil, err
	}
	s.primary = primary
	if err := s.openRedis(ctx, cfg); err != nil {
		return nil, err
	}
	cfg.Records.Schema = cfg.Schema
	store := postgres.NewStore(s.Database, primary, cfg.Records)
	if _, err := store.Find(ctx, idempotency.Tenant{}, [32]byte{}); err != nil {
		return nil, fmt.Errorf("the engine's table can't be read (schema.Migrate makes it): %w", err)
	}
	options := cfg.Engine
	options.Lease = store.Lease()
	if options.Log == nil {
		options.Log = cfg.Log
	}
	if options.FastPath = (idempotency.AssumeNew{}); s.cache != nil {
		options.FastPath = s.cache
	}
	if options.LocalCache = nil; cfg.LocalCache >= 0 {
		options.LocalCache = idempotency.NewLocalCache(cfg.LocalCache, primary)
	}
	cfg.Upkeep.Sweeper = store
	s.Engine = idempotency.New(store, cfg.Resumer, options)
	var running context.Context
	running, s.stop = context.WithCancel(context.WithoutCancel(ctx))
	s.upkeep.Go(func() { s.Engine.Run(running, cfg.Upkeep) })
	s.upkeep.Go(func() { s.endStuckSessions(running, cfg.Log) })
	return s, nil
}

// scope keeps apart what engines of several schemas or databases keep in one Redis under one secret: an answer of one would
// be replayed by the other.
func (s *Service) scope(ctx context.Context, schema string) (string, error) {
	var database string
	if err := s.Database.SQL().QueryRowContext(ctx, "SELECT current_database()").Scan(&database); err != nil {
		return "", postgres.ReadError("read the database's name", err)
	}
	return fmt.Sprintf(" of %q in %q", schema, database), nil
}

func (s *Service) openRedis(ctx context.Context, cfg Config) (err error) {
	if cfg.RedisURL == "" {
		return nil
	}
	if err := redis.CheckSecrets(cfg.Secrets); err != nil {
		return err
	}
	scope, err := s.scope(ctx, cfg.Schema)
	if err != nil {
		return err
	}
	if s.redis, err = redis.Open(cfg.RedisURL, cfg.Log); err != nil {
		return err
	}
	s.cache = redis.NewCache(s.redis, redis.Config{Secrets: cfg.Secrets, Scope: scope, Limit: cfg.Limit, Primary: s.primary, Log: cfg.Log})
	s.cache.Warm()
	return nil
}

// Close ends the upkeep, waits for its last round, and closes what Open opened. It is called when the last request
// has been answered.
func (s *Service) Close() error {
	s.stop()
	s.upkeep.Wait()
	var errs []error
	if s.cache != nil {
		s.cache.Close()
	}
	if s.redis != nil {
		errs = append(errs, s.redis.Close())
	}
	if s.primary != nil {
		s.primary.Close()
	}
	if s.Database != nil {
		errs = append(errs, s.Database.Close())
	}
	return errors.Join(errs...)
}

// endStuckSessions ends own sessions that wait for the rest of a batch and hold its locks, until the context ends.
func (s *Service) endStuckSessions(ctx context.Context, log *slog.Logger) {
	stuck, failed := postgres.NewStuckSessions(s.Database, log), false
	ticker := time.NewTicker(postgres.StuckInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		_, err := stuck.End(ctx)
		if err != nil && !failed && ctx.Err() == nil { // once per change
			log.WarnContext(ctx, "half-sent batches can't be looked for or ended", "error", err)
		}
		failed = err != nil
	}
}
