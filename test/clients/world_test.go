package clients

import (
	"context"
	"database/sql"
	"fmt"
	"maps"
	"math/rand/v2"
	"path/filepath"
	"sync"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver of world.db
	"github.com/redis/go-redis/v9"

	"github.com/payonce/payonce/test/check"
	"github.com/payonce/payonce/test/proxy"
	"github.com/payonce/payonce/test/service"
	"github.com/payonce/payonce/test/stores"
)

// world is two replicas behind one door, and all that the judge reads.
type world struct {
	t        *testing.T
	provider *service.Simulator
	call     *proxy.HTTP // between the replicas and the provider
	replicas [2]*replica
	door     *proxy.HTTP
	db       *sql.DB
	cache    *redis.Client
	merchant string
	apiKey   string

	mu      sync.Mutex
	dead    [2]bool
	history []check.Event
	faults  []check.Fault
	struck  map[string]int
}

type replica struct {
	*service.Service
	postgres *proxy.Postgres
}

// open starts a world. more are settings of the replicas, on top of those that let leases end soon.
func open(t *testing.T, more map[string]string) *world {
	t.Helper()
	w := &world{t: t, provider: service.StartSimulator(t), struck: map[string]int{}}
	database, cache := stores.Database(t), stores.Redis(t)
	var err error
	w.call, err = proxy.NewHTTP(context.Background(), w.provider.URL()) // not the test's context: the replicas end after it
	w.must(err)
	t.Cleanup(w.call.Close)
	for i := range w.replicas {
		r := &replica{}
		r.postgres, err = proxy.NewPostgres(context.Background(), database)
		w.must(err)
		t.Cleanup(r.postgres.Close)
		env := map[string]string{
			"PROVIDER_TIMEOUT": "1s", "COMPLETION_BUDGET": "1s", "IDEMPOTENCY_LEASE": "2s", "RECOVERY_INTERVAL": "100ms",
			"PROVIDER_SETTLE": "200ms", "LOG_LEVEL": "info",
		}
		maps.Copy(env, more)
		r.Service = service.Start(t, service.Options{
			DatabaseURL: r.postgres.URL(), RedisURL: cache, ProviderURL: w.call.URL(),
			LogFile: filepath.Join(t.TempDir(), "replica.log"), Env: env,
		})
		w.replicas[i] = r
	}
	w.door, err = proxy.NewHTTP(context.Background(), w.replicas[0].URL())
	w.must(err)
	t.Cleanup(w.door.Close)
	w.db, err = sql.Open("pgx", database)
	w.must(err)
	t.Cleanup(func() { _ = w.db.Close() })
	options, err := redis.ParseURL(cache)
	w.must(err)
	w.cache = redis.NewClient(options)
	t.Cleanup(func() { _ = w.cache.Close() })
	w.merchant, w.apiKey = service.Merchant(t, database)
	return w
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) record(e check.Event) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.history = append(w.history, e)
}

// fault is something that goes wrong for a moment.
type fault struct {
	name  string
	often int
	stops bool // for all clients while it lasts
	do    func(w *world, rng *rand.Rand)
}

func faults() []fault {
	return []fault{
		{"answers lost", 5, false, func(w *world, rng *rand.Rand) {
			w.arm(w.door.Proxy, proxy.Fault{Kind: proxy.CutReply, Times: 1 + rng.IntN(6), Bytes: 40 * rng.IntN(2), Match: "POST "})
		}},
		{"requests cut", 2, false, func(w *world, rng *rand.Rand) {
			w.arm(w.door.Proxy, proxy.Fault{Kind: proxy.CutRequest, Times: 1 + rng.IntN(6), Bytes: 60 * rng.IntN(2), Match: "POST "})
		}},
		{"answers late", 2, false, func(w *world, _ *rand.Rand) {
			late := w.door.Arm(proxy.Fault{Kind: proxy.HoldReply, Times: 4, Match: "POST "})
			w.pause(300 * time.Millisecond)
			late.Release()
		}},
		{"connections reset", 2, false, func(w *world, _ *rand.Rand) { w.door.ResetAll() }},
		{"connections refused", 1, true, func(w *world, rng *rand.Rand) {
			w.door.Refuse()
			w.door.ResetAll()
			w.pause(time.Duration(50+rng.IntN(200)) * time.Millisecond)
			w.must(w.door.Accept())
		}},
		{"a replica killed", 1, true, (*world).kill},
		{"a store away (503)", 2, true, func(w *world, rng *rand.Rand) {
			p := w.replicas[rng.IntN(len(w.replicas))].postgres
			p.Refuse()
			p.ResetAll()
			w.pause(time.Duration(100+rng.IntN(300)) * time.Millisecond)
			w.must(p.Accept())
		}},
		{"the provider's answers lost", 2, false, func(w *world, rng *rand.Rand) {
			w.arm(w.call.Proxy, proxy.Fault{Kind: proxy.CutReply, Times: 1 + rng.IntN(3), Match: "POST "})
		}},
	}
}

// arm waits for the moments of a fault, but not for long.
func (w *world) arm(p *proxy.Proxy, f proxy.Fault) {
	armed := p.Arm(f)
	for began := time.Now(); armed.Hits() < int64(f.Times) && time.Since(began) < time.Second; {
		w.pause(5 * time.Millisecond)
	}
	armed.Disarm()
}

// kill ends a replica as a crash does. For a moment the door still leads to it.
func (w *world) kill(rng *rand.Rand) {
	i := rng.IntN(len(w.replicas))
	w.replicas[i].Kill()
	w.pause(time.Duration(rng.IntN(150)) * time.Millisecond)
	w.setDead(i, true)
	w.turn(1 - i)
	w.must(w.replicas[i].TryRestart())
	w.setDead(i, false)
}

func (w *world) setDead(i int, dead bool) { w.mu.Lock(); defer w.mu.Unlock(); w.dead[i] = dead }

// turn lets new connections lead to a replica, unless it is known to be dead.
func (w *world) turn(i int) {
	w.mu.Lock()
	dead := w.dead[i]
	w.mu.Unlock()
	if !dead {
		w.must(w.door.Target(w.replicas[i].URL()))
	}
}

// fail lets things go wrong, one after the other, until the context ends. At most half of the time is spent in faults, so
// that there is progress.
func (w *world) fail(ctx context.Context, rng *rand.Rand) {
	var deck []fault
	for _, f := range faults() {
		for range f.often {
			deck = append(deck, f)
		}
	}
	for n := 0; ctx.Err() == nil; n++ {
		if n%len(deck) == 0 { // each at least once in a round
			rng.Shuffle(len(deck), func(i, j int) { deck[i], deck[j] = deck[j], deck[i] })
		}
		f, began := deck[n%len(deck)], time.Now()
		f.do(w, rng)
		ended := time.Now()
		w.mu.Lock()
		w.struck[f.name]++
		w.faults = append(w.faults, check.Fault{Kind: f.name, Began: check.At(began), Ended: check.At(ended), Stops: f.stops})
		w.mu.Unlock()
		w.turn(n % len(w.replicas))
		w.pause(max(20*time.Millisecond, min(ended.Sub(began), 200*time.Millisecond)))
	}
}

// pause lets time pass: it is what these faults are made of.
func (*world) pause(d time.Duration) { <-time.After(d) }

func (w *world) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return fmt.Sprint(w.struck)
}
