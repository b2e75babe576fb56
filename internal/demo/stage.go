package demo

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/payonce/payonce/idempotency/postgres"
	"github.com/payonce/payonce/idempotency/redis"
	"github.com/payonce/payonce/internal/config"
	"github.com/payonce/payonce/internal/embedded"
	"github.com/payonce/payonce/internal/logging"
	"github.com/payonce/payonce/internal/naive"
	"github.com/payonce/payonce/migrations"
	"github.com/payonce/payonce/models"
	"github.com/payonce/payonce/repository"
)

// closeLimit bounds how long the private stores may take to end.
const closeLimit = 10 * time.Second

// stage is everything that a run starts. close takes all of it down, also after a start that failed halfway.
type stage struct {
	log      *slog.Logger
	folder   *folder
	postgres *embedded.Postgres
	redis    *embedded.Redis
	cache    redis.Client // to flush it
	provider *providerStub
	without  *side
	with     *side
}

func openStage(ctx context.Context, c *config.Demo, log *slog.Logger) (_ *stage, err error) {
	s := &stage{log: log}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.close())
		}
	}()
	if s.folder, err = makeFolder(); err != nil {
		return nil, err
	}
	if err := s.openStores(ctx, c); err != nil {
		return nil, err
	}
	if s.provider, err = openProviderStub(ctx); err != nil {
		return nil, err
	}
	if err := s.openSides(ctx); err != nil {
		return nil, err
	}
	return s, nil
}

func (s *stage) openStores(ctx context.Context, c *config.Demo) error {
	var errPostgres, errRedis error
	var group sync.WaitGroup
	group.Go(func() {
		s.postgres, errPostgres = embedded.StartPostgres(ctx, embedded.PostgresConfig{
			Dir: s.folder.path, BinDir: c.PGBinDir, NoDownload: c.NoDownload, Log: s.log, Command: "demo",
		})
	})
	group.Go(func() {
		if s.redis, errRedis = embedded.StartRedis(ctx, embedded.RedisConfig{Dir: s.folder.path, Log: s.log}); errRedis == nil {
			s.cache, errRedis = redis.Open(s.redis.URL(), slog.New(slog.DiscardHandler))
		}
	})
	group.Wait()
	return errors.Join(errPostgres, errRedis)
}

// openSides makes each side its database and starts its two replicas, all four processes at once.
func (s *stage) openSides(ctx context.Context) error {
	done := logging.Waiting(ctx, s.log, "the four services to listen")
	defer done()
	var with, without error
	var group sync.WaitGroup
	group.Go(func() { with = s.openWith(ctx) })
	group.Go(func() { without = s.openWithout(ctx) })
	group.Wait()
	return errors.Join(with, without)
}

// openWith is payonce as it is usually run, but for two settings. The lease is short, so that the demo doesn't stand still for half a
// minute after the kill. And the recovery loop rests, so that it is always the customer's retry that finishes what the killed
// replica began; usually the first of the two does.
func (s *stage) openWith(ctx context.Context) error {
	url := s.postgres.URL()
	if err := migrations.Up(ctx, url); err != nil {
		return err
	}
	db, err := postgres.Open(url, postgres.Options{MaxConns: 1})
	if err != nil {
		return err
	}
	merchants := repository.NewMerchants(db.GORM())
	merchant, err := merchants.Create(ctx, "Demo")
	if err != nil {
		return errors.Join(err, db.Close())
	}
	_, apiKey, err := merchants.CreateKey(ctx, merchant.ID)
	if err := errors.Join(err, db.Close()); err != nil {
		return err
	}
	s.with = &side{
		protected: true, apiKey: apiKey, tenant: merchant.ID, merchant: models.FormatID(models.PrefixMerchant, merchant.ID),
	}
	return s.with.open(ctx, "serve", s.settings(url,
		"SECRET_KEY="+base64.StdEncoding.EncodeToString(random(32)), "RATE_LIMIT=off", "ADMIN_ADDR=127.0.0.1:0",
		"PROVIDER_TIMEOUT=1s", "COMPLETION_BUDGET=1s", "IDEMPOTENCY_LEASE=2s", "RECOVERY_INTERVAL=5m",
	))
}

func (s *stage) openWithout(ctx context.Context) error {
	db, err := postgres.Open(s.postgres.URL(), postgres.Options{MaxConns: 1})
	if err != nil {
		return err
	}
	_, err = db.SQL().ExecContext(ctx, "CREATE DATABASE "+naive.Database)
	if err := errors.Join(err, db.Close()); err != nil {
		return fmt.Errorf("make the plain service's database: %w", err)
	}
	url := s.postgres.DatabaseURL(naive.Database)
	if db, err = postgres.Open(url, postgres.Options{MaxConns: 1}); err != nil {
		return err
	}
	if err := errors.Join(naive.CreateTables(ctx, db.SQL()), db.Close()); err != nil {
		return err
	}
	s.without = &side{merchant: naive.Merchant}
	return s.without.open(ctx, "naive", s.settings(url))
}

// settings are the whole environment of a replica: nothing of the user's own reaches it.
func (s *stage) settings(databaseURL string, more ...string) []string {
	return append([]string{
		"ADDR=127.0.0.1:0", "DATA_DIR=" + s.folder.path, "DATABASE_URL=" + databaseURL, "REDIS_URL=" + s.redis.URL(),
		"PROVIDER_URL=" + s.provider.url, "PROVIDER_SECRET_KEY=sk_test_" + rand.Text(), "DB_MAX_CONNS=10",
		"LOG_LEVEL=warn", "LOG_FORMAT=json", "SHUTDOWN_DELAY=0s",
	}, more...)
}

func random(n int) []byte {
	bytes := make([]byte, n)
	_, _ = rand.Read(bytes) // never fails since Go 1.24
	return bytes
}

// flushRedis forgets everything, as a restart or a failover of Redis may. The client gives up after 100 ms, which a busy
// machine may take; to flush twice does no harm.
func (s *stage) flushRedis(ctx context.Context) error {
	var err error
	for range 10 {
		if err = s.cache.FlushAll(ctx).Err(); err == nil {
			return nil
		}
	}
	return fmt.Errorf("flush Redis: %w", err)
}

// close ends what was started, in the opposite order; the processes first, because they use all the rest.
func (s *stage) close() error {
	ctx, cancel := context.WithTimeout(context.Background(), closeLimit)
	defer cancel()
	for _, one := range []*side{s.without, s.with} {
		if one != nil {
			one.kill()
		}
	}
	var errs []error
	if s.provider != nil {
		errs = append(errs, s.provider.close())
	}
	if s.cache != nil {
		errs = append(errs, s.cache.Close())
	}
	if s.redis != nil {
		errs = append(errs, s.redis.Stop(ctx))
	}
	if s.postgres != nil {
		errs = append(errs, s.postgres.Kill()) // its data is thrown away: no checkpoint
	}
	if s.folder != nil {
		errs = append(errs, s.folder.remove())
	}
	return errors.Join(errs...)
}
