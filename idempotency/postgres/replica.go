package postgres

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"gorm.io/gorm"

	"github.com/payonce/payonce/idempotency/postgres/session"
)

const (
	// maxLag is how far a read replica may be behind: one that lacks what the primary had this long ago is not read.
	maxLag = 3 * time.Second
	// replicaInterval is the pause between two looks at the replica, and replicaWait bounds a look, and a list that is read there. With
	// both, what a list shows is 5 s old at most.
	replicaInterval = time.Second
	replicaWait     = time.Second
)

var errOtherServer = errors.New("it is no replica of DATABASE_URL's server")

// Replica is a read replica of the database. Lists may be read there, and nothing else: its sessions are read-only.
type Replica struct {
	pool    *sql.DB
	gorm    *gorm.DB
	primary *sql.DB
	log     *slog.Logger
	near    atomic.Bool
	marks   []mark // the primary's, oldest first; the looking goroutine's own
	cancel  context.CancelFunc
	done    chan struct{}
}

// mark is what the primary had written at a moment.
type mark struct {
	at  time.Time
	lsn string
}

// openReplica connects lazily, and looks until close whether the replica may be read. A replica that is away is no error.
func openReplica(url string, opt Options, primary *sql.DB) (*Replica, error) {
	connector, err := session.New(url, session.Options{
		Name: session.Name, Exec: opt.ExecMode == "exec", Settings: map[string]string{"default_transaction_read_only": "on"},
	})
	if err != nil {
		return nil, fmt.Errorf("DATABASE_READ_URL: %w", err)
	}
	pool := openPool(connector, opt.MaxConns)
	orm, err := openGORM(pool)
	if err != nil {
		return nil, errors.Join(err, pool.Close())
	}
	log := opt.Log
	if log == nil {
		log = slog.Default()
	}
	ctx, cancel := context.WithCancel(context.Background())
	r := &Replica{pool: pool, gorm: orm, primary: primary, log: log, cancel: cancel, done: make(chan struct{})}
	go r.keepLooking(ctx)
	return r, nil
}

func (r *Replica) close() error {
	r.cancel()
	<-r.done
	return r.pool.Close()
}

func (r *Replica) keepLooking(ctx context.Context) {
	defer close(r.done)
	ticker := time.NewTicker(replicaInterval)
	defer ticker.Stop()
	var told error
	for first := true; ; first = false {
		err := r.look(ctx)
		if ctx.Err() != nil {
			return
		}
		switch {
		case err != nil && (first || told == nil):
			r.log.WarnContext(ctx, "the read replica is not read: lists come from the primary", "error", err)
		case err == nil && (first || told != nil):
			r.log.InfoContext(ctx, "lists come from the read replica")
		}
		told = err
		r.near.Store(err == nil)
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// look fails unless the replica is one of this primary, and has all that the primary had maxLag ago. While the primary is away,
// that is all that is known of it.
func (r *Replica) look(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, replicaWait)
	defer cancel()
	var server int64
	var lsn string
	began := time.Now()
	err := r.primary.QueryRowContext(ctx, "SELECT system_identifier, pg_current_wal_lsn()::text FROM pg_control_system()").Scan(&server, &lsn)
	if err == nil {
		r.marks = append(r.marks, mark{began, lsn})
		for len(r.marks) > 1 && time.Since(r.marks[1].at) >= maxLag {
			r.marks = r.marks[1:]
		}
	}
	if len(r.marks) == 0 {
		return fmt.Errorf("the primary is away: %w", err)
	}
	var replicas int64
	var near bool
	err = r.pool.QueryRowContext(ctx, `SELECT system_identifier, coalesce(CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn()
		ELSE pg_current_wal_lsn() END >= $1::text::pg_lsn, false) FROM pg_control_system()`, r.marks[0].lsn).Scan(&replicas, &near)
	switch {
	case err != nil:
		return err
	case server != 0 && server != replicas:
		return errOtherServer
	case !near:
		return fmt.Errorf("it is more than %s behind", maxLag)
	}
	return nil
}

// List reads at the replica when there is one that is near enough, and else, or when that fails, at the primary. What it reads
// may lack what was written in the last 5 s: never decide anything by it.
func (d *Database) List(ctx context.Context, read func(db *gorm.DB) error) error {
	if r := d.replica; r != nil && r.near.Load() {
		if err := r.read(ctx, read); err == nil {
			return nil
		}
		r.near.Store(false) // until the next look
	}
	return read(d.gorm.WithContext(ctx))
}

func (r *Replica) read(ctx context.Context, read func(db *gorm.DB) error) error {
	ctx, cancel := context.WithTimeout(ctx, replicaWait)
	defer cancel()
	return read(r.gorm.WithContext(ctx))
}
