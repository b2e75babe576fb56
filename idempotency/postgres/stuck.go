package postgres

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"sync"
	"time"

	"github.com/payonce/payonce/idempotency/postgres/session"
)

// stuckAfter is for how long a session may wait in the middle of a batch. A batch of ours has 4 s (roundTrip), then its
// process closes the connection: a session that still waits has a process, or a network, that is gone without a word.
const stuckAfter = 5 * time.Second

// StuckInterval is how often to call End: with stuckAfter, locks of half-sent batches are gone in 10 s.
const StuckInterval = 2 * time.Second

// lookWait bounds one look at the sessions: the next one follows soon.
const lookWait = 2 * time.Second

// StuckSessions finds and ends payonce's own sessions to which a part of a batch was delivered and the rest never comes.
//
// Such a session holds the locks of its transaction, and none of PostgreSQL's time-outs ends it: it is "active", not idle,
// executes no statement, and waits for no lock. It goes on waiting for as long as its connection stands, which a network
// that drops packets, or a proxy in between, can keep up for hours.
//
// A session is ended when each look for stuckAfter found it waiting in the same transaction, by this process's monotonic
// clock: a jump of the server's clock ends nothing. Every replica may look at the same time. Safe for concurrent use.
type StuckSessions struct {
	db   *Database
	log  *slog.Logger
	mu   sync.Mutex
	seen map[stuckSession]time.Time // since when
}

// stuckSession is one transaction of one session; the second number is when it began, in microseconds of the server's clock.
type stuckSession struct{ pid, began int64 }

// NewStuckSessions returns a monitor of the sessions of the database's role. The log (nil: slog.Default) gets a line for those that it ends.
func NewStuckSessions(db *Database, log *slog.Logger) *StuckSessions {
	if log == nil {
		log = slog.Default()
	}
	return &StuckSessions{db: db, log: log, seen: map[stuckSession]time.Time{}}
}

// waiting are sessions of our name and role that wait for their client in the middle of a batch, inside a transaction. (Between
// two batches they are "idle in transaction", which idle_in_transaction_session_timeout ends.)
const waiting = ` FROM pg_stat_activity WHERE datname = current_database() AND usename = session_user AND application_name = '` + session.Name + `'
	AND state = 'active' AND wait_event = 'ClientRead' AND xact_start IS NOT NULL`

const (
	began         = `(extract(epoch FROM xact_start) * 1000000)::bigint`
	sqlStuck      = `SELECT pid, ` + began + waiting
	sqlEndSession = `SELECT pg_terminate_backend(pid)` + waiting + ` AND pid = $1::bigint AND ` + began + ` = $2::bigint`
)

// End looks once, and returns how many sessions it ended. An error means that it could not look, or may not end them.
func (s *StuckSessions) End(ctx context.Context) (ended int, err error) {
	ctx, cancel := context.WithTimeout(ctx, lookWait)
	defer cancel()
	s.mu.Lock()
	defer s.mu.Unlock()
	defer func() {
		if ended > 0 {
			s.log.WarnContext(ctx, "sessions that waited in the middle of a batch were ended, and their transactions rolled back", "sessions", ended)
		}
	}()
	due, err := s.look(ctx)
	if err != nil {
		return 0, err
	}
	for _, one := range due {
		var gone bool
		tx := &Tx{db: s.db}
		tx.Returning("end a session", sqlEndSession, []any{one.pid, one.began}, func(scan func(...any) error) error { return scan(&gone) })
		if err := tx.autocommit(ctx, s.db.reservedConn); err != nil {
			return ended, fmt.Errorf("end the session of process %d, which waits in the middle of a batch and holds its locks: %w", one.pid, err)
		}
		if gone {
			ended++
		}
	}
	return ended, nil
}

// look notes who waits, forgets who doesn't any more, and returns whose time is over.
func (s *StuckSessions) look(ctx context.Context) (due []stuckSession, err error) {
	tx, now := &Tx{db: s.db}, time.Now()
	found := map[stuckSession]bool{}
	tx.Returning("look for half-sent batches", sqlStuck, nil, func(scan func(...any) error) error {
		var one stuckSession
		err := scan(&one.pid, &one.began)
		found[one] = true
		return err
	})
	if err := tx.autocommit(ctx, s.db.reservedConn); err != nil {
		return nil, err
	}
	maps.DeleteFunc(s.seen, func(one stuckSession, _ time.Time) bool { return !found[one] })
	for one := range found {
		since, known := s.seen[one]
		switch {
		case !known:
			s.seen[one] = now
		case now.Sub(since) >= stuckAfter:
			due = append(due, one)
		}
	}
	return due, nil
}
