package redis

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/sony/gobreaker/v2"

	"github.com/payonce/payonce/idempotency"
)

const (
	// probeInterval bounds how long a Redis that goes or comes back is unnoticed without requests.
	probeInterval = time.Second
	// firstProbe bounds the first question, in which the connection is made.
	firstProbe = time.Second
	// probeFailures in a row mean that Redis doesn't answer. One refusal is enough: it is an answer.
	probeFailures = 2
	// probeLimiter is no API key's: probes count against themselves.
	probeLimiter = "probe"
)

// prober asks Redis in the background whether it can be used.
type prober struct {
	stop  sync.Once
	quit  chan struct{}
	ended chan struct{}
}

// Watch asks Redis now, and then every second until Close, whether it does what requests need; [Cache.Usable] and
// the log have the answer. So a Redis that refuses is known at the start and without any request, whatever the limits
// on requests are. It returns when the first answer is known, after a second at most.
func (c *Cache) Watch(ctx context.Context) {
	c.prober = &prober{quit: make(chan struct{}), ended: make(chan struct{})}
	failures := c.look(ctx, firstProbe, 0)
	if failures > 0 {
		failures = c.look(ctx, firstProbe, failures)
	}
	go c.keepProbing(context.WithoutCancel(ctx), failures)
}

// Usable is nil while Redis can be used, as far as is known.
func (c *Cache) Usable(context.Context) error {
	if reason, away := c.breaker.state.away(); away {
		return fmt.Errorf("Redis is away: %s", reason) //nolint:staticcheck // a name
	}
	return nil
}

// AwaySince is when Redis was found to be away, on this machine's clock; zero while it can be used, as far as is known.
func (c *Cache) AwaySince() time.Time { return c.breaker.state.awaySince() }

func (c *Cache) keepProbing(ctx context.Context, failures int) {
	defer close(c.prober.ended)
	ticker := time.NewTicker(probeInterval)
	defer ticker.Stop()
	for {
		select {
		case <-c.prober.quit:
			return
		case <-ticker.C:
			failures = c.look(ctx, c.patience.lookUp, failures)
		}
	}
}

// look probes once and returns how many probes have failed in a row.
func (c *Cache) look(ctx context.Context, timeout time.Duration, failures int) int {
	err := c.probe(ctx, timeout)
	switch {
	case err == nil:
		c.breaker.state.setProbe(false, nil)
		return 0
	case errors.Is(err, gobreaker.ErrOpenState), errors.Is(err, gobreaker.ErrTooManyRequests), isPoolFull(err):
		return failures // it was not asked
	}
	failures++
	if replyCode(err) != "" || failures >= probeFailures {
		c.breaker.state.setProbe(true, err)
	}
	return failures
}

func (p *prober) close() {
	if p == nil {
		return
	}
	p.stop.Do(func() { close(p.quit) })
	<-p.ended
}

// probe does once all that requests do, on keys of its own: a server may answer PING and refuse to be written.
func (c *Cache) probe(ctx context.Context, timeout time.Duration) error {
	var hash [32]byte
	_, _ = rand.Read(hash[:]) // never fails
	mine := marker{token: newToken(), setAt: c.primary.Now()}
	name := c.codec.recordName(idempotency.Tenant{}, hash)
	value := c.codec.encodeMarker(idempotency.Tenant{}, hash, mine)
	return c.breaker.do(ctx, timeout, func(ctx context.Context) error {
		pipe := c.client.Pipeline()
		var rate *redis.Cmd
		if !c.limit.off(probeLimiter) {
			rate = c.rate(ctx, pipe, probeLimiter)
		}
		set := pipe.SetNX(ctx, name, value, markerTTL)
		get := pipe.Get(ctx, name)
		leave := pipe.Eval(ctx, leaveSource, []string{name}, mine.token[:])
		return errors.Join(execute(ctx, pipe), c.limiterError(rate), firstError(set, get, leave))
	})
}
