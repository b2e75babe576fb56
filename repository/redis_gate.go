package repository

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/payonce/payonce/idempotency"
)

const (
	// hintTTL is the most that Redis can ever cost a request: one second of 409.
	hintTTL = time.Second
	// enterTimeout and publishPatience add up to 100 ms: what a Redis that hangs costs one request until the breaker
	// opens.
	enterTimeout = 75 * time.Millisecond
)

// GateConfig is what a RedisGate needs.
type GateConfig struct {
	Secrets   [][]byte // the first signs, all verify
	Limit     Limit
	Authority idempotency.Authority
	Log       *slog.Logger // nil: slog.Default
	Observe   GateObserver // nil: nobody counts
}

// RedisGate is L2 and the limiter that replicas share. Redis is never believed: a value is served only if it
// authenticates itself, and nothing that Redis says lets a request execute (see idempotency.Gate). While Redis is away,
// also from the first moment on, requests pass without it, and each process limits rates by itself.
//
//	Redis                        what a request sees
//	refuses, breaks              nothing; after 5 failures in a row Redis is left alone for a second (F2)
//	hangs                        at most 100 ms, until then (F3)
//	flushed, restarted           a miss, and no script: it is loaded again at once (F4)
//	failed over, lost writes     a miss; a left-over hint: 409 for a second at most (F5)
//	full, read-only, loading     as refusing (F6)
//	did it, the answer was lost  a miss; its own hint is never held against a request (F7)
//	returns a wrong value        a miss and a counter (F8)
type RedisGate struct {
	client    redis.UniversalClient
	codec     *valueCodec
	limit     Limit
	gcra      gcra
	local     *LocalLimiter
	authority idempotency.Authority
	guard     *redisGuard
	publisher *publisher
	script    *redis.Script
	loading   atomic.Int64 // until when (Unix nanoseconds) a load of the script is on its way
}

var _ idempotency.Gate = (*RedisGate)(nil)

// NewRedisGate returns a gate that asks Redis when it is first used. It panics without a secret: a gate that can't tell
// its own values from others' must not exist. The caller keeps the client, and closes it after the gate.
func NewRedisGate(client redis.UniversalClient, cfg GateConfig) *RedisGate {
	codec, err := newValueCodec(cfg.Secrets)
	if err != nil {
		panic(err) //nolint:forbidigo // see above
	}
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	if cfg.Observe == nil {
		cfg.Observe = silentGate{}
	}
	guard := newRedisGuard(cfg.Log, cfg.Observe)
	g := &RedisGate{
		client: client, codec: codec, limit: cfg.Limit, gcra: cfg.Limit.gcra(), local: NewLocalLimiter(cfg.Limit),
		authority: cfg.Authority, guard: guard, publisher: newPublisher(client, guard, gcraScript),
		script: redis.NewScript(gcraScript),
	}
	return g
}

// Close sends what is queued, bounded, and ends the gate's goroutine. After it nothing is published any more.
func (g *RedisGate) Close() { g.publisher.stop() }

// Admit counts a request against the limiter inside the process only.
func (g *RedisGate) Admit(limiter string) idempotency.Admission { return g.local.Admit(limiter) }

// Local is the limiter inside the process, for what is refused before it gets here.
func (g *RedisGate) Local() *LocalLimiter { return g.local }

// Allow counts a request without a key, in one round trip.
func (g *RedisGate) Allow(ctx context.Context, limiter string) idempotency.Admission {
	if g.limit.off(limiter) {
		return idempotency.Admission{Allowed: true}
	}
	var rate *redis.Cmd
	err := g.guard.do(ctx, enterTimeout, func(ctx context.Context) error {
		rate = g.rate(ctx, g.client, limiter)
		return g.limiterError(rate)
	})
	return g.admission(limiter, rate, err)
}

// Enter counts the request, sets its hint and looks the key up, in one round trip. SET comes before GET: when it
// succeeds the hint is this request's, and when it fails GET shows what stood in the way. A value that can't be
// believed may stand in the way, too; the request goes on without a hint then.
func (g *RedisGate) Enter(ctx context.Context, req idempotency.Request) idempotency.Entry {
	mine := hint{token: newToken(), setAt: g.authority.Now()}
	name := g.codec.recordName(req.Tenant, req.KeyHash)
	value := g.codec.encodeHint(req.Tenant, req.KeyHash, mine)
	var rate *redis.Cmd
	var set *redis.BoolCmd
	var get *redis.StringCmd
	err := g.guard.do(ctx, enterTimeout, func(ctx context.Context) error {
		pipe := g.client.Pipeline()
		if !g.limit.off(req.Limiter) {
			rate = g.rate(ctx, pipe, req.Limiter)
		}
		set = pipe.SetNX(ctx, name, value, hintTTL)
		get = pipe.Get(ctx, name)
		_, _ = pipe.Exec(ctx) // each command has its own error, and some of them are answers
		return errors.Join(g.limiterError(rate), firstError(set), g.lookUpError(get))
	})
	entry := idempotency.Entry{Admission: g.admission(req.Limiter, rate, err)}
	switch {
	case err == nil:
		g.read(&entry, req, mine.token, set.Val(), get)
	case !surelyUnsent(err): // Redis may have set it and lost the answer; Leave compares the token
		entry.Token = mine.token
	}
	if !entry.Admission.Allowed { // refused requests leave no trace, and the engine doesn't call Leave for them
		if entry.Token != ([16]byte{}) {
			g.publisher.offer(&errand{name: name, token: entry.Token[:]})
		}
		return idempotency.Entry{Admission: entry.Admission}
	}
	return entry
}

// read takes from the look-up what can be believed.
func (g *RedisGate) read(entry *idempotency.Entry, req idempotency.Request, token [16]byte, set bool, get *redis.StringCmd) {
	if set {
		entry.Token = token
	}
	value, err := get.Bytes()
	if errors.Is(err, redis.Nil) {
		return
	}
	if err != nil { // WRONGTYPE: somebody else's key
		g.guard.bad(badType)
		return
	}
	rec, other, err := g.codec.decode(value, req.Tenant, req.KeyHash)
	if err == nil {
		err = g.timely(rec, other)
	}
	if reason, bad := errors.AsType[badValue](err); bad {
		g.guard.bad(reason)
		return
	}
	switch {
	case rec != nil:
		entry.Record = rec
	case other.token == token: // ours, also when a client library sent SET twice and the second failed
		entry.Token, entry.Unseen = token, set
	default:
		entry.Hinted = !set
	}
}

// timely refuses genuine values whose time is over: Redis may have kept or restored them longer than it was told.
func (g *RedisGate) timely(rec *idempotency.Record, other *hint) error {
	now := g.authority.Now()
	switch {
	case other != nil:
		if age := now.Sub(other.setAt); age >= hintTTL || age <= -hintTTL {
			return badHint
		}
	case rec.Timeline != g.authority.Timeline():
		return badTimeline
	case !rec.ExpiresAt.After(now):
		return badExpired
	}
	return nil
}

// Publish replaces the hint by the completed record and returns when that stands in Redis, or after 25 ms. What can't
// be cached only has its hint removed, so that a copy goes to Postgres at once.
func (g *RedisGate) Publish(_ context.Context, rec *idempotency.Record) {
	if rec == nil || rec.State != idempotency.Completed || rec.Response == nil {
		return
	}
	e := &errand{name: g.codec.recordName(rec.Tenant, rec.KeyHash)}
	// Time to live is what the store's clock says is left; a record of another timeline would only be refused.
	if e.ttl = rec.ExpiresAt.Sub(g.authority.Now()); e.ttl >= time.Millisecond && rec.Timeline == g.authority.Timeline() {
		e.value = g.codec.encode(rec)
	}
	g.publisher.await(e)
}

// Leave removes the request's own hint and returns when it is gone, or after 25 ms: a client that corrects its request
// and sends it again under the same key must not be refused by its first try.
func (g *RedisGate) Leave(_ context.Context, req idempotency.Request, token [16]byte) {
	if token == ([16]byte{}) {
		return
	}
	g.publisher.await(&errand{name: g.codec.recordName(req.Tenant, req.KeyHash), token: token[:]})
}

// rate queues or sends the limiter's script, by its hash only.
func (g *RedisGate) rate(ctx context.Context, to redis.Scripter, limiter string) *redis.Cmd {
	return g.script.EvalSha(ctx, to, []string{g.codec.limiterName(limiter)}, g.gcra.interval, g.gcra.capacity)
}

// limiterError is nil for a lost script, which is repaired.
func (g *RedisGate) limiterError(rate *redis.Cmd) error {
	if rate == nil || rate.Err() == nil || isNoScript(rate.Err()) {
		return nil
	}
	return rate.Err()
}

// lookUpError is nil for a key that somebody else wrote: that is a bad value, not a bad Redis.
func (g *RedisGate) lookUpError(get *redis.StringCmd) error {
	if isWrongType(get.Err()) {
		return nil
	}
	return firstError(get)
}

// admission is Redis's decision, or this process's when there is none.
func (g *RedisGate) admission(limiter string, rate *redis.Cmd, err error) idempotency.Admission {
	if g.limit.off(limiter) || err != nil {
		return g.local.Admit(limiter)
	}
	if isNoScript(rate.Err()) {
		g.guard.observe.Redis(RedisNoScript)
		g.loadScript()
		return g.local.Admit(limiter)
	}
	numbers, err := rate.Int64Slice()
	if err == nil && len(numbers) == 4 {
		if v := (verdict{numbers[0], numbers[1], numbers[2], numbers[3]}); g.gcra.plausible(v) {
			return g.limit.admission(v)
		}
	}
	g.guard.bad(badType)
	return g.local.Admit(limiter)
}

// loadScript sends for the script once, not once for each of the requests that miss it at the same moment.
func (g *RedisGate) loadScript() {
	now := time.Now().UnixNano()
	until := g.loading.Load()
	if now < until || !g.loading.CompareAndSwap(until, now+int64(batchTimeout)) {
		return
	}
	g.publisher.offer(&errand{load: true})
}

// Warm loads the limiter's script before the first request needs it, and returns when it is there, or after 25 ms.
func (g *RedisGate) Warm() { g.publisher.await(&errand{load: true}) }
