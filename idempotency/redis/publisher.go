package redis

import (
	"context"
	"crypto/rand"
	"errors"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

const (
	// publishPatience is what a response waits for its outcome to stand in Redis. Later, a copy of the request is
	// served by Postgres; that is all.
	publishPatience = 25 * time.Millisecond
	// batchTimeout bounds one pipeline of the publisher.
	batchTimeout = 75 * time.Millisecond
	// publishQueue and publishBatch bound what waits and what travels together.
	publishQueue = 1024
	publishBatch = 64
)

// leaveSource deletes a marker if its token is the caller's (value.go gives the offsets; Lua counts from 1). With
// EVAL the source travels along: 300 bytes, only after a request without outcome, and no script to lose.
const leaveSource = `local v = redis.pcall('GET', KEYS[1])
if type(v) == 'string' and #v == 106 and string.byte(v, 2) == 2 and string.sub(v, 51, 66) == ARGV[1] then
  return redis.call('DEL', KEYS[1])
end
return 0`

// write is one write, on which no guarantee depends. Exactly one of its forms is set.
type write struct {
	name  string
	value []byte        // SET with ttl
	ttl   time.Duration // of value
	token []byte        // delete the marker that has it
	load  bool          // load the limiter's script
	done  chan struct{} // closed when the batch was answered or failed
}

// publisher sends writes in the background, as many as are waiting in one pipeline: while one batch is on its way the
// next gathers (group commit), so a busy service pays one round trip for many responses, and an idle one doesn't wait.
type publisher struct {
	client  redis.UniversalClient
	breaker *breaker
	script  string
	queue   chan *write
	quit    chan struct{}
	ended   chan struct{}
	close   sync.Once
}

func newPublisher(client redis.UniversalClient, breaker *breaker, script string) *publisher {
	p := &publisher{
		client: client, breaker: breaker, script: script,
		queue: make(chan *write, publishQueue), quit: make(chan struct{}), ended: make(chan struct{}),
	}
	go p.run()
	return p
}

// stop sends what is queued, one batch after the other while Redis answers, and waits for the goroutine.
func (p *publisher) stop() {
	p.close.Do(func() { close(p.quit) })
	<-p.ended
}

// offer queues a write, or drops it. It never waits.
func (p *publisher) offer(e *write) bool {
	select {
	case <-p.quit:
		return false
	default:
	}
	if !p.breaker.open() {
		select {
		case p.queue <- e:
			return true
		default:
		}
	}
	p.breaker.observe.Redis(OutcomeDropped)
	return false
}

// await offers a write and waits for its batch, at most publishPatience.
func (p *publisher) await(e *write) {
	e.done = make(chan struct{})
	if !p.offer(e) {
		return
	}
	patience := time.NewTimer(publishPatience)
	defer patience.Stop()
	select {
	case <-e.done:
	case <-p.ended:
	case <-patience.C:
		p.breaker.observe.Redis(OutcomeLate)
	}
}

func (p *publisher) run() {
	defer close(p.ended)
	batch := make([]*write, 0, publishBatch)
	for {
		select {
		case first := <-p.queue:
			batch = p.gather(append(batch[:0], first))
			p.send(batch)
		case <-p.quit:
			for batch = p.gather(batch[:0]); len(batch) > 0 && !p.breaker.open(); batch = p.gather(batch[:0]) {
				p.send(batch)
			}
			return
		}
	}
}

// gather adds what is waiting.
func (p *publisher) gather(batch []*write) []*write {
	for len(batch) < publishBatch {
		select {
		case e := <-p.queue:
			batch = append(batch, e)
		default:
			return batch
		}
	}
	return batch
}

// send makes one round trip of a batch, plus one when the script was lost. Failures are counted by the breaker; there is
// no retry, because what isn't published is in Postgres, and a marker that isn't deleted ends within a second.
func (p *publisher) send(batch []*write) {
	_ = p.breaker.do(context.Background(), batchTimeout, func(ctx context.Context) error {
		pipe := p.client.Pipeline()
		load := false
		for _, e := range batch {
			load = e.queue(ctx, pipe) || load
		}
		if load { // not in the pipeline: a Cluster needs it on every node
			if err := p.client.ScriptLoad(ctx, p.script).Err(); err != nil {
				return err
			}
		}
		commands, err := pipe.Exec(ctx)
		if first := firstError(commands...); first != nil {
			return first
		}
		if errors.Is(err, redis.Nil) {
			return nil // an answer
		}
		return err
	})
	for _, e := range batch {
		if e.done != nil {
			close(e.done)
		}
	}
}

// queue adds the write's command; true when it is the script.
func (e *write) queue(ctx context.Context, pipe redis.Pipeliner) bool {
	switch {
	case e.load:
		return true
	case e.token != nil:
		pipe.Eval(ctx, leaveSource, []string{e.name}, e.token)
	case e.value != nil:
		pipe.Set(ctx, e.name, e.value, e.ttl)
	default:
		pipe.Del(ctx, e.name)
	}
	return false
}

func newToken() (token [16]byte) {
	_, _ = rand.Read(token[:]) // never fails
	return token
}
