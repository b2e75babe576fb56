package redis

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/payonce/payonce/idempotency"
	"github.com/payonce/payonce/internal/batches"
)

// markerTTL is the most that Redis can ever cost a request: one second of 409.
const markerTTL = time.Second

// patience is how long Redis is waited for.
type patience struct {
	lookUp  time.Duration // of a look-up, in all
	publish time.Duration // of a response, for its outcome to stand in Redis. Later, a copy of the request is served by Postgres; that is all
	batch   time.Duration // of one pipeline of the publisher
}

// usual: a look-up and a publication add up to 100 ms, what a Redis that hangs costs one request until the breaker opens.
var usual = patience{lookUp: 75 * time.Millisecond, publish: 25 * time.Millisecond, batch: 75 * time.Millisecond}

// Config is what a Cache needs.
type Config struct {
	Secrets [][]byte // the first signs, all verify; at least 32 random bytes each
	Scope   string   // names the records among others' with the same Redis and secrets; may be empty
	Limit   Limit
	Primary idempotency.Primary // required: the store's clock and timeline decide what is replayed
	Log     *slog.Logger        // nil: slog.Default
	Observe Observer            // nil: nothing is counted
	Sealer  Sealer              // of the bodies that are kept; nil: they are kept as they are
}

// Cache is the second cache of the engine, behind the one in the process, and the limiter that replicas share. While Redis is
// away, also from the first moment on, requests pass without it, and each process limits rates by itself. The package's
// comment has what it may do and how it fails.
type Cache struct {
	client    redis.UniversalClient
	codec     *valueCodec
	limit     Limit
	gcra      gcra
	local     *LocalLimiter
	primary   idempotency.Primary
	breaker   *breaker
	publisher *publisher
	lookUps   *batches.Batches[*lookUp]
	misses    *misses
	patience  patience
	alone     bool         // look-ups share no pipelines
	asking    atomic.Bool  // a batch of look-ups is on its way
	answered  atomic.Int64 // when one was answered last (Unix nanoseconds)
	prober    *prober      // nil unless watched
	script    *redis.Script
	loading   atomic.Int64 // until when (Unix nanoseconds) a load of the script is on its way
}

var _ idempotency.FastPath = (*Cache)(nil)

// NewCache returns a cache that asks Redis when it is first used. It panics without a secret, or with one below 32 bytes: a cache
// that can't distinguish its own values from those of others must not exist. It panics without a Primary, too. The caller keeps
// the client, and closes it after the cache.
func NewCache(client redis.UniversalClient, cfg Config) *Cache { return newCache(client, cfg, usual) }

func newCache(client redis.UniversalClient, cfg Config, patience patience) *Cache {
	codec, err := newValueCodec(cfg.Secrets, cfg.Scope)
	if err != nil {
		panic(err) //nolint:forbidigo // see above
	}
	codec.sealer = cfg.Sealer
	if cfg.Primary == nil {
		panic("redis cache: no Primary: without the store's clock and timeline nothing can be replayed")
	}
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	if cfg.Observe == nil {
		cfg.Observe = silent{}
	}
	breaker := newBreaker(cfg.Log, cfg.Observe, secretsOf(client))
	c := &Cache{
		client: client, codec: codec, limit: cfg.Limit, gcra: cfg.Limit.gcra(), local: NewLocalLimiter(cfg.Limit),
		primary: cfg.Primary, breaker: breaker, publisher: newPublisher(client, breaker, gcraScript, patience),
		misses: &misses{}, script: redis.NewScript(gcraScript), patience: patience,
	}
	_, c.alone = client.(*redis.ClusterClient)
	c.lookUps = batches.New(c.sendLookUps)
	return c
}

// Close sends what is queued, bounded, and ends the cache's goroutines. After it nothing is published any more.
func (c *Cache) Close() {
	c.prober.close()
	c.lookUps.Stop()
	c.publisher.Stop()
}

// Admit counts a request against the limiter inside the process only.
func (c *Cache) Admit(limiter string) idempotency.Admission { return c.local.Admit(limiter) }

// Local is the limiter inside the process, for what is refused before it gets here.
func (c *Cache) Local() *LocalLimiter { return c.local }

// Allow counts a request without a key, in one round trip.
func (c *Cache) Allow(ctx context.Context, limiter string) idempotency.Admission {
	l := &lookUp{limiter: c.counted(limiter)}
	if l.limiter == "" {
		return idempotency.Admission{Allowed: true}
	}
	return c.admission(limiter, l, c.ask(ctx, l))
}

// LookupAndMark counts the request, sets its marker and looks the key up, in one round trip. A value that can't be believed may
// stand in the marker's way; the request goes on without a marker then. Where Redis counts no requests, most keys of a tenant whose
// last keys Redis didn't know are taken for new without asking.
func (c *Cache) LookupAndMark(ctx context.Context, req idempotency.Request) idempotency.LookupResult {
	counted := c.counted(req.Limiter)
	if counted == "" && !req.Repeated && c.misses.skips(req.Tenant) {
		c.breaker.observe.RedisSkipped()
		return idempotency.LookupResult{Admission: c.local.Admit(req.Limiter), Unseen: true, Assumed: true}
	}
	mine := marker{token: newToken(), setAt: c.primary.Now()}
	l := &lookUp{
		limiter: counted, name: c.codec.recordName(req.Tenant, req.KeyHash),
		marker: c.codec.encodeMarker(req.Tenant, req.KeyHash, mine),
	}
	err := c.ask(ctx, l)
	entry := idempotency.LookupResult{Admission: c.admission(req.Limiter, l, err)}
	switch {
	case err == nil:
		c.read(&entry, req, mine.token, l.set.Val(), l.get)
		c.misses.note(req.Tenant, entry)
	case !surelyUnsent(err): // Redis may have set it and lost the answer; ReleaseMarker compares the token
		entry.Marker = mine.token
	}
	if !entry.Admission.Allowed { // refused requests leave no trace, and the engine doesn't call ReleaseMarker for them
		if entry.Marker != ([16]byte{}) {
			c.publisher.offer(&write{name: l.name, token: entry.Marker[:]})
		}
		return idempotency.LookupResult{Admission: entry.Admission}
	}
	return entry
}

// WasKnown makes the tenant's keys be looked up again.
func (c *Cache) WasKnown(tenant idempotency.Tenant) { c.misses.of(tenant).Store(0) }

// Lookup counts the request and reads its key, in one round trip. It sets nothing.
func (c *Cache) Lookup(ctx context.Context, req idempotency.Request) idempotency.LookupResult {
	l := &lookUp{limiter: c.counted(req.Limiter), name: c.codec.recordName(req.Tenant, req.KeyHash)}
	err := c.ask(ctx, l)
	entry := idempotency.LookupResult{Admission: c.admission(req.Limiter, l, err)}
	if err == nil && entry.Admission.Allowed {
		c.read(&entry, req, [16]byte{}, false, l.get)
	}
	return entry
}

// counted is the limiter that counts a request in Redis; empty where nothing does.
func (c *Cache) counted(limiter string) string {
	if c.limit.off(limiter) {
		return ""
	}
	return limiter
}

// read takes from the look-up what can be believed.
func (c *Cache) read(entry *idempotency.LookupResult, req idempotency.Request, token [16]byte, set bool, get *redis.StringCmd) {
	if set {
		entry.Marker = token
	}
	value, err := get.Bytes()
	if errors.Is(err, redis.Nil) {
		return
	}
	if err != nil { // WRONGTYPE: another program's key
		c.breaker.bad(badType)
		return
	}
	rec, other, err := c.codec.decode(value, req.Tenant, req.KeyHash)
	if err == nil {
		err = c.timely(rec, other)
	}
	if reason, bad := errors.AsType[badValue](err); bad {
		c.breaker.bad(reason)
		return
	}
	switch {
	case rec != nil:
		entry.Record = rec
	case other.token == token: // ours, also when a client library sent SET twice and the second failed
		entry.Marker, entry.Unseen = token, set
	default:
		entry.InFlight = !set
	}
}

// timely refuses genuine values whose time is over: Redis may have kept or restored them longer than it was told.
func (c *Cache) timely(rec *idempotency.Record, other *marker) error {
	now, timeline := c.primary.Now(), c.primary.Timeline()
	switch {
	case other != nil:
		if age := now.Sub(other.setAt); age >= markerTTL || age <= -markerTTL {
			return badMarkerAge
		}
	case timeline == 0:
		return badUnwatched
	case rec.Timeline != timeline:
		return badTimeline
	case !rec.ExpiresAt.After(now):
		return badExpired
	}
	return nil
}

// Publish replaces the marker by the completed record and returns when that stands in Redis, or after 25 ms. What can't
// be cached only has its marker removed, so that a copy goes to Postgres at once.
func (c *Cache) Publish(_ context.Context, rec *idempotency.Record) {
	if rec == nil || rec.State != idempotency.Completed || rec.Response == nil {
		return
	}
	e := &write{name: c.codec.recordName(rec.Tenant, rec.KeyHash)}
	// Time to live is what the store's clock says is left; a record of another timeline would only be refused.
	if e.ttl = rec.ExpiresAt.Sub(c.primary.Now()); e.ttl >= time.Millisecond && rec.Timeline != 0 && rec.Timeline == c.primary.Timeline() {
		e.value = c.codec.encode(rec)
	}
	c.publisher.await(e)
}

// ReleaseMarker removes the request's own marker and returns when it is gone, or after 25 ms: a client that corrects its request
// and sends it again under the same key must not be refused by its first try.
func (c *Cache) ReleaseMarker(_ context.Context, req idempotency.Request, token [16]byte) {
	if token == ([16]byte{}) {
		return
	}
	c.publisher.await(&write{name: c.codec.recordName(req.Tenant, req.KeyHash), token: token[:]})
}

// rate queues or sends the limiter's script, by its hash only.
func (c *Cache) rate(ctx context.Context, to redis.Scripter, limiter string) *redis.Cmd {
	return c.script.EvalSha(ctx, to, []string{c.codec.limiterName(limiter)}, c.gcra.interval, c.gcra.capacity)
}

// limiterError is nil for a lost script, which is repaired.
func (c *Cache) limiterError(rate *redis.Cmd) error {
	if rate == nil || rate.Err() == nil || isNoScript(rate.Err()) {
		return nil
	}
	return rate.Err()
}

// admission is Redis's decision, or this process's when there is none.
func (c *Cache) admission(limiter string, l *lookUp, err error) idempotency.Admission {
	if l.limiter == "" || err != nil {
		return c.local.Admit(limiter)
	}
	if isNoScript(l.rate.Err()) {
		c.breaker.observe.Redis(OutcomeNoScript)
		c.loadScript()
		return c.local.Admit(limiter)
	}
	numbers, err := l.rate.Int64Slice()
	if err == nil && len(numbers) == 4 {
		if v := (verdict{numbers[0], numbers[1], numbers[2], numbers[3]}); c.gcra.plausible(v) {
			return c.limit.admission(v)
		}
	}
	c.breaker.bad(badType)
	return c.local.Admit(limiter)
}

// loadScript sends for the script once, not once for each of the requests that miss it at the same moment.
func (c *Cache) loadScript() {
	now := time.Now().UnixNano()
	until := c.loading.Load()
	if now < until || !c.loading.CompareAndSwap(until, now+int64(c.patience.batch)) {
		return
	}
	c.publisher.offer(&write{load: true})
}

// Warm loads the limiter's script before the first request needs it, and returns when it is there, or after 25 ms.
func (c *Cache) Warm() { c.publisher.await(&write{load: true}) }
