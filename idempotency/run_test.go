package idempotency_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/payonce/payonce/idempotency"
)

// sweeping is a store whose cleanup is counted.
type sweeping struct {
	*store
	mu      sync.Mutex
	expired []time.Duration // when each round came
	forgot  int
	due     int // rows that are left to expire
	fails   int
	began   time.Time
}

func (s *sweeping) Expire(_ context.Context, limit int) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.expired = append(s.expired, time.Since(s.began))
	if s.fails > 0 {
		s.fails--
		return 0, errors.New("the store is away")
	}
	n := min(limit, s.due)
	s.due -= n
	return n, nil
}

func (s *sweeping) Forget(context.Context, int) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.forgot++
	return 0, nil
}

func TestRunSweepsUntilItsContextEnds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		log := &bytes.Buffer{}
		s := &sweeping{store: newStore(), due: 250, fails: 2, began: time.Now()}
		engine := idempotency.New(s, nil, idempotency.Options{Log: slog.New(slog.NewTextHandler(log, nil))})
		ctx, stop := context.WithTimeout(t.Context(), 10*time.Minute)
		defer stop()
		engine.Run(ctx, idempotency.Upkeep{Sweeper: s, Cleanup: time.Minute})
		if s.due != 0 {
			t.Errorf("%d rows are left", s.due)
		}
		if n := len(s.expired); n < 10 || n > 16 || s.forgot < 8 || s.forgot > 13 {
			t.Errorf("expired %d times and forgot %d times in 10 minutes, want about once a minute, and at once while batches are full", n, s.forgot)
		}
		if strings.Count(log.String(), "upkeep fails") != 1 || strings.Count(log.String(), "upkeep works again") != 1 {
			t.Errorf("want one line for the failure and one for its end, got:\n%s", log)
		}
	})
}

func TestRunRecoversWhereThereAreOperations(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newStore()
		o := &operation{}
		rec := &idempotency.Record{State: idempotency.InProgress, Operation: "charge", KeyHash: [32]byte{1}, ClaimID: idempotency.NewClaimID(), Fence: 1}
		s.records[rec.KeyHash], s.until[rec.KeyHash] = rec, time.Now().Add(time.Second)
		engine := idempotency.New(s, o, idempotency.Options{})
		ctx, stop := context.WithTimeout(t.Context(), time.Minute)
		defer stop()
		engine.Run(ctx, idempotency.Upkeep{})
		if got := s.records[rec.KeyHash]; got.State != idempotency.Completed {
			t.Errorf("the record is %s, want completed", got.State)
		}
	})
}
