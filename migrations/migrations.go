// Package migrations brings a database to the schema that this binary works with. The numbered SQL files are part of
// the binary, so a release can't be separated from its schema.
//
// Each file is one transaction and one subject, and limits with SET LOCAL how long it waits for locks and how long it
// runs: a migration that can't get its lock must fail, because everything queues behind it. (Limits in the connection's
// start-up parameters would do the same, but PgBouncer refuses those.) A file that builds indexes on tables that may be large
// by then has no transaction: CREATE INDEX CONCURRENTLY lets writes go on, and what a broken build left is dropped first.
//
// Files that were released are never edited, but to make applying one safe: goose looks at their numbers only. A file must work with the code before
// and after it, since replicas are replaced one by one.
package migrations

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
)

// Limits of the lock that lets one replica migrate at a time. The lock is a row, not a session's advisory lock: that
// would hold nothing behind PgBouncer in transaction mode. A replica that dies with it delays the others by its lease.
const (
	lockLease        = 15 * time.Second
	lockHeartbeat    = 3 * time.Second
	lockPollInterval = 100 * time.Millisecond
	lockPolls        = 900 // x 100 ms: 90 s, more than a migration's statement_timeout and a lease
	unlockPolls      = 30
)

// ErrNothingToUndo is returned by [Down] when no migration is applied.
var ErrNothingToUndo = errors.New("no migration is applied, so there is none to undo")

// Applied says whether and when a migration was applied.
type Applied struct {
	Version   int64
	Name      string    // file name
	AppliedAt time.Time // zero: pending
}

// Up applies what is missing, each file in a transaction of its own. Any number of replicas may call it at once: one
// works, the others wait for it. With nothing missing it takes no lock.
func Up(ctx context.Context, databaseURL string) error {
	return with(ctx, databaseURL, func(p *goose.Provider) error {
		if _, err := p.Up(ctx); err != nil {
			return fmt.Errorf("migrate up: %w", err)
		}
		return nil
	})
}

// Down undoes the migration applied last, with all data in its tables; [ErrNothingToUndo] when there is none.
func Down(ctx context.Context, databaseURL string) error {
	return with(ctx, databaseURL, func(p *goose.Provider) error {
		_, err := p.Down(ctx)
		if errors.Is(err, goose.ErrNoNextVersion) {
			return ErrNothingToUndo
		}
		if err != nil {
			return fmt.Errorf("migrate down: %w", err)
		}
		return nil
	})
}

// with runs work on a connection pool of its own.
func with(ctx context.Context, databaseURL string, work func(*goose.Provider) error) (err error) {
	db, err := connect(ctx, databaseURL)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	if err := adopt(ctx, db); err != nil {
		return fmt.Errorf("migrations: adopt what an early build has made: %w", err)
	}
	provider, err := newProvider(db)
	if err != nil {
		return fmt.Errorf("migrations: %w", err)
	}
	return work(provider)
}

func newProvider(db *sql.DB) (*goose.Provider, error) {
	quiet := slog.New(slog.DiscardHandler) // stdout and the log belong to the caller
	locker, err := lock.NewPostgresTableLocker(
		lock.WithTableName(lockTable),
		lock.WithTableLeaseDuration(lockLease),
		lock.WithTableHeartbeatInterval(lockHeartbeat),
		lock.WithTableLockTimeout(lockPollInterval, lockPolls),
		lock.WithTableUnlockTimeout(lockPollInterval, unlockPolls),
		lock.WithTableLogger(quiet),
	)
	if err != nil {
		return nil, err
	}
	return goose.NewProvider(goose.DialectPostgres, db, withEngine{files},
		goose.WithTableName(versionTable),
		goose.WithLocker(locker),
		goose.WithSlog(quiet),
		goose.WithDisableGlobalRegistry(true), // only the files above, whatever else is linked in
	)
}
