package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	goredis "github.com/redis/go-redis/v9"

	"github.com/payonce/payonce/idempotency"
	"github.com/payonce/payonce/idempotency/postgres"
	"github.com/payonce/payonce/idempotency/redis"
	"github.com/payonce/payonce/repository"
	"github.com/payonce/payonce/test/proxy"
)

// site is a database with a service on it and, if wanted, the baselines beside the service.
type site struct {
	stage    *stage
	database string
	redis    string // URL
	merchant uuid.UUID
	apiKey   string
	run      string // makes the keys of one site different from another's
	pass     string // makes first orders of one pass different from another's

	service, baseline *child
	sealed            *child   // as service, with SEAL_RESPONSES; nil: not wanted
	limited           *child   // as service, with a rate limit that refuses nothing here; nil: not wanted
	replicas          []*child // of the service, beside it
	own, ownAlone     *child   // a service of its own with payonce's middleware, with Redis and without; nil: not wanted
	fiber, dbos       *child   // services on other libraries; nil: not wanted
	others            bool     // they are wanted
	shop              *site    // another merchant of the service, with a webhook endpoint; nil: not wanted
	shopsReceiver     *receiver
	rows              *pgx.Conn
	client            goredis.UniversalClient
	gate              *redis.Cache
	watch             *postgres.PrimaryMonitor
	first             []byte // the body of a first order

	orders, records *stock
}

// stock is a row of things that are used up one after the other.
type stock struct{ made, used int }

func (s stock) left() int { return s.made - s.used }

// openSite starts a service on a database and a Redis of its own.
func (s *stage) openSite(ctx context.Context, run string, redisDB int, env map[string]string) (*site, error) {
	database, err := s.database(ctx)
	if err != nil {
		return nil, err
	}
	redisURL := strings.Replace(s.redis.URL(), "db=0", fmt.Sprintf("db=%d", redisDB), 1)
	t := &site{stage: s, database: database, redis: redisURL, run: run, orders: &stock{}, records: &stock{}}
	if err := t.openStores(ctx); err != nil {
		return nil, err
	}
	if err := t.makeMerchant(ctx); err != nil {
		return nil, err
	}
	t.service, err = s.child(ctx, "service", "payonce", nil, t.env(database, redisURL, env))
	return t, err
}

// openStores connects this process to the site's stores, to fill and to empty them.
func (t *site) openStores(ctx context.Context) (err error) {
	if t.rows, err = pgx.Connect(ctx, t.database); err != nil {
		return err
	}
	options, err := goredis.ParseURL(t.redis)
	if err != nil {
		return err
	}
	t.client = goredis.NewClient(options)
	db, err := postgres.Open(t.database, postgres.Options{MaxConns: 2})
	if err != nil {
		return err
	}
	t.watch = postgres.NewPrimaryMonitor(postgres.ReadPrimary(db.MonitorPool()), 0, quiet())
	if err := t.watch.Start(ctx); err != nil {
		return errors.Join(err, db.Close())
	}
	secret, err := decodeSecret()
	if err != nil {
		return err
	}
	t.gate = redis.NewCache(t.client, redis.Config{
		Secrets: [][]byte{secret}, Primary: t.watch, Log: quiet(), Limit: redis.Limit{Off: true},
	})
	t.stage.closers = append(t.stage.closers, func() error {
		t.gate.Close()
		t.watch.Close()
		return errors.Join(t.client.Close(), db.Close(), t.rows.Close(context.Background()))
	})
	return nil
}

func (t *site) makeMerchant(ctx context.Context) error {
	db, err := postgres.Open(t.database, postgres.Options{MaxConns: 2})
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	merchants := repository.NewMerchants(db.GORM())
	merchant, err := merchants.Create(ctx, "Benchmarks")
	if err != nil {
		return err
	}
	t.merchant = merchant.ID
	_, t.apiKey, err = merchants.CreateKey(ctx, merchant.ID)
	return err
}

// env is the service's and the baseline's environment: the defaults, but for what would refuse or disturb a benchmark.
func (t *site) env(database, redisURL string, more map[string]string) map[string]string {
	env := map[string]string{
		"ADDR": "127.0.0.1:0", "ADMIN_ADDR": "127.0.0.1:0", "DATA_DIR": filepath.Join(t.stage.folder, "service"),
		"DATABASE_URL": database, "REDIS_URL": redisURL, "SECRET_KEY": secretKey,
		"PROVIDER_URL": "http://" + t.stage.simulator.address, "PROVIDER_SECRET_KEY": providerKey,
		"RATE_LIMIT": "off", "CLEANUP_INTERVAL": "24h", "SHUTDOWN_DELAY": "0s", "WEBHOOK_ALLOW_LOOPBACK": "on",
	}
	for name, value := range more {
		env[name] = value
	}
	return env
}

// startBaseline starts the handlers without idempotency beside the service, with the same settings.
func (t *site) startBaseline(ctx context.Context) (err error) {
	t.baseline, err = t.stage.child(ctx, "baseline", "baseline", nil,
		t.env(t.database, t.redis, map[string]string{"BASELINE_BODY": string(t.first)}))
	return err
}

// startAll starts the baseline, a service that seals what it stores, one that limits rates, a merchant with a webhook endpoint, and
// services of other libraries.
func (t *site) startAll(ctx context.Context) (err error) {
	if err = t.startBaseline(ctx); err != nil {
		return err
	}
	t.sealed, err = t.stage.child(ctx, "sealing service", "payonce", nil, t.env(t.database, t.redis, map[string]string{"SEAL_RESPONSES": "on"}))
	if err != nil {
		return err
	}
	t.limited, err = t.stage.child(ctx, "limiting service", "payonce", nil, t.env(t.database, t.redis, map[string]string{"RATE_LIMIT": "1000000/s,burst=1000000"}))
	if err != nil {
		return err
	}
	if t.shop, t.shopsReceiver, err = t.openShop(ctx); err != nil {
		return err
	}
	for range 2 {
		replica, err := t.stage.child(ctx, "replica", "payonce", nil, t.env(t.database, t.redis, nil))
		if err != nil {
			return err
		}
		t.replicas = append(t.replicas, replica)
	}
	return t.startOwn(ctx)
}

// meters count the round trips of one service and one baseline.
type meters struct {
	postgres *proxy.Postgres
	redis    *proxy.Redis
}

// metered is a second service and baseline on the same stores, whose every word to them is counted.
func (t *site) metered(ctx context.Context) (_ *site, m meters, err error) {
	if m.postgres, err = proxy.NewPostgres(ctx, t.database); err != nil {
		return nil, m, err
	}
	t.stage.closers = append(t.stage.closers, func() error { m.postgres.Close(); return nil })
	if m.redis, err = proxy.NewRedis(ctx, t.redis); err != nil {
		return nil, m, err
	}
	t.stage.closers = append(t.stage.closers, func() error { m.redis.Close(); return nil })
	env := t.env(m.postgres.URL(), m.redis.URL(), map[string]string{
		"RECOVERY_INTERVAL": "1m", "BASELINE_BODY": string(t.first),
	})
	copied := *t
	copied.pass, copied.replicas, copied.sealed, copied.own, copied.ownAlone, copied.fiber, copied.dbos, copied.shop, copied.limited = "counted", nil, nil, nil, nil, nil, nil, nil, nil
	if copied.service, err = t.stage.child(ctx, "metered service", "payonce", nil, env); err != nil {
		return nil, m, err
	}
	copied.baseline, err = t.stage.child(ctx, "metered baseline", "baseline", nil, env)
	return &copied, m, err
}

// expires is when prepared records stop to be replayed: long after the run.
const expires = 24 * time.Hour

// record is the i-th prepared record as the engine knows it.
func (t *site) record(i int, at time.Time, timeline uint32) *idempotency.Record {
	return &idempotency.Record{
		Tenant: idempotency.Tenant(t.merchant), KeyHash: t.recordKey(i).Hash(), Fingerprint: orderFingerprint(),
		Method: "POST", Path: ordersPath, State: idempotency.Completed, Fence: 1, ExpiresAt: at.Add(expires), Timeline: timeline,
		Resource: idempotency.Resource{Type: "order", ID: orderID(i)},
		Response: &idempotency.Response{Status: 201, Headers: storedHeaders(), Body: t.first, Resource: idempotency.Resource{Type: "order", ID: orderID(i)}},
	}
}
