package repository

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"strings"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/sony/gobreaker/v2"
)

// The outcomes of Redis commands that are not successes. They are the only labels a metric ever sees; values refused
// by their content are "bad_value:" and a reason.
const (
	RedisTimeout     = "timeout"      // no answer in time
	RedisUnreachable = "unreachable"  // no connection, or it broke
	RedisRefused     = "refused"      // an error reply: full, read-only, loading, wrong password
	RedisPoolFull    = "pool_full"    // all connections of this process were busy
	RedisNoScript    = "noscript"     // the limiter's script was flushed; it is being loaded
	RedisBreakerOpen = "breaker_open" // not asked at all
	RedisDropped     = "dropped"      // not published: the queue was full or the breaker open
	RedisLate        = "late"         // published or cleaned up, but not known to be within the response's patience

	redisBadValue = "bad_value:"
)

// RedisOutcomes lists every label that a GateObserver may hear, so that metrics exist from the start.
func RedisOutcomes() []string {
	all := []string{
		RedisTimeout, RedisUnreachable, RedisRefused, RedisPoolFull, RedisNoScript, RedisBreakerOpen, RedisDropped, RedisLate,
	}
	for _, reason := range []badValue{
		badType, badSize, badVersion, badSignature, badState, badOwner, badTimeline, badExpired, badHint,
	} {
		all = append(all, redisBadValue+string(reason))
	}
	return all
}

// GateObserver counts what Redis failed to do. Its methods must return at once.
type GateObserver interface {
	// Redis counts one event; outcome is one of RedisOutcomes.
	Redis(outcome string)
	// RedisAway tells the breaker's state whenever it changes: true while Redis isn't asked.
	RedisAway(away bool)
}

type silentGate struct{}

func (silentGate) Redis(string)   {}
func (silentGate) RedisAway(bool) {}

const (
	// breakerFailures in a row open the breaker.
	breakerFailures = 5
	// breakerPause: after it one request asks again, and its answer decides for all.
	breakerPause = time.Second
)

// redisGuard stands between the gate and Redis: no command without a deadline, none while Redis is known to be away, and
// each failure counted under its name.
type redisGuard struct {
	breaker *gobreaker.CircuitBreaker[struct{}]
	observe GateObserver
	last    atomic.Pointer[redisError]
}

// redisError is a failure and its label.
type redisError struct {
	outcome string
	err     error
}

func (e *redisError) Error() string { return e.outcome + ": " + e.err.Error() }
func (e *redisError) Unwrap() error { return e.err }

// isPoolFull: the process was busy, which says nothing about Redis. If Redis is the reason, those who hold the
// connections time out and are counted.
func isPoolFull(err error) bool { return errors.Is(err, redis.ErrPoolTimeout) }

func newRedisGuard(log *slog.Logger, observe GateObserver) *redisGuard {
	g := &redisGuard{observe: observe}
	g.breaker = gobreaker.NewCircuitBreaker[struct{}](gobreaker.Settings{
		Name: "redis", MaxRequests: 1, Timeout: breakerPause,
		ReadyToTrip: func(counts gobreaker.Counts) bool { return counts.ConsecutiveFailures >= breakerFailures },
		IsExcluded:  isPoolFull,
		OnStateChange: func(_ string, from, to gobreaker.State) {
			g.changed(log, from, to)
		},
	})
	return g
}

// changed speaks when Redis goes and when it is back. The probes in between, open to half-open and back each second,
// are no news.
func (g *redisGuard) changed(log *slog.Logger, from, to gobreaker.State) {
	switch {
	case from == gobreaker.StateClosed && to == gobreaker.StateOpen:
		g.observe.RedisAway(true)
		reason := ""
		if last := g.last.Load(); last != nil {
			reason = last.Error()
		}
		log.Warn("Redis is away: requests go on without it, rates are limited per process", "reason", reason)
	case to == gobreaker.StateClosed:
		g.observe.RedisAway(false)
		log.Info("Redis is back")
	}
}

// open tells whether Redis isn't asked at the moment.
func (g *redisGuard) open() bool { return g.breaker.State() == gobreaker.StateOpen }

// do runs commands with a deadline of their own: whether the client has hung up changes neither what Redis is told nor
// what is thought of Redis.
func (g *redisGuard) do(ctx context.Context, timeout time.Duration, run func(ctx context.Context) error) error {
	_, err := g.breaker.Execute(func() (struct{}, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), timeout)
		defer cancel()
		err := run(ctx)
		if err == nil {
			return struct{}{}, nil
		}
		failed := &redisError{outcomeOf(err), err}
		g.last.Store(failed)
		g.observe.Redis(failed.outcome)
		return struct{}{}, failed
	})
	if errors.Is(err, gobreaker.ErrOpenState) || errors.Is(err, gobreaker.ErrTooManyRequests) {
		g.observe.Redis(RedisBreakerOpen)
	}
	return err
}

// bad counts a value that is not served. It is no failure of the connection, so the breaker doesn't hear of it.
func (g *redisGuard) bad(reason badValue) { g.observe.Redis(redisBadValue + string(reason)) }

func outcomeOf(err error) string {
	var timeout net.Error
	var reply redis.Error
	switch {
	case isPoolFull(err):
		return RedisPoolFull
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return RedisTimeout
	case errors.As(err, &reply):
		return RedisRefused
	}
	return RedisUnreachable
}

// surelyUnsent: the commands can't have had an effect, because there was no connection for them.
func surelyUnsent(err error) bool {
	if op, ok := errors.AsType[*net.OpError](err); ok && op.Op == "dial" {
		return true
	}
	return isPoolFull(err) || errors.Is(err, gobreaker.ErrOpenState) || errors.Is(err, gobreaker.ErrTooManyRequests)
}

func isNoScript(err error) bool { return err != nil && strings.HasPrefix(err.Error(), "NOSCRIPT") }

func isWrongType(err error) bool { return err != nil && strings.HasPrefix(err.Error(), "WRONGTYPE") }

// firstError is the first that counts: an absent key is an answer.
func firstError(commands ...redis.Cmder) error {
	for _, command := range commands {
		if err := command.Err(); err != nil && !errors.Is(err, redis.Nil) {
			return err
		}
	}
	return nil
}
