package redis

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/sony/gobreaker/v2"

	"github.com/payonce/payonce/idempotency"
)

// The outcomes of Redis commands that are not successes. They are the only labels a metric ever sees; values refused
// by their content are "bad_value:" and a reason.
const (
	OutcomeTimeout     = "timeout"      // no answer in time
	OutcomeUnreachable = "unreachable"  // no connection, or it broke
	OutcomeRefused     = "refused"      // an error reply: full, read-only, loading, wrong password
	OutcomePoolFull    = "pool_full"    // all connections of this process were busy
	OutcomeNoScript    = "noscript"     // the limiter's script was flushed; it is being loaded
	OutcomeBreakerOpen = "breaker_open" // not asked at all
	OutcomeDropped     = "dropped"      // not published: the queue was full or the breaker open
	OutcomeLate        = "late"         // published or cleaned up, but not known to be within the response's patience

	outcomeBadValue = "bad_value:"
)

// Outcomes lists every label that an Observer may get, so that metrics exist from the start.
func Outcomes() []string {
	all := []string{
		OutcomeTimeout, OutcomeUnreachable, OutcomeRefused, OutcomePoolFull, OutcomeNoScript, OutcomeBreakerOpen, OutcomeDropped, OutcomeLate,
	}
	for _, reason := range []badValue{
		badType, badSize, badVersion, badSignature, badState, badOwner, badTimeline, badUnwatched, badExpired, badMarkerAge, badSeal,
	} {
		all = append(all, outcomeBadValue+string(reason))
	}
	return all
}

// Observer measures each round trip to Redis as a span, and counts what Redis failed to do. Its methods must return at once.
type Observer interface {
	idempotency.Tracer
	// Redis counts one event; outcome is one of Outcomes.
	Redis(outcome string)
	// RedisAway is called when that changes; away is true while Redis can't be used.
	RedisAway(away bool)
	// RedisSkipped counts one request whose key was taken for new without a look-up.
	RedisSkipped()
}

type silent struct{ idempotency.NoSpans }

func (silent) Redis(string)   {}
func (silent) RedisAway(bool) {}
func (silent) RedisSkipped()  {}

const (
	// breakerFailures in a row open the breaker.
	breakerFailures = 5
	// breakerPause: after it one request asks again, and its answer decides for all.
	breakerPause = time.Second
)

// breaker stands between the cache and Redis: no command without a deadline, none while Redis is known to be away, and
// each failure counted under its name.
type breaker struct {
	breaker *gobreaker.CircuitBreaker[struct{}]
	observe Observer
	last    atomic.Pointer[commandError]
	state   *state
}

// commandError is a failure and its label.
type commandError struct {
	outcome string
	err     error
}

func (e *commandError) Error() string { return e.outcome + ": " + e.err.Error() }
func (e *commandError) Unwrap() error { return e.err }

// isPoolFull: the process was busy, which says nothing about Redis. If Redis is the reason, those who hold the
// connections time out and are counted.
func isPoolFull(err error) bool { return errors.Is(err, redis.ErrPoolTimeout) }

func newBreaker(log *slog.Logger, observe Observer, secrets []string) *breaker {
	b := &breaker{observe: observe, state: &state{log: log, observe: observe, secrets: secrets}}
	b.breaker = gobreaker.NewCircuitBreaker[struct{}](gobreaker.Settings{
		Name: "redis", MaxRequests: 1, Timeout: breakerPause,
		ReadyToTrip: func(counts gobreaker.Counts) bool { return counts.ConsecutiveFailures >= breakerFailures },
		IsExcluded:  isPoolFull,
		OnStateChange: func(_ string, from, to gobreaker.State) {
			b.state.changed(from, to, b.last.Load())
		},
	})
	return b
}

// open is true while Redis isn't asked.
func (b *breaker) open() bool { return b.breaker.State() == gobreaker.StateOpen }

// refuses is why Redis isn't asked now, or nil: it is away, or it is being asked whether it still is.
func (b *breaker) refuses(asking bool) error {
	switch state := b.breaker.State(); {
	case state == gobreaker.StateOpen:
		b.observe.Redis(OutcomeBreakerOpen)
		return gobreaker.ErrOpenState
	case state == gobreaker.StateHalfOpen && asking:
		b.observe.Redis(OutcomeBreakerOpen)
		return gobreaker.ErrTooManyRequests
	}
	return nil
}

// do runs commands as run does, for one that asks, and measures them.
func (b *breaker) do(ctx context.Context, timeout time.Duration, ask func(ctx context.Context) error) error {
	err := b.run(ctx, timeout, func(ctx context.Context) error {
		ctx, end := b.observe.Start(ctx, "redis")
		err := ask(ctx)
		end(err)
		return err
	})
	if isRefusal(err) {
		b.observe.Redis(OutcomeBreakerOpen)
	}
	return err
}

// run runs commands with a deadline of their own: whether the client has hung up changes neither what Redis is told nor
// what is thought of Redis.
func (b *breaker) run(ctx context.Context, timeout time.Duration, ask func(ctx context.Context) error) error {
	_, err := b.breaker.Execute(func() (struct{}, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), timeout)
		defer cancel()
		return struct{}{}, b.failure(ask(ctx))
	})
	return err
}

// failure counts an error under its name; nil, and what was counted before, stay as they are.
func (b *breaker) failure(err error) error {
	if _, counted := errors.AsType[*commandError](err); err == nil || counted {
		return err
	}
	failed := &commandError{outcomeOf(err), err}
	b.last.Store(failed)
	b.observe.Redis(failed.outcome)
	return failed
}

// tally tells the breaker how one more request went that has asked already.
func (b *breaker) tally(err error) {
	_, _ = b.breaker.Execute(func() (struct{}, error) { return struct{}{}, err })
}

// isRefusal: the breaker didn't let it through.
func isRefusal(err error) bool {
	return errors.Is(err, gobreaker.ErrOpenState) || errors.Is(err, gobreaker.ErrTooManyRequests)
}

// bad counts a value that is not served. It is no failure of the connection, so the breaker doesn't count it.
func (b *breaker) bad(reason badValue) { b.observe.Redis(outcomeBadValue + string(reason)) }

func outcomeOf(err error) string {
	var timeout net.Error
	var reply redis.Error
	switch {
	case isPoolFull(err):
		return OutcomePoolFull
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return OutcomeTimeout
	case errors.As(err, &reply):
		return OutcomeRefused
	}
	return OutcomeUnreachable
}

// surelyUnsent: the commands can't have had an effect, because there was no connection for them.
func surelyUnsent(err error) bool {
	if op, ok := errors.AsType[*net.OpError](err); ok && op.Op == "dial" {
		return true
	}
	return isPoolFull(err) || isRefusal(err) || errors.Is(err, errGivenUp)
}

func isNoScript(err error) bool { return err != nil && strings.HasPrefix(err.Error(), "NOSCRIPT") }

func isWrongType(err error) bool { return err != nil && strings.HasPrefix(err.Error(), "WRONGTYPE") }

// execute sends a pipeline. Its error is one that no command has: go-redis gives a refusal while a connection is made
// (a wrong password, no such database) to none of them, and they would all look like successes without a value.
func execute(ctx context.Context, pipe redis.Pipeliner) error {
	commands, err := pipe.Exec(ctx)
	failed := func(command redis.Cmder) bool { return command.Err() != nil }
	if slices.ContainsFunc(commands, failed) {
		err = nil // each command has its own, and some of them are answers
	}
	return err
}

// firstError is the first that counts: an absent key is an answer.
func firstError(commands ...redis.Cmder) error {
	for _, command := range commands {
		if err := command.Err(); err != nil && !errors.Is(err, redis.Nil) {
			return err
		}
	}
	return nil
}
