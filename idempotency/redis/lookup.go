package redis

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
)

// lookUp is what one request asks of Redis, in this order: to count it, to set its marker, to read its key.
type lookUp struct {
	limiter string // empty: it isn't counted
	name    string // of the key; empty: it is only counted
	marker  []byte // nil: none is set

	rate *redis.Cmd
	set  *redis.BoolCmd
	get  *redis.StringCmd
	err  error // of its commands, or of all

	stage atomic.Int32
	done  chan struct{} // closed when it was answered or failed
}

// The stages of a look-up. Whoever moves it out of lookUpWaits decides whether it is sent.
const (
	lookUpWaits = iota
	lookUpSent
	lookUpGivenUp
)

// errGivenUp: a look-up waited for its turn for as long as one may take, and was never sent.
var errGivenUp = errors.New("a look-up was not sent in time")

// ask sends a look-up together with those of other requests, and returns when it was answered, or after lookupTimeout. The client's
// hanging up doesn't end it: Redis may have set the marker.
func (c *Cache) ask(ctx context.Context, l *lookUp) (err error) {
	_, end := c.breaker.observe.Start(ctx, "redis")
	defer func() { end(err) }()
	l.done = make(chan struct{})
	if err := c.breaker.refuses(c.asking.Load()); err != nil {
		return err
	}
	if !c.lookUps.offer(l) {
		return c.breaker.failure(redis.ErrPoolTimeout)
	}
	patience := time.NewTimer(lookupTimeout)
	defer patience.Stop()
	select {
	case <-l.done:
		return l.err
	case <-c.lookUps.ended:
		if l.stage.CompareAndSwap(lookUpWaits, lookUpGivenUp) {
			return errGivenUp
		}
		<-l.done
		return l.err
	case <-patience.C:
	}
	if l.stage.CompareAndSwap(lookUpWaits, lookUpGivenUp) {
		err = c.breaker.failure(errGivenUp) // those before it hang
		c.breaker.tally(err)
		return err
	}
	return context.DeadlineExceeded // its batch counts it
}

// sendLookUps makes one round trip of all that are still waited for.
func (c *Cache) sendLookUps(batch []*lookUp) {
	sent := batch[:0]
	for _, l := range batch {
		if l.stage.CompareAndSwap(lookUpWaits, lookUpSent) {
			sent = append(sent, l)
		}
	}
	if len(sent) == 0 {
		return
	}
	c.asking.Store(true)
	defer c.asking.Store(false)
	refused := c.breaker.run(context.Background(), lookupTimeout, func(ctx context.Context) error {
		pipe := c.client.Pipeline()
		for _, l := range sent {
			c.queue(ctx, pipe, l)
		}
		err := execute(ctx, pipe)
		for _, l := range sent {
			l.err = c.breaker.failure(errors.Join(err, c.lookUpFailure(l)))
		}
		return sent[0].err
	})
	for i, l := range sent {
		switch {
		case isRefusal(refused):
			l.err = refused
			c.breaker.observe.Redis(OutcomeBreakerOpen)
		case i > 0:
			c.breaker.tally(l.err)
		}
		close(l.done)
	}
}

// queue adds a look-up's commands. SET comes before GET: when it succeeds the marker is this request's, and when it fails GET shows
// what stood in the way.
func (c *Cache) queue(ctx context.Context, pipe redis.Pipeliner, l *lookUp) {
	if l.limiter != "" {
		l.rate = c.rate(ctx, pipe, l.limiter)
	}
	if l.marker != nil {
		l.set = pipe.SetNX(ctx, l.name, l.marker, markerTTL)
	}
	if l.name != "" {
		l.get = pipe.Get(ctx, l.name)
	}
}

// lookUpFailure is the first error of its commands that counts: a lost script is repaired, and a key that another program wrote
// is a bad value, not a bad Redis.
func (c *Cache) lookUpFailure(l *lookUp) error {
	err := c.limiterError(l.rate)
	if err == nil && l.set != nil {
		err = firstError(l.set)
	}
	if err == nil && l.get != nil && !isWrongType(l.get.Err()) {
		err = firstError(l.get)
	}
	return err
}
