package app

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/payonce/payonce/handlers"
	"github.com/payonce/payonce/idempotency"
	"github.com/payonce/payonce/idempotency/postgres"
	"github.com/payonce/payonce/internal/demopage"
	"github.com/payonce/payonce/internal/naive"
	"github.com/payonce/payonce/middleware"
	"github.com/payonce/payonce/models"
	"github.com/payonce/payonce/provider"
)

const (
	// demoLease is as short as a slow provider lets it be: what a crash leaves is taken over while one watches.
	demoLease  = 4 * time.Second
	demoBudget = time.Second

	plainConns = 6
	// plainKey is the plain service's account at the simulator inside.
	plainKey = "sk_test_simulator_plain"
	// noBreaker: a browser that hangs up ends the plain service's call, and some such visitors are no sign that the provider is away.
	noBreaker = 1_000_000
)

// demoPage is what the demo page needs of a service; where there is no page, only the key may be there.
type demoPage struct {
	key      string // the demo merchant's API key, once it was asked for
	watch    *demopage.Watch
	database *postgres.Database // the plain service's, once it was asked for
	charger  *provider.Client
}

// watchDemo lets the page see what the engine does.
func (a *App) watchDemo() {
	if a.Config.Demo == "on" {
		a.demo.watch = demopage.NewWatch()
	}
}

// openDemo makes the demo page, with an engine of its own over the service's stores (see package demopage).
func (a *App) openDemo(ctx context.Context) error {
	if a.demo.watch == nil {
		return nil
	}
	key, err := a.demoKey(ctx)
	if err != nil {
		return err
	}
	merchant, err := a.APIKeys.Authenticate(ctx, key, func() error { return nil })
	if err != nil {
		return fmt.Errorf("use the demo key: %w", err)
	}
	cfg := a.Config
	engine := idempotency.New(a.newStore(demoLease), a.operations, idempotency.Options{
		Lease: demoLease, CompletionBudget: demoBudget, MaxWait: cfg.MaxWait, FastPath: a.demo.watch.LookUps(a.cache),
		Observer: a.demo.watch.Observe(a.observer), Log: a.Log,
	})
	a.Demo = demopage.New(a.demo.watch, demopage.Config{
		Merchant:    merchant,
		Idempotency: a.OncePerKey(engine), Orders: a.Orders.Create, Payments: a.Payments.Create, Plain: a.openPlain, Book: demoBook{a, merchant},
		FlushRedis: a.flushRedis, Strangers: a.Limiter, Fail: handlers.Fail, NotFound: handlers.NoRoute, MaxBody: cfg.MaxBodyBytes,
	})
	return nil
}

// ShowsDemo reports whether the demo page is there for the one who asks.
func (a *App) ShowsDemo(r *http.Request) bool { return a.Demo != nil && a.Demo.Shown(r) }

// openPlain gives the plain service a database of its own beside the service's, and an account of its own at the provider. What was
// opened stays open when the rest fails: it is asked for again then, and used.
func (a *App) openPlain(ctx context.Context) (cfg naive.Config, err error) {
	if a.demo.database == nil {
		if err := a.makePlainDatabase(ctx); err != nil {
			return cfg, err
		}
		a.demo.database, err = postgres.Open(a.stores.ownPostgres.DatabaseURL(naive.Database), postgres.Options{MaxConns: plainConns, Log: a.Log})
		if err != nil {
			return cfg, err
		}
	}
	if err := naive.CreateTables(ctx, a.demo.database.SQL()); err != nil {
		return cfg, err
	}
	if a.demo.charger == nil {
		a.demo.charger, err = provider.New(provider.Config{
			URL: a.provider.url, SecretKey: plainKey, Timeout: a.Config.ProviderTimeout, Log: a.Log,
			BreakerFailures: noBreaker,
		})
	}
	return naive.Config{DB: a.demo.database.SQL(), Redis: a.redis, Provider: a.demo.charger}, err
}

func (a *App) makePlainDatabase(ctx context.Context) error {
	var there bool
	err := a.db.SQL().QueryRowContext(ctx, `SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)`, naive.Database).Scan(&there)
	if err == nil && !there {
		_, err = a.db.SQL().ExecContext(ctx, "CREATE DATABASE "+naive.Database)
	}
	if err != nil {
		return fmt.Errorf("make the plain service's database: %w", err)
	}
	return nil
}

// flushRedis forgets everything. The client gives up after 100 ms, which a busy machine may take; to flush twice does no harm.
func (a *App) flushRedis(ctx context.Context) (err error) {
	for range 10 {
		if err = a.redis.FlushAll(ctx).Err(); err == nil {
			return nil
		}
	}
	return fmt.Errorf("%w: flush Redis: %w", idempotency.ErrUnavailable, err)
}

// closeDemo takes down what the page has opened.
func (a *App) closeDemo() error {
	a.demo.watch.Close()
	if a.demo.charger != nil {
		a.demo.charger.Close()
	}
	if a.demo.database == nil {
		return nil
	}
	return a.demo.database.Close()
}

// endDemoStreams closes the page's streams when a server is shut down: they would never end by themselves.
func (a *App) endDemoStreams(server *http.Server) *http.Server {
	server.RegisterOnShutdown(a.demo.watch.Close)
	return server
}

// demoBook is the book of the simulator inside, and whose payments stand in it.
type demoBook struct {
	app      *App
	merchant middleware.Identity
}

// Since implements [demopage.Book].
func (b demoBook) Since(began time.Time) (charges []demopage.Charge) {
	for _, c := range b.app.provider.simulator.Since(began) {
		charges = append(charges, demopage.Charge{Payment: c.PaymentID, Merchant: c.MerchantID})
	}
	return charges
}

// OrderOf implements [demopage.Book].
func (b demoBook) OrderOf(ctx context.Context, payment string) (string, error) {
	id, err := models.ParseID(models.PrefixPayment, payment)
	if err != nil {
		return "", fmt.Errorf("%w: %w", demopage.ErrNoPayment, err)
	}
	found, err := b.app.payments.Get(ctx, b.merchant.Merchant, id)
	if errors.Is(err, postgres.ErrNotFound) {
		return "", demopage.ErrNoPayment
	}
	if err != nil {
		return "", err
	}
	return models.FormatID(models.PrefixOrder, found.OrderID), nil
}
