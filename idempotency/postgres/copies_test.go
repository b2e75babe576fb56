package postgres_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/payonce/payonce/idempotency"
	"github.com/payonce/payonce/idempotency/postgres"
	"github.com/payonce/payonce/idempotency/redis"
	"github.com/payonce/payonce/test/stores"
	"github.com/payonce/payonce/test/wait"
)

// replicas are engines on one Postgres and, each with a gate of its own, on one Redis.
type replicas struct {
	f     *fixture
	redis goredis.UniversalClient
}

func openReplicas(t *testing.T) *replicas {
	t.Helper()
	f := openFixture(t, postgres.Options{MaxConns: 10})
	client, err := redis.Open(stores.Redis(t), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	return &replicas{f: f, redis: client}
}

func (r *replicas) gate(limit redis.Limit) *redis.Cache {
	gate := redis.NewCache(r.redis, redis.Config{Secrets: [][]byte{[]byte("0123456789abcdef0123456789abcdef")}, Primary: primary{}, Limit: limit})
	r.f.Cleanup(gate.Close)
	return gate
}

// rest counts one request more against the shared limit, and returns what remains of it then. A gate that a busy machine lets wait
// too long for Redis counts by itself, from the beginning: another one is asked then.
func (r *replicas) rest(limit redis.Limit, limiter string) (remaining int) {
	r.f.Helper()
	until(r.f.T, "Redis counts", func() bool {
		remaining = r.gate(limit).Allow(r.f.Context(), limiter).Remaining
		return remaining != limit.Burst-1
	})
	return remaining
}

func (r *replicas) engine(opt idempotency.Options) *idempotency.Engine[*postgres.Tx] {
	return idempotency.New(r.f.store, nil, opt)
}

func (r *replicas) flush() {
	r.f.Helper()
	if err := r.redis.FlushDB(r.f.Context()).Err(); err != nil {
		r.f.Fatal(err)
	}
}

// making is an effect that may be sent whole.
func making(body string) idempotency.Work[*postgres.Tx] {
	return idempotency.Work[*postgres.Tx]{Local: &idempotency.Local[*postgres.Tx]{
		Run: func(context.Context, *postgres.Tx) (*idempotency.Response, error) {
			return &idempotency.Response{Status: 201, Body: []byte(body)}, nil
		},
	}}
}

// TestEveryCopyOfACompletedKeyIsReplayed: however many come at once, whatever caches there are and what they have lost,
// wherever the copies arrive.
func TestEveryCopyOfACompletedKeyIsReplayed(t *testing.T) {
	t.Parallel()
	for name, open := range map[string]func(r *replicas) []*idempotency.Engine[*postgres.Tx]{
		"no gate, no L1": func(r *replicas) []*idempotency.Engine[*postgres.Tx] {
			return []*idempotency.Engine[*postgres.Tx]{r.engine(idempotency.Options{})}
		},
		"a gate that has it, no L1": func(r *replicas) []*idempotency.Engine[*postgres.Tx] {
			return []*idempotency.Engine[*postgres.Tx]{r.engine(idempotency.Options{FastPath: r.gate(redis.Limit{Off: true})})}
		},
		"a gate that lost it, no L1": func(r *replicas) []*idempotency.Engine[*postgres.Tx] {
			r.flush()
			return []*idempotency.Engine[*postgres.Tx]{r.engine(idempotency.Options{FastPath: r.gate(redis.Limit{Off: true})})}
		},
		"a gate and a cold L1": func(r *replicas) []*idempotency.Engine[*postgres.Tx] {
			return []*idempotency.Engine[*postgres.Tx]{r.cold()}
		},
		"three replicas, and their Redis lost it": func(r *replicas) []*idempotency.Engine[*postgres.Tx] {
			r.flush()
			return []*idempotency.Engine[*postgres.Tx]{r.cold(), r.cold(), r.cold()}
		},
		"three replicas without Redis": func(r *replicas) []*idempotency.Engine[*postgres.Tx] {
			return []*idempotency.Engine[*postgres.Tx]{r.engine(idempotency.Options{}), r.engine(idempotency.Options{}), r.engine(idempotency.Options{})}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := openReplicas(t)
			for n, copies := range []int{2, 50, 500} {
				req := key(byte(n + 1))
				first, err := r.engine(idempotency.Options{FastPath: r.gate(redis.Limit{Off: true})}).Do(t.Context(), req, making(name))
				if err != nil {
					t.Fatal(err)
				}
				r.replay(open(r), req, first, copies)
			}
		})
	}
}

// cold is a replica that has served nothing.
func (r *replicas) cold() *idempotency.Engine[*postgres.Tx] {
	return r.engine(idempotency.Options{FastPath: r.gate(redis.Limit{Off: true}), LocalCache: idempotency.NewLocalCache(1<<20, primary{})})
}

func (r *replicas) replay(engines []*idempotency.Engine[*postgres.Tx], req idempotency.Request, first idempotency.Outcome, copies int) {
	r.f.Helper()
	var group sync.WaitGroup
	var other atomic.Int64
	start := make(chan struct{})
	for i := range copies {
		group.Go(func() {
			<-start
			began := time.Now()
			out, err := engines[i%len(engines)].Do(context.Background(), req, making("again"))
			if _, inFlight := errors.AsType[*idempotency.InFlightError](err); inFlight && time.Since(began) >= time.Second {
				// The copy that it follows needed longer than it waits, on a busy machine; a client asks again then.
				out, err = engines[i%len(engines)].Do(context.Background(), req, making("again"))
			}
			if err != nil || !out.Replayed() || !bytes.Equal(out.Response.Body, first.Response.Body) {
				other.Add(1)
				r.f.Logf("copy %d: %+v, %v", i, out, err)
			}
		})
	}
	close(start)
	group.Wait()
	if n := other.Load(); n != 0 {
		r.f.Errorf("%d of %d copies of a completed key were not replayed, want none", n, copies)
	}
}

// asked counts how often a gate is entered.
type asked struct {
	*redis.Cache
	times atomic.Int64
}

func (a *asked) LookupAndMark(ctx context.Context, req idempotency.Request) idempotency.LookupResult {
	a.times.Add(1)
	return a.Cache.LookupAndMark(ctx, req)
}

// A request that waits counts once, wherever the first one runs and however often it asks: at another replica until the
// first one's hint is over, and after.
func TestARequestThatWaitsCountsOnce(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		other         bool
		shared, local int // what remains of 20 after the first, the one that waits, and one more of each kind
	}{
		"at another replica":         {true, 17, 19},
		"at the first one's replica": {false, 18, 18},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := openReplicas(t)
			var w waiting
			for try := range 3 { // a gate that waits too long for Redis counts by itself
				if w = r.waiting(c.other, byte(try+1)); w.waited && w.shared == c.shared && w.local == c.local {
					return
				}
			}
			t.Errorf("%d remain of the shared 20 and %d of the process's, want %d and %d; the copy waited: %t", w.shared, w.local, c.shared, c.local, w.waited)
		})
	}
}

// waiting is what remains of both limits after a request, a copy of it, and one more of each kind. waited: the copy came while the
// first one was running.
type waiting struct {
	waited        bool
	shared, local int
}

// waiting sends a request under a new key and limiter, and a copy of it that waits at another replica or at the first one's.
func (r *replicas) waiting(other bool, n byte) (w waiting) {
	r.f.Helper()
	limit, limiter := redis.Limit{Requests: 1, Per: time.Hour, Burst: 20}, fmt.Sprint("key ", n)
	gate := &asked{Cache: r.gate(limit)}
	gate.Warm()
	first := r.engine(idempotency.Options{FastPath: gate})
	waits := first
	if other {
		gate = &asked{Cache: r.gate(limit)}
		waits = r.engine(idempotency.Options{FastPath: gate})
	}
	req := key(n)
	req.Limiter, req.Wait = limiter, time.Minute
	var group sync.WaitGroup
	began, end := make(chan struct{}), make(chan struct{})
	group.Go(func() {
		if _, err := first.Do(context.Background(), req, held(began, end)); err != nil {
			r.f.Errorf("the first: %v", err)
		}
	})
	<-began
	group.Go(func() {
		out, err := waits.Do(context.Background(), req, making("again"))
		if err != nil || !out.Replayed() {
			r.f.Errorf("got %+v, %v; want the first one's outcome", out, err)
		}
		w.waited = out.Waited
	})
	until(r.f.T, "the copy waits", func() bool {
		return other && gate.times.Load() >= 10 || !other && gate.Local().Peek(limiter).Remaining <= 18
	})
	close(end)
	group.Wait()
	w.local, w.shared = gate.Admit(limiter).Remaining, r.rest(limit, limiter)
	return w
}

// held is an effect that lasts until end is closed.
func held(began, end chan struct{}) idempotency.Work[*postgres.Tx] {
	work := making("slow")
	inner := work.Local.Run
	work.Local.Run = func(ctx context.Context, tx *postgres.Tx) (*idempotency.Response, error) {
		close(began)
		<-end
		return inner(ctx, tx)
	}
	work.Local.Reads = func(*postgres.Tx) {} // not sent whole: the key is held meanwhile
	return work
}

func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	wait.Within(t, 20*time.Second, what, ok)
}
