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

	"github.com/payonce/payonce/handlers"
	"github.com/payonce/payonce/idempotency"
	"github.com/payonce/payonce/idempotency/postgres"
	"github.com/payonce/payonce/idempotency/redis"
	"github.com/payonce/payonce/idempotency/seal"
	"github.com/payonce/payonce/internal/archive"
	"github.com/payonce/payonce/internal/config"
	"github.com/payonce/payonce/internal/cursor"
	"github.com/payonce/payonce/internal/demopage"
	"github.com/payonce/payonce/internal/inbox"
	"github.com/payonce/payonce/internal/metrics"
	"github.com/payonce/payonce/internal/reconcile"
	"github.com/payonce/payonce/internal/tracing"
	"github.com/payonce/payonce/middleware"
	"github.com/payonce/payonce/operations"
	"github.com/payonce/payonce/repository"
)

// App is a wired service. routes.go takes from it what its routes need.
type App struct {
	Config  config.Config
	Log     *slog.Logger
	Metrics *metrics.Metrics
	Tracing *tracing.Tracing // nil: off
	APIKeys middleware.APIKeys
	Limiter Limiter
	Engine  *idempotency.Engine[*postgres.Tx]

	Orders           *handlers.Orders
	Payments         *handlers.Payments
	Captures         *handlers.Captures
	Refunds          *handlers.Refunds
	Events           *handlers.Events
	Ledger           *handlers.Ledger
	Discrepancies    *handlers.Discrepancies
	IdempotencyKeys  *handlers.IdempotencyKeys
	WebhookEndpoints *handlers.WebhookEndpoints
	ProviderWebhooks *handlers.ProviderWebhooks
	Health           *handlers.Health
	Demo             *demopage.Page // nil: there is none

	observer      observer
	demo          demoPage
	failpoints    failpoints
	stores        *stores
	provider      *paymentProvider
	db            *postgres.Database
	redis         redis.Client
	cache         *redis.Cache
	primary       *postgres.PrimaryMonitor
	store         *postgres.Store
	archive       *archive.Tombstones // nil: old tombstones are deleted
	operations    *operations.Driver
	authenticator *repository.Authenticator
	attempts      *repository.Attempts
	payments      *repository.Payments
	events        *repository.Events
	positions     *cursor.Sealer
	discrepancies *repository.Discrepancies
	undos         *repository.Undos
	stuck         *postgres.StuckSessions
	webhooks      *webhooks
	responses     *seal.Box
	background    sync.WaitGroup
	checks        chan struct{}
	inbox         *inbox.Inbox
	dueChecks     chan struct{} // wakes the checks
	dueEvents     chan struct{} // wakes the work on the provider's events
}

// Open finds the stores and wires everything. What it opened it closes again when something fails. A store that has to
// be downloaded first is announced to out.
func Open(ctx context.Context, cfg config.Config, log *slog.Logger, out io.Writer) (_ *App, err error) {
	a := &App{Config: cfg, Metrics: metrics.New(), checks: make(chan struct{}, 16), dueChecks: make(chan struct{}, 1), dueEvents: make(chan struct{}, 1)}
	defer func() {
		if err != nil {
			err = errors.Join(err, a.Close())
		}
	}()
	if err = a.openTracing(ctx, cfg, log); err != nil {
		return nil, err
	}
	log = a.Log
	if cfg.DataDir, err = useFolder(cfg); err != nil {
		return nil, err
	}
	a.Config.DataDir = cfg.DataDir
	if a.stores, err = openStores(ctx, cfg, log, out); err != nil {
		return nil, err
	}
	if a.provider, err = openProvider(ctx, cfg, a.Metrics.Provider, a.observer, a.traceparent(), log); err != nil {
		return nil, err
	}
	if a.responses, err = seal.New("responses", a.stores.secrets); err != nil {
		return nil, fmt.Errorf("SECRET_KEY: %w", err)
	}
	if err = a.openDatabase(ctx); err != nil {
		return nil, err
	}
	if err = a.openCache(ctx); err != nil {
		return nil, err
	}
	if err = a.openEvents(ctx); err != nil {
		return nil, err
	}
	if err = a.wire(); err != nil {
		return nil, err
	}
	if err = a.openDemo(ctx); err != nil {
		return nil, err
	}
	return a, nil
}

func (a *App) openDatabase(ctx context.Context) (err error) {
	mode, err := fitMode(ctx, a.Config, a.stores.postgres, a.Log)
	if err != nil {
		return err
	}
	a.db, err = postgres.Open(a.stores.postgres, postgres.Options{
		MaxConns: a.Config.DBMaxConns, ExecMode: mode, Log: a.Log, ReadURL: string(a.Config.DatabaseReadURL), Trace: a.roundTrips(),
	})
	if err != nil {
		return err
	}
	a.primary = postgres.NewPrimaryMonitor(postgres.ReadPrimary(a.db.MonitorPool(), repository.RevokedAPIKeys), 0, a.Log)
	return a.primary.Start(ctx)
}

func (a *App) openCache(ctx context.Context) (err error) {
	if a.redis, err = redis.Open(a.stores.redis, a.Log); err != nil {
		return fmt.Errorf("REDIS_URL: %w", err)
	}
	var sealer redis.Sealer // of none: a nil *seal.Box in it would be one
	if a.Config.SealResponses == "on" {
		sealer = a.responses
	}
	a.cache = redis.NewCache(a.redis, redis.Config{
		Sealer:  sealer,
		Secrets: a.stores.secrets, Primary: a.primary, Log: a.Log, Observe: a.observer,
		Limit: redis.Limit(a.Config.RateLimit), // the same fields: one that is added to either is added to both
	})
	a.cache.Warm()
	a.cache.Watch(ctx)
	a.Limiter = Limiter{a.cache}
	a.Metrics.Pools(a.db.Stats, a.cache.Pool)
	a.Metrics.Breaker("redis", a.cache.Breaker)
	a.Metrics.Breaker("provider", a.provider.Breaker)
	return nil
}

// openEvents makes sure that events go on in order, before the first one is written.
func (a *App) openEvents(ctx context.Context) error {
	a.events = repository.NewEvents(a.db)
	key, err := a.events.OpenLog(ctx)
	if err != nil {
		return err
	}
	a.positions, err = cursor.NewSealer(key[:])
	return err
}

// wire makes the engine, the operations and the handlers.
func (a *App) wire() error {
	cfg := a.Config
	a.store = a.newStore(cfg.IdempotencyLease)
	a.openArchive()
	a.watchDemo()
	a.stuck = postgres.NewStuckSessions(a.db, a.Log)
	a.attempts = repository.NewAttempts(a.db, cfg.IdempotencyLease)
	a.operations = operations.New(a.provider, a.provider.Account(), a.db, a.attempts, operations.Schedule{
		First: firstCheck, RecheckDelay: cfg.ProviderSettle, ResendAge: cfg.ResendMaxAge, ActionTimeout: cfg.ActionTimeout,
	}, operations.Reports{Observer: a.Metrics, Tracer: a.observer, Log: a.Log})
	a.Engine = idempotency.New(a.store, a.demo.watch.Resumer(a.operations), idempotency.Options{
		Lease: cfg.IdempotencyLease, CompletionBudget: cfg.CompletionBudget, MaxWait: cfg.MaxWait, // 0: routes.go lets none wait
		FastPath: a.cache, LocalCache: idempotency.NewLocalCache(0, a.primary), Observer: a.failpoints.observe(a.demo.watch.Observe(a.observer)), Log: a.Log,
	})
	a.authenticator = repository.NewAuthenticator(repository.NewMerchants(a.db.GORM()), a.primary)
	a.APIKeys = apiKeys{a.authenticator}
	cursors, err := a.cursors()
	if err != nil {
		return err
	}
	a.payments = repository.NewPayments(a.db)
	orders, payments := repository.NewOrders(a.db), a.payments
	a.Orders = handlers.NewOrders(orders, payments, cursors)
	a.Payments = handlers.NewPayments(a.operations, payments, a.attempts, cursors, a.requestCheck, handlers.ReturnURLs{
		Loopback: a.Config.ProviderSimulated(),
	})
	a.Captures = handlers.NewCaptures(a.operations, payments, repository.NewCaptures(a.db), cursors)
	a.Refunds = handlers.NewRefunds(a.operations, payments, repository.NewRefunds(a.db), cursors, a.requestCheck)
	a.Events = handlers.NewEvents(a.events, cursors, a.positions)
	a.Ledger = handlers.NewLedger(repository.NewLedger(a.db), cursors)
	a.discrepancies, a.undos = repository.NewDiscrepancies(a.db), repository.NewUndos(a.db)
	a.Discrepancies = handlers.NewDiscrepancies(a.discrepancies, cursors)
	a.IdempotencyKeys = handlers.NewIdempotencyKeys(repository.NewIdempotencyKeys(a.db), a.store, a.operations, a.Orders, payments)
	if err := a.wireWebhooks(cursors); err != nil {
		return err
	}
	a.inbox = inbox.New(inbox.Config{
		Parser: a.provider.Client, Secrets: a.provider.webhookSecrets, Events: repository.NewProviderEvents(a.db),
		Objects: reconcile.NewObjects(a.provider.Client, reconcile.Rows{
			Booked: repository.NewReconciliation(a.db), Merchants: repository.NewMerchants(a.db.GORM()), Discrepancies: a.discrepancies,
		}),
		Now: time.Now, Woken: a.notified, Log: a.Log,
	})
	a.ProviderWebhooks = handlers.NewProviderWebhooks(a.inbox, a.Limiter)
	a.Health = a.health()
	return nil
}

// health asks the stores.
func (a *App) health() *handlers.Health {
	return handlers.NewHealth(
		func(ctx context.Context) (time.Time, error) { err := a.db.Ready(ctx); return a.primary.LastSeen(), err },
		func(ctx context.Context) (time.Time, error) {
			err := a.cache.Usable(ctx)
			return a.cache.AwaySince(), err
		},
	)
}

// newStore is the engine's store, with leases of this length.
func (a *App) newStore(lease time.Duration) *postgres.Store {
	return postgres.NewStore(a.db, a.primary, postgres.StoreOptions{
		Lease: lease, Replay: a.Config.IdempotencyRetention, Tombstones: a.Config.IdempotencyTombstoneRetention,
		Sealer: a.responses, SealAll: a.Config.SealResponses == "on",
	})
}

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

// Close takes down what Open made, in the opposite order.
func (a *App) Close() error {
	a.background.Wait()
	errs := []error{a.closeArchive(), a.closeDemo()}
	if a.cache != nil {
		a.cache.Close()
	}
	if a.redis != nil {
		errs = append(errs, a.redis.Close())
	}
	if a.primary != nil {
		a.primary.Close()
	}
	if a.db != nil {
		errs = append(errs, a.db.Close())
	}
	if a.provider != nil {
		errs = append(errs, a.provider.close())
	}
	if a.stores != nil {
		errs = append(errs, a.stores.close())
	}
	if a.Tracing != nil {
		errs = append(errs, a.Tracing.Close())
	}
	return errors.Join(errs...)
}
