package postgres

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

// MonitorInterval is how often the store is looked at. What a look has shown is believed for trustLooks times as long,
// counted from before it was made: 875 ms, so that stale caches and revoked keys are noticed within a second.
const MonitorInterval = 250 * time.Millisecond

const (
	trustLooks = 3.5
	// lookLimit bounds one look, on a connection that is silent; meanwhile the next ones use another.
	lookLimit = time.Second
	// firstLookLimit is for the look that Start waits for, which has to connect.
	firstLookLimit = 5 * time.Second
)

// Epoch changes whenever an API key is revoked. It is only compared.
type Epoch struct {
	Revoked int64 // how many keys are revoked
	Last    int64 // when the last one was, in microseconds since 1970
}

// Reading is what one look at the store found.
type Reading struct {
	Now      time.Time // the store's clock
	Timeline uint32
	Epoch    Epoch
	HasEpoch bool // the look was for revocations, too
}

// PrimaryMonitor knows the store's clock, its timeline and the revocation epoch from one small query every interval. What can make
// a cache wrong is known only as long as looks succeed: when none did for 3.5 intervals, it isn't known any more whether there
// was a promotion or a revocation, and Timeline and Epoch say so. The clock goes on by this process's monotonic one.
type PrimaryMonitor struct {
	look     func(ctx context.Context) (Reading, error)
	interval time.Duration
	log      *slog.Logger
	last     atomic.Pointer[timedReading]
	clock    atomic.Pointer[clock]
	blind    bool // the polling goroutine's own
	failed   atomic.Pointer[error]

	mu     sync.Mutex
	cancel context.CancelFunc
	done   chan struct{}
	latest sync.Mutex // one look at a time replaces the last one
}

var _ idempotency.Primary = (*PrimaryMonitor)(nil)

type timedReading struct {
	Reading
	began time.Time // before the look, on the monotonic clock
	at    time.Time // its middle
}

// NewPrimaryMonitor returns a monitor that begins with Start. A zero interval means MonitorInterval. Up to two looks run at the
// same time, so that one silent connection hides nothing.
func NewPrimaryMonitor(look func(ctx context.Context) (Reading, error), interval time.Duration, log *slog.Logger) *PrimaryMonitor {
	if interval <= 0 {
		interval = MonitorInterval
	}
	if log == nil {
		log = slog.Default()
	}
	return &PrimaryMonitor{look: look, interval: interval, log: log}
}

// Start looks twice, and then goes on in the background until Close. It fails when a look does.
func (m *PrimaryMonitor) Start(ctx context.Context) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.cancel != nil {
		return fmt.Errorf("the monitor was started twice")
	}
	for range 2 { // the first one connects, which takes long: the second one shows the clock
		if err := m.poll(ctx, firstLookLimit); err != nil {
			return fmt.Errorf("monitor the primary: %w", err)
		}
	}
	ctx, m.cancel = context.WithCancel(context.WithoutCancel(ctx))
	m.done = make(chan struct{})
	go m.run(ctx)
	return nil
}

// Close ends the polling and waits for it. The last clock stays.
func (m *PrimaryMonitor) Close() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.cancel != nil {
		m.cancel()
		<-m.done
	}
}

func (m *PrimaryMonitor) run(ctx context.Context) {
	defer close(m.done)
	var looks sync.WaitGroup
	defer looks.Wait()
	running := make(chan struct{}, monitorConns)
	ticker := time.NewTicker(m.interval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		m.logChange(ctx)
		select {
		case running <- struct{}{}:
			looks.Go(func() {
				defer func() { <-running }()
				if err := m.poll(ctx, lookLimit); err != nil {
					m.failed.Store(&err)
				}
			})
		default: // two connections are silent already
		}
	}
}

// logChange writes one line when the store can't be read any more, and one when it can again.
func (m *PrimaryMonitor) logChange(ctx context.Context) {
	blind := m.current() == nil
	switch {
	case blind == m.blind:
		return
	case blind:
		attrs := []any{}
		if cause := m.failed.Load(); cause != nil {
			attrs = append(attrs, "error", *cause)
		}
		m.log.WarnContext(ctx, "the store can't be watched; until it can, caches are not believed and API keys are looked up", attrs...)
	default:
		m.log.InfoContext(ctx, "the store is watched again")
	}
	m.blind = blind
}

// poll takes the middle of the round trip for the moment of the answer, so the clock is off by half of it at most.
func (m *PrimaryMonitor) poll(ctx context.Context, limit time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	before := time.Now()
	observed, err := m.look(ctx)
	if err != nil {
		return err
	}
	trip := time.Since(before)
	seen := &timedReading{Reading: observed, began: before, at: before.Add(trip / 2)}
	m.latest.Lock()
	defer m.latest.Unlock()
	m.clock.Store(m.clock.Load().better(&clock{store: seen.Now, at: seen.at, off: trip / 2}))
	last := m.last.Load()
	if last != nil && !last.began.Before(before) {
		return nil // a later look was faster
	}
	m.last.Store(seen)
	if last != nil {
		m.reportJump(ctx, seen.Now.Sub(last.Now)-seen.at.Sub(last.at), trip)
	}
	return nil
}

// current returns the last look while it may be believed, else nil.
func (m *PrimaryMonitor) current() *timedReading {
	last := m.last.Load()
	if last == nil || time.Since(last.began) > time.Duration(trustLooks*float64(m.interval)) {
		return nil
	}
	return last
}

// LastSeen is when the store last answered a look, on this machine's clock; zero before the first answer.
func (m *PrimaryMonitor) LastSeen() time.Time {
	if last := m.last.Load(); last != nil {
		return last.at
	}
	return time.Time{}
}

// clockTolerance is how far the store's clock may drift from this process's monotonic one between two looks: what NTP slews
// stays far below, and a failover to a machine with another clock does not.
const clockTolerance = time.Second

// reportJump logs an alert when the store's clock was set: forward, leases end early, which the fence makes harmless; back, they
// end late, and nothing but this monitor notices.
func (m *PrimaryMonitor) reportJump(ctx context.Context, jump, trip time.Duration) {
	if jump.Abs() > clockTolerance+trip {
		m.log.ErrorContext(ctx, "ALERT PostgreSQL's clock jumped", "by", jump.String())
	}
}

// Now estimates the store's clock. Before the first look it is this machine's.
func (m *PrimaryMonitor) Now() time.Time { return m.clock.Load().now() }

// Timeline is the store's timeline; zero when it isn't known, because no look succeeded lately.
func (m *PrimaryMonitor) Timeline() uint32 {
	if last := m.current(); last != nil {
		return last.Timeline
	}
	return 0
}

// Epoch is the revocation epoch; not known when no look succeeded lately, or when looks are not for revocations.
func (m *PrimaryMonitor) Epoch() (epoch Epoch, known bool) {
	if last := m.current(); last != nil {
		return last.Epoch, last.HasEpoch
	}
	return Epoch{}, false
}

// EpochQuery is SQL whose one row are the two numbers of an [Epoch].
type EpochQuery string

// withoutEpoch needs no table.
const withoutEpoch EpochQuery = `SELECT NULL::bigint, NULL::bigint`

// primarySQL: the timeline is in the first 8 hex digits of the current WAL file's name (PostgreSQL manual, 9.28.3).
// In recovery there is no current WAL file, and asking for it raises; there the receiver knows, or the last checkpoint.
const primarySQL = `SELECT clock_timestamp(),
  CASE WHEN pg_is_in_recovery()
    THEN coalesce((SELECT received_tli FROM pg_stat_wal_receiver), (SELECT timeline_id FROM pg_control_checkpoint()))::bigint
    ELSE ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::bigint END, revoked, last
  FROM (%s) AS epoch (revoked, last)`

// ReadPrimary returns the look of a [PrimaryMonitor] at a database: best at [Database.MonitorPool], which no request waits for. It
// needs no table. With an epoch it reads revocations, too.
func ReadPrimary(db *sql.DB, epoch ...EpochQuery) func(ctx context.Context) (Reading, error) {
	query := fmt.Sprintf(primarySQL, append(epoch, withoutEpoch)[0])
	return func(ctx context.Context) (o Reading, err error) {
		var timeline int64
		var revoked, last sql.NullInt64
		if err = RetryStalePlan(func() error { return db.QueryRowContext(ctx, query).Scan(&o.Now, &timeline, &revoked, &last) }); err != nil {
			return Reading{}, classify("read the primary", err, false)
		}
		o.Timeline, o.HasEpoch, o.Epoch = uint32(timeline), revoked.Valid, Epoch{revoked.Int64, last.Int64}
		return o, nil
	}
}
