package repository

import (
	"context"
	"database/sql"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/payonce/payonce/idempotency"
)

// DefaultWatchInterval bounds ignorance: stale caches and revoked keys are noticed within this time and one round trip.
const DefaultWatchInterval = 500 * time.Millisecond

// Epoch changes whenever an API key is revoked. It is only compared.
type Epoch struct {
	Revoked int64 // how many keys are revoked
	Last    int64 // when the last one was, in microseconds since 1970
}

// Observation is what one look at the store tells.
type Observation struct {
	Now      time.Time // the store's clock
	Timeline uint32
	Epoch    Epoch
}

// Watch knows the store's clock, its timeline and the revocation epoch from one small query every interval. While the
// store is away the last values go on: the clock by this process's monotonic one.
type Watch struct {
	look     func(ctx context.Context) (Observation, error)
	interval time.Duration
	log      *slog.Logger
	last     atomic.Pointer[sighting]
	away     bool // the polling goroutine's own

	mu     sync.Mutex
	cancel context.CancelFunc
	done   chan struct{}
}

var _ idempotency.Authority = (*Watch)(nil)

type sighting struct {
	Observation
	at time.Time // when, on the monotonic clock
}

// NewWatch returns a watch that begins with Start. A zero interval means DefaultWatchInterval.
func NewWatch(look func(ctx context.Context) (Observation, error), interval time.Duration, log *slog.Logger) *Watch {
	if interval <= 0 {
		interval = DefaultWatchInterval
	}
	return &Watch{look: look, interval: interval, log: log}
}

// Start looks once, and then goes on in the background until Close. It fails when the first look does.
func (w *Watch) Start(ctx context.Context) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.cancel != nil {
		return fmt.Errorf("watch: started twice")
	}
	if err := w.poll(ctx); err != nil {
		return fmt.Errorf("watch the store: %w", err)
	}
	ctx, w.cancel = context.WithCancel(context.WithoutCancel(ctx))
	w.done = make(chan struct{})
	go w.run(ctx)
	return nil
}

// Close ends the polling and waits for it. The last values stay.
func (w *Watch) Close() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.cancel != nil {
		w.cancel()
		<-w.done
	}
}

func (w *Watch) run(ctx context.Context) {
	defer close(w.done)
	ticker := time.NewTicker(w.interval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			w.again(ctx)
		}
	}
}

// again polls, and says once when the store goes and when it returns.
func (w *Watch) again(ctx context.Context) {
	err := w.poll(ctx)
	switch {
	case ctx.Err() != nil: // closing
	case err != nil && !w.away:
		w.away = true
		w.log.WarnContext(ctx, "the store can't be watched; its last known clock and timeline go on", "error", err)
	case err == nil && w.away:
		w.away = false
		w.log.InfoContext(ctx, "the store is watched again")
	}
}

// poll takes the middle of the round trip for the moment of the answer, so the clock is off by half of it at most.
func (w *Watch) poll(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, max(w.interval, 2*time.Second))
	defer cancel()
	before := time.Now()
	observed, err := w.look(ctx)
	if err != nil {
		return err
	}
	trip := time.Since(before)
	seen := &sighting{Observation: observed, at: before.Add(trip / 2)}
	if last := w.last.Swap(seen); last != nil {
		w.reportJump(ctx, seen.Now.Sub(last.Now)-seen.at.Sub(last.at), trip)
	}
	return nil
}

// clockTolerance is how far the store's clock may drift from this process's monotonic one between two looks: what NTP slews
// stays far below, and a failover to a machine with another clock does not.
const clockTolerance = time.Second

// reportJump asks for a person when the store's clock was set: forward, leases end early, which the fence makes
// harmless; back, they end late, and nobody but this watch can tell.
func (w *Watch) reportJump(ctx context.Context, jump, trip time.Duration) {
	if jump.Abs() > clockTolerance+trip {
		w.log.ErrorContext(ctx, "ALERT PostgreSQL's clock jumped", "by", jump.String())
	}
}

// Now estimates the store's clock. Before the first look it is this machine's.
func (w *Watch) Now() time.Time {
	last := w.last.Load()
	if last == nil {
		return time.Now()
	}
	return last.Now.Add(time.Since(last.at))
}

// Timeline is the store's timeline at the last look; zero before the first.
func (w *Watch) Timeline() uint32 {
	if last := w.last.Load(); last != nil {
		return last.Timeline
	}
	return 0
}

// Epoch is the revocation epoch at the last look.
func (w *Watch) Epoch() Epoch {
	if last := w.last.Load(); last != nil {
		return last.Epoch
	}
	return Epoch{}
}

// watchSQL: the timeline is in the first 8 hex digits of the current WAL file's name (PostgreSQL manual, 9.28.3).
// In recovery there is no current WAL file, and asking for it raises; there the receiver knows, or the last checkpoint.
const watchSQL = `SELECT clock_timestamp(),
  CASE WHEN pg_is_in_recovery()
    THEN coalesce((SELECT received_tli FROM pg_stat_wal_receiver), (SELECT timeline_id FROM pg_control_checkpoint()))::bigint
    ELSE ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::bigint END,
  (SELECT count(*) FROM api_keys WHERE revoked_at IS NOT NULL),
  (SELECT coalesce((extract(epoch FROM max(revoked_at)) * 1000000)::bigint, 0) FROM api_keys WHERE revoked_at IS NOT NULL)`

// LookAtPostgres returns the look of a [Watch] at a database.
func LookAtPostgres(db *sql.DB) func(ctx context.Context) (Observation, error) {
	return func(ctx context.Context) (o Observation, err error) {
		var timeline int64
		err = db.QueryRowContext(ctx, watchSQL).Scan(&o.Now, &timeline, &o.Epoch.Revoked, &o.Epoch.Last)
		if err != nil {
			return Observation{}, classify("watch", err, false)
		}
		o.Timeline = uint32(timeline)
		return o, nil
	}
}
