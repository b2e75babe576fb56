package redis

import (
	"context"
	"errors"
	"fmt"
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

	since time.Time // when it began to wait
	stage atomic.Int32
	done  chan struct{} // closed when it was answered or failed
}

// The stages of a look-up. The goroutine that changes it from lookUpWaits decides whether the look-up is sent.
const (
	lookUpWaits = iota
	lookUpSent
	lookUpGivenUp // never sent
	lookUpLate    // sent, and no longer waited for
)

// leastPart is what a look-up must have left of its time to be sent. One that is answered when its request is over would leave a marker behind.
const leastPart = 3

// errGivenUp: a look-up waited for its turn for as long as one may take, and was never sent.
var errGivenUp = fmt.Errorf("a look-up was not sent in time: %w", context.DeadlineExceeded)

// ask sends a look-up, and returns when it was answered, or after the cache's patience. The client's hanging up doesn't end it: Redis may
// have set the marker. Those that wait at the same moment travel together, but not to a Cluster: a node that is away would fail the
// look-ups at all others.
func (c *Cache) ask(ctx context.Context, l *lookUp) (err error) {
	if err := c.breaker.refuses(c.asking.Load()); err != nil {
		return err
	}
	_, end := c.breaker.observe.Start(ctx, "redis")
	defer func() { end(err) }()
	l.since, l.done = time.Now(), make(chan struct{})
	if c.alone {
		c.sendLookUps([]*lookUp{l})
		return l.err
	}
	if !c.lookUps.Offer(l) {
		if c.lookUps.Stopped() {
			return errGivenUp
		}
		return c.breaker.failure(redis.ErrPoolTimeout)
	}
	patience := time.NewTimer(c.patience.lookUp)
	defer patience.Stop()
	select {
	case <-l.done:
		return l.err
	case <-c.lookUps.Ended():
		if l.stage.CompareAndSwap(lookUpWaits, lookUpGivenUp) {
			return errGivenUp
		}
	case <-patience.C:
	}
	switch {
	case l.stage.CompareAndSwap(lookUpWaits, lookUpGivenUp):
		return c.gaveUp()
	case l.stage.CompareAndSwap(lookUpSent, lookUpLate):
		return context.DeadlineExceeded // its batch counts it
	}
	<-l.done // at this moment
	return l.err
}

// gaveUp counts a look-up that was not sent. It is held against Redis when that has not answered anybody for as long; else this process
// was busy.
func (c *Cache) gaveUp() error {
	err := c.breaker.failure(errGivenUp)
	if time.Now().UnixNano()-c.answered.Load() >= int64(c.patience.lookUp) {
		c.breaker.tally(err)
	}
	return err
}

// sendLookUps makes one round trip of all that are still waited for.
func (c *Cache) sendLookUps(batch []*lookUp) {
	now := time.Now()
	sent, left := batch[:0], c.patience.lookUp
	for _, l := range batch {
		rest := c.patience.lookUp - now.Sub(l.since)
		switch {
		case rest < c.patience.lookUp/leastPart:
			if l.stage.CompareAndSwap(lookUpWaits, lookUpGivenUp) {
				l.err = c.gaveUp()
				close(l.done)
			}
		case l.stage.CompareAndSwap(lookUpWaits, lookUpSent):
			sent, left = append(sent, l), min(left, rest)
		}
	}
	if len(sent) == 0 {
		return
	}
	c.asking.Store(!c.alone)
	defer c.asking.Store(false)
	refused := c.breaker.run(context.Background(), left, func(ctx context.Context) error {
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
		if isRefusal(refused) {
			l.err = refused
			c.breaker.observe.Redis(OutcomeBreakerOpen)
		} else {
			c.judge(l, i == 0)
		}
		close(l.done)
	}
}

// judge tells the breaker of a look-up that was sent. Those of a batch count as if each had asked alone, but for a connection that
// broke or hangs: that is one failure, and the first one's.
func (c *Cache) judge(l *lookUp, first bool) {
	if l.err == nil {
		c.answered.Store(time.Now().UnixNano())
	}
	if failed, ok := errors.AsType[*commandError](l.err); !first && (!ok || failed.outcome == OutcomeRefused) {
		c.breaker.tally(l.err)
	}
	if l.err == nil && l.stage.Load() == lookUpLate {
		c.breaker.observe.Redis(OutcomeTimeout)
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
