package faults

import (
	"cmp"
	"context"
	"crypto/sha256"
	"database/sql"
	"errors"
	"maps"
	"sync"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver of world.db

	"github.com/google/uuid"

	"github.com/payonce/payonce/idempotency"
	"github.com/payonce/payonce/test/check"
	"github.com/payonce/payonce/test/proxy"
	"github.com/payonce/payonce/test/service"
	"github.com/payonce/payonce/test/stores"
)

// slack is far above what anything here may take, so that only what never happens fails.
const slack = time.Minute

// world is a service that is harmed, one that survives, and everything around them.
type world struct {
	t        *testing.T
	harmed   *service.Service // reaches everything through the proxies; its steps can be held
	survivor *service.Service // reaches everything directly, and is the one that recovers and cleans up
	provider *service.Simulator
	db       *sql.DB
	released time.Time       // what was held; zero before
	client   *service.Client // one merchant at the harmed service
	other    *service.Client // the same at the survivor

	toPostgres *proxy.Postgres
	toRedis    *proxy.Redis
	toProvider *proxy.HTTP
	toHarmed   *proxy.HTTP // for clients that want to be cut off

	ready   func() // called when what is to be paid is there, and before anything is held
	history *history
	except  []check.Rule // that can't hold here
}

// history is what clients were told.
type history struct {
	mu     sync.Mutex
	events []check.Event
}

func (h *history) record(e check.Event) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.events = append(h.events, e)
}

// options say how a world differs from the usual one.
type options struct {
	database   string            // empty: one on the shared server
	observer   string            // the database's address for the test itself; empty: the same
	redis      string            // empty: one in the process
	otherRedis string            // of the survivor; empty: the same
	env        map[string]string // of both services
	survivor   map[string]string // on top, of the survivor
	harmed     map[string]string // on top, of the harmed one
	build      []string          // of the services; empty: with failpoints
	other      []string          // of the harmed one, where it is another build
}

// settings leave time to hold something at every step, and let leases end soon enough to wait for them.
func settings(more ...string) map[string]string {
	env := map[string]string{
		"PROVIDER_TIMEOUT": "4s", "COMPLETION_BUDGET": "4s", "IDEMPOTENCY_LEASE": "8s", "PROVIDER_SETTLE": "200ms",
		"RECOVERY_INTERVAL": "5m", "DB_MAX_CONNS": "16",
	}
	for i := 0; i+1 < len(more); i += 2 {
		env[more[i]] = more[i+1]
	}
	return env
}

// unhurried is for tests that don't wait for a lease to end: on a busy machine none does by itself, either.
func unhurried(more ...string) map[string]string {
	return settings(append([]string{"PROVIDER_TIMEOUT", "20s", "COMPLETION_BUDGET", "20s", "IDEMPOTENCY_LEASE", "1m"}, more...)...)
}

// open starts a world; at the end of the test everything in it is checked.
func open(t *testing.T, opt options) *world {
	t.Helper()
	w := &world{t: t, history: &history{}}
	if opt.database == "" {
		opt.database = stores.Database(t)
	}
	if opt.redis == "" {
		opt.redis = stores.Redis(t)
	}
	if opt.otherRedis == "" {
		opt.otherRedis = opt.redis
	}
	if opt.env == nil {
		opt.env = settings()
	}
	if opt.build == nil {
		opt.build = service.Failpoints()
	}
	if opt.other == nil {
		opt.other = opt.build
	}
	// Only the survivor recovers: recovery passes steps as well, and must not be held in place of a request.
	env := maps.Clone(opt.env)
	env["RECOVERY_INTERVAL"] = "100ms"
	maps.Copy(env, opt.survivor)
	w.survivor = service.Start(t, service.Options{
		DatabaseURL: opt.database, RedisURL: opt.otherRedis, Env: env, Build: opt.build,
	})
	w.provider = w.survivor.Simulator
	w.proxies(opt)
	env = maps.Clone(opt.env)
	maps.Copy(env, opt.harmed)
	w.harmed = service.Start(t, service.Options{
		DatabaseURL: w.toPostgres.URL(), RedisURL: w.toRedis.URL(), ProviderURL: w.toProvider.URL(), Env: env, Build: opt.other,
	})
	var err error
	if w.toHarmed, err = proxy.NewHTTP(context.Background(), w.harmed.URL()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.toHarmed.Close)
	w.other = w.newMerchant()
	w.client = w.other.At(w.harmed)
	db, err := sql.Open("pgx", cmp.Or(opt.observer, opt.database))
	if err != nil {
		t.Fatal(err)
	}
	w.db = db
	t.Cleanup(func() {
		if !t.Failed() {
			w.check(opt.otherRedis)
		}
		_ = db.Close()
	})
	return w
}

func (w *world) proxies(opt options) {
	w.t.Helper()
	ctx := context.Background() // they end with Close
	var errs [3]error
	w.toPostgres, errs[0] = proxy.NewPostgres(ctx, opt.database)
	w.toRedis, errs[1] = proxy.NewRedis(ctx, opt.redis)
	w.toProvider, errs[2] = proxy.NewHTTP(ctx, w.provider.URL())
	if err := errors.Join(errs[:]...); err != nil {
		w.t.Fatal(err)
	}
	for _, close := range []func(){w.toPostgres.Close, w.toRedis.Close, w.toProvider.Close} {
		w.t.Cleanup(close)
	}
}

// arrive delivers what is on its way between processes.
func (w *world) arrive() {
	w.provider.Release()
	w.toPostgres.Disarm()
	w.toRedis.Disarm()
	w.toProvider.Disarm()
}

// release lets go of everything that is held.
func (w *world) release() {
	w.t.Helper()
	w.released = time.Now()
	w.arrive()
	for _, at := range idempotency.Steps() {
		w.harmed.ReleaseStep(at)
	}
}

// newMerchant is a client at the survivor; what it is told is written down, here and at the other service.
func (w *world) newMerchant() *service.Client {
	w.t.Helper()
	return w.survivor.NewMerchant().Recorded(w.history.record)
}

// at is the world as one of its subtests sees it.
func (w *world) at(t *testing.T) *world {
	return &world{
		t: t, harmed: w.harmed, survivor: w.survivor, provider: w.provider, db: w.db, client: w.client, other: w.other,
		toPostgres: w.toPostgres, toRedis: w.toRedis, toProvider: w.toProvider, toHarmed: w.toHarmed, history: w.history,
	}
}

// newOrder makes an order at the survivor, however busy the machine is.
func (w *world) newOrder() string {
	w.t.Helper()
	key := newKey()
	return service.Insist(w.t, "an order is made", func() service.Response { return w.order(key) }).Field("id")
}

// pay pays at the survivor, and order makes an order there.
func (w *world) pay(order, method, key string, headers ...string) service.Response {
	return w.other.Pay(order, method, key, headers...)
}

func (w *world) order(key string, headers ...string) service.Response {
	return w.other.Post("/v1/orders", key, service.OrderBody, headers...)
}

// outcome tells whether an answer spends its key.
func outcome(resp service.Response) bool {
	return resp.Err == nil && idempotency.Storable(resp.Status)
}

// number reads one number from the database.
func (w *world) number(query string, args ...any) (n int64) {
	w.t.Helper()
	if err := w.db.QueryRowContext(context.Background(), query, args...).Scan(&n); err != nil {
		w.t.Errorf("%s: %v", query, err)
	}
	return n
}

// newKey is an Idempotency-Key, and hashOf what Postgres knows it by.
func newKey() string { return uuid.NewString() }

func hashOf(key string) []byte {
	sum := sha256.Sum256([]byte(key))
	return sum[:]
}
