package faults

import (
	"context"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/payonce/payonce/test/service"
	"github.com/payonce/payonce/test/stores"
)

// Redis forgets everything while requests are at every step, twice: flushed, and restarted empty. Copies are refused by
// Postgres just the same, and in the end Postgres alone replays.
func TestF4RedisFlushedAndRestartedAtAnyStep(t *testing.T) {
	t.Parallel()
	r := stores.StartRealRedis(t)
	w := open(t, options{env: unhurried(), redis: r.URL()})
	all := w.holdEverywhere()
	flush(t, r.URL())
	w.besideCopies(all)
	r.Stop()
	r.Start()
	w.release()
	w.collect(all)
	flush(t, r.URL())
	w.survivor.Restart()
	w.judge("F4", all, afterCopies)
}

// Two primaries: each replica believes another Redis while requests are at every step. Then one of the two is dropped,
// with all that it was told.
func TestF5TwoRedisPrimariesAtAnyStep(t *testing.T) {
	t.Parallel()
	kept := stores.Redis(t)
	w := open(t, options{env: unhurried(), redis: kept, otherRedis: stores.Redis(t)})
	all := w.holdEverywhere()
	w.besideCopies(all)
	w.release()
	w.collect(all)
	w.survivor.Options.RedisURL = kept
	w.survivor.Restart()
	for _, h := range all {
		took := service.Until(t, h.String()+": it replays", func() bool { return w.retry(h).Replayed() })
		if took > 5*time.Second { // a second for a hint that was left over, the rest for a busy machine
			t.Errorf("%s: it replayed after %s", h, took)
		}
	}
	w.judge("F5", all, afterCopies)
}

// besideCopies sends a copy of each to the survivor, all at once: what is held has only seconds.
func (w *world) besideCopies(all []*held) {
	w.t.Helper()
	var sent sync.WaitGroup
	for _, h := range all {
		sent.Go(func() { w.besideCopy(h) })
	}
	sent.Wait()
}

// besideCopy sends a copy of one. Where nothing but Redis knew of the first, the copy is executed.
func (w *world) besideCopy(h *held) {
	copied := w.retry(h)
	switch {
	case h.left() == done:
		if !copied.Replayed() {
			w.t.Errorf("a copy beside %s: %s", h, copied)
		}
	case h.place.at <= s2:
		if copied.Status != http.StatusCreated {
			w.t.Errorf("a copy beside %s, which is not known yet: %s", h, copied)
		}
	case h.outlasted(time.Now()) && outlasted.answers(copied, h.kind.spec().made):
	default:
		service.Wants(w.t, "a copy beside "+h.String(), copied, http.StatusConflict, "idempotency-request-in-flight")
	}
}

// afterCopies: whichever went first, both have the same answer.
func afterCopies(*held) class { return answered }

func flush(t *testing.T, url string) {
	t.Helper()
	c := redisClient(t, url)
	if err := c.FlushAll(context.Background()).Err(); err != nil {
		t.Fatal(err)
	}
}

func redisClient(t *testing.T, url string) *redis.Client {
	t.Helper()
	options, err := redis.ParseURL(url)
	if err != nil {
		t.Fatal(err)
	}
	c := redis.NewClient(options)
	t.Cleanup(func() { _ = c.Close() })
	return c
}
