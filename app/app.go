package app

import (
	"context"
	"crypto/hkdf"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"time"

	"github.com/payonce/payonce/config"
	"github.com/payonce/payonce/cursor"
	"github.com/payonce/payonce/handlers"
	"github.com/payonce/payonce/idempotency"
	"github.com/payonce/payonce/metrics"
	"github.com/payonce/payonce/middleware"
	"github.com/payonce/payonce/models"
	"github.com/payonce/payonce/operations"
	"github.com/payonce/payonce/repository"
)

// App is a wired service. main.go takes from it what its routes need.
type App struct {
	Config  config.Config
	Log     *slog.Logger
	Metrics *metrics.Metrics
	Fail    middleware.Fail
	Keys    middleware.Keys
	Gate    *repository.RedisGate
	Limiter Limiter
	Engine  *idempotency.Engine[*repository.Unit]

	Orders   *handlers.Orders
	Payments *handlers.Payments
	Events   *handlers.Events
	Balances *handlers.Balances
	KeyState *handlers.Keys
	Health   *handlers.Health

	failpoints failpoints
	stores     *stores
	payer      *payer
	db         *repository.Database
	redis      repository.RedisClient
	watch      *repository.Watch
	store      *repository.Idempotency
	operations *operations.Payments
	attempts   *repository.Attempts
	background sync.WaitGroup
	nudges     chan struct{}
}

// memoryBytes bounds L1.
const memoryBytes = 16 << 20

// Open finds the stores and wires everything. What it opened it closes again when something fails. A store that has to
// be downloaded first is announced to out.
func Open(ctx context.Context, cfg config.Config, log *slog.Logger, out io.Writer) (_ *App, err error) {
	a := &App{Config: cfg, Log: log, Metrics: metrics.New(), nudges: make(chan struct{}, 16)}
	defer func() {
		if err != nil {
			err = errors.Join(err, a.Close())
		}
	}()
	if a.stores, err = openStores(ctx, cfg, log, out); err != nil {
		return nil, err
	}
	if a.payer, err = openPayer(ctx, cfg, a.Metrics, log); err != nil {
		return nil, err
	}
	if err = a.openDatabase(ctx); err != nil {
		return nil, err
	}
	if err = a.openGate(); err != nil {
		return nil, err
	}
	if err = a.wire(); err != nil {
		return nil, err
	}
	return a, nil
}

func (a *App) openDatabase(ctx context.Context) (err error) {
	a.db, err = repository.Open(a.stores.postgres, repository.Options{
		MaxConns: a.Config.DBMaxConns, ExecMode: a.Config.DBExecMode, Log: a.Log,
	})
	if err != nil {
		return err
	}
	a.watch = repository.NewWatch(repository.LookAtPostgres(a.db.Watching()), 0, a.Log)
	return a.watch.Start(ctx)
}

func (a *App) openGate() (err error) {
	if a.redis, err = repository.OpenRedis(a.stores.redis, a.Log); err != nil {
		return fmt.Errorf("REDIS_URL: %w", err)
	}
	rate := a.Config.RateLimit
	a.Gate = repository.NewRedisGate(a.redis, repository.GateConfig{
		Secrets: a.stores.secrets, Authority: a.watch, Log: a.Log, Observe: a.Metrics,
		Limit: repository.Limit{Requests: rate.Requests, Per: rate.Per, Burst: rate.Burst, Off: rate.Off},
	})
	a.Gate.Warm()
	a.Limiter = Limiter{a.Gate}
	a.Metrics.Pools(a.db.Stats, a.Gate.Pool)
	return nil
}

// wire makes the engine, the operations and the handlers.
func (a *App) wire() error {
	cfg := a.Config
	memory, err := repository.NewMemory(memoryBytes, a.watch)
	if err != nil {
		return err
	}
	a.store = repository.NewIdempotency(a.db, a.watch, repository.Retention{
		Lease: cfg.IdempotencyLease, Replay: cfg.IdempotencyRetention, Tombstones: cfg.IdempotencyTombstoneRetention,
	})
	a.attempts = repository.NewAttempts(a.db, cfg.IdempotencyLease)
	a.operations = operations.NewPayments(a.payer, a.db, a.attempts, operations.Schedule{
		Settle: cfg.ProviderSettle, ResendAge: meant(cfg.ResendMaxAge),
	}, a.Log)
	a.Engine = idempotency.New(a.store, a.operations, idempotency.Options{
		Lease: cfg.IdempotencyLease, CompletionBudget: cfg.CompletionBudget, MaxWait: meant(cfg.MaxWait),
		Gate: a.Gate, Memory: memory, Observer: a.failpoints.observe(a.Metrics), Log: a.Log,
	})
	a.Fail = middleware.Problems(handlers.Problem)
	a.Keys = keys{repository.NewAuthenticator(repository.NewMerchants(a.db.GORM()), a.watch)}
	cursors, err := a.cursors()
	if err != nil {
		return err
	}
	orders, payments, events := repository.NewOrders(a.db), repository.NewPayments(a.db), repository.NewEvents(a.db)
	a.Orders = handlers.NewOrders(orders, events, cursors)
	a.Payments = handlers.NewPayments(a.operations, payments, cursors, a.nudge)
	a.Events = handlers.NewEvents(events, cursors)
	a.Balances = handlers.NewBalances(repository.NewLedger(a.db))
	a.KeyState = handlers.NewKeys(repository.NewKeys(a.db))
	a.Health = handlers.NewHealth(a.db.Ready, func(ctx context.Context) error { return a.redis.Ping(ctx).Err() })
	return nil
}

// meant keeps a setting of 0, which forbids something, from being taken for a field that was left out and has a default.
func meant(setting time.Duration) time.Duration { return max(setting, time.Nanosecond) }

// cursors are signed with a key of their own, derived from each root (HKDF, RFC 5869).
func (a *App) cursors() (*cursor.Codec, error) {
	derived := make([][]byte, 0, len(a.stores.secrets))
	for _, secret := range a.stores.secrets {
		key, err := hkdf.Key(sha256.New, secret, nil, "payonce cursor 1", sha256.Size)
		if err != nil {
			return nil, fmt.Errorf("derive the cursors' key: %w", err)
		}
		derived = append(derived, key)
	}
	return cursor.New(derived[0], derived[1:]...), nil
}

// nudge asks for a check of an unsettled payment without making its reader wait. When many are asked for at once, some
// are left to the recovery, which checks them anyway.
func (a *App) nudge(ctx context.Context, p *models.Payment) {
	select {
	case a.nudges <- struct{}{}:
	default:
		return
	}
	a.background.Go(func() {
		defer func() { <-a.nudges }()
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		if err := a.operations.Nudge(ctx, p); err != nil {
			a.Log.DebugContext(ctx, "check not asked for", "error", err)
		}
	})
}

// Close takes down what Open made, in the opposite order.
func (a *App) Close() error {
	a.background.Wait()
	var errs []error
	if a.Gate != nil {
		a.Gate.Close()
	}
	if a.redis != nil {
		errs = append(errs, a.redis.Close())
	}
	if a.watch != nil {
		a.watch.Close()
	}
	if a.db != nil {
		errs = append(errs, a.db.Close())
	}
	if a.payer != nil {
		errs = append(errs, a.payer.close())
	}
	if a.stores != nil {
		errs = append(errs, a.stores.close())
	}
	return errors.Join(errs...)
}

// keys adapts the authenticator to the middleware.
type keys struct{ *repository.Authenticator }

func (k keys) Authenticate(ctx context.Context, token string, mayAsk func() error) (middleware.Identity, error) {
	merchant, id, err := k.Check(ctx, token, mayAsk)
	if errors.Is(err, repository.ErrUnknownKey) {
		return middleware.Identity{}, middleware.ErrUnauthorized
	}
	return middleware.Identity{Merchant: merchant, KeyID: id}, err
}

// Limiter is the gate as the rate limit's middleware sees it.
type Limiter struct{ gate *repository.RedisGate }

// Allow counts against the rate that all replicas share.
func (l Limiter) Allow(ctx context.Context, limiter string) idempotency.Admission {
	return l.gate.Allow(ctx, limiter)
}

// Admit counts inside the process.
func (l Limiter) Admit(limiter string) idempotency.Admission { return l.gate.Admit(limiter) }

// Peek looks without counting, inside the process.
func (l Limiter) Peek(limiter string) idempotency.Admission { return l.gate.Local().Peek(limiter) }
