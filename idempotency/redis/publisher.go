package redis

import (
	"context"
	"crypto/rand"
	"errors"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/payonce/payonce/internal/batches"
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

// publisher sends writes in the background.
type publisher struct {
	*batches.Batches[*write]
	client   redis.UniversalClient
	breaker  *breaker
	script   string
	patience patience
}

func newPublisher(client redis.UniversalClient, breaker *breaker, script string, patience patience) *publisher {
	p := &publisher{client: client, breaker: breaker, script: script, patience: patience}
	p.Batches = batches.New(p.send)
	return p
}

// offer queues a write, or drops it. It never waits.
func (p *publisher) offer(e *write) bool {
	if !p.breaker.open() && p.Offer(e) {
		return true
	}
	if !p.Stopped() {
		p.breaker.observe.Redis(OutcomeDropped)
	}
	return false
}

// await offers a write and waits for its batch, for as long as a response may.
func (p *publisher) await(e *write) {
	e.done = make(chan struct{})
	if !p.offer(e) {
		return
	}
	patience := time.NewTimer(p.patience.publish)
	defer patience.Stop()
	select {
	case <-e.done:
	case <-p.Ended():
	case <-patience.C:
		p.breaker.observe.Redis(OutcomeLate)
	}
}

// send makes one round trip of a batch, plus one when the script was lost. Failures are counted by the breaker; there is
// no retry, because what isn't published is in Postgres, and a marker that isn't deleted ends within a second.
func (p *publisher) send(batch []*write) {
	_ = p.breaker.do(context.Background(), p.patience.batch, func(ctx context.Context) error {
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
