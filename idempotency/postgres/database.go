package postgres

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"gorm.io/driver/postgres"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"github.com/payonce/payonce/idempotency"
	"github.com/payonce/payonce/idempotency/postgres/session"
)

const (
	// freshWait bounds how long new work waits for a connection: beyond it, saying 503 is kinder than queueing.
	freshWait = time.Second
	// releaseBudget bounds the rollback and the return of a connection, which go on when the request has ended.
	releaseBudget = 5 * time.Second
	// reservedWait bounds one try to take a reserved connection, and roundTrip one batch: longer than statement_timeout, so
	// that only a dead connection or a silent server gets there.
	reservedWait = 2 * time.Second
	roundTrip    = 4 * time.Second
	// monitorConns let the monitor read although one connection is silent.
	monitorConns = 2
	// patientConns bound how many reads that take long run at once, in one process.
	patientConns = 4
	// readyWait bounds how long readiness is asked for: an answer that hangs is not "not ready".
	readyWait = time.Second
)

// Options are a database's limits; a zero field takes its default.
type Options struct {
	// MaxConns are for new work, default 20. Half as many, at least 4, are reserved for ending what has begun: a payment
	// spends a third of its round trips there, and with fewer connections payments would queue behind each other.
	MaxConns int
	ExecMode string // "cache_statement" (default), or "exec" behind a PgBouncer older than 1.21 in transaction mode
	Log      *slog.Logger
	Trace    *Trace // nil: round trips are not measured
	// ReadURL is a read replica's, for lists ([Database.List]); empty: there is none.
	ReadURL string
}

// Database is PostgreSQL: one pool for new work and a reserved one for bringing begun work to its end, so that a
// burst of new requests never keeps a charged payment from being recorded.
type Database struct {
	connector  *session.Connector
	gorm       *gorm.DB
	patient    *gorm.DB
	fresh      *sql.DB
	reserved   *sql.DB
	monitoring *sql.DB
	releases   sync.WaitGroup
	topics     topics
	trace      *Trace   // nil: none
	replica    *Replica // nil: there is none
	slow       *sql.DB  // patient's
}

// Open connects lazily: it fails on a malformed URL, not on a server that is away. No error holds a
// password of the URL.
func Open(url string, opt Options) (*Database, error) {
	connector, err := session.New(url, session.Options{Name: session.Name, Exec: opt.ExecMode == "exec", Tracer: opt.queries()})
	if err != nil {
		return nil, err
	}
	if opt.MaxConns <= 0 {
		opt.MaxConns = 20
	}
	fresh := openPool(connector, opt.MaxConns)
	orm, err := openGORM(fresh)
	if err != nil {
		return nil, err
	}
	d := &Database{
		connector: connector, gorm: orm, fresh: fresh, reserved: openPool(connector, max(4, opt.MaxConns/2)),
		monitoring: openPool(connector, monitorConns), trace: opt.Trace,
	}
	if d.patient, d.slow, err = openPatient(url, opt); err != nil {
		return nil, errors.Join(err, d.Close())
	}
	if opt.ReadURL != "" {
		if d.replica, err = openReplica(opt.ReadURL, opt, fresh); err != nil {
			return nil, errors.Join(err, d.Close())
		}
	}
	return d, nil
}

// queries is the driver's tracer; none at all where nothing is measured, because pgx asks whether there is one.
func (o Options) queries() pgx.QueryTracer {
	if o.Trace == nil {
		return nil
	}
	return queries{o.Trace.Spans}
}

func openPool(connector *session.Connector, size int) *sql.DB {
	pool := sql.OpenDB(connector)
	pool.SetMaxOpenConns(size)
	pool.SetMaxIdleConns(size)
	pool.SetConnMaxIdleTime(5 * time.Minute)
	return pool
}

// openGORM lets GORM share the pool. PrepareStmt stays off: pgx caches statements already, and GORM's own cache
// deadlocks on a small pool.
func openGORM(pool *sql.DB) (*gorm.DB, error) {
	orm, err := gorm.Open(postgres.New(postgres.Config{Conn: replanned{pool}}), &gorm.Config{
		SkipDefaultTransaction: true, DisableNestedTransaction: true, QueryFields: true, DisableAutomaticPing: true,
		Logger: logger.Discard, TranslateError: false,
		NowFunc: func() time.Time { return time.Now().UTC().Truncate(time.Microsecond) },
	})
	if err != nil {
		return nil, fmt.Errorf("open gorm: %w", err)
	}
	return orm, nil
}

// openPatient makes the pool for reads that take long.
func openPatient(url string, opt Options) (*gorm.DB, *sql.DB, error) {
	connector, err := session.New(url, session.Options{
		Name: session.Name, Exec: opt.ExecMode == "exec", Settings: session.Patient(), Tracer: opt.queries(),
	})
	if err != nil {
		return nil, nil, err
	}
	pool := openPool(connector, patientConns)
	orm, err := openGORM(pool)
	return orm, pool, err
}

// Patient is the handle for reads that may take long, up to 30 s each: sums over a ledger, ranges of an archive. Those on [Database.GORM]
// and [Database.SQL] are ended after 3 s, as the statements of transactions are.
func (d *Database) Patient() *gorm.DB { return d.patient }

// GORM is the handle for reads outside a transaction.
func (d *Database) GORM() *gorm.DB { return d.gorm }

// SQL is the pool for new work, for the few reads that are plain SQL.
func (d *Database) SQL() *sql.DB { return d.fresh }

// MonitorPool is for the monitor alone, which must see the clock and the revocations even when the other pools are full.
func (d *Database) MonitorPool() *sql.DB { return d.monitoring }

// Stats are the figures of the pool for new work and of the reserved one.
func (d *Database) Stats() (fresh, reserved sql.DBStats) { return d.fresh.Stats(), d.reserved.Stats() }

// Ready fails unless Postgres answers, read-only or not.
func (d *Database) Ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, readyWait)
	defer cancel()
	if err := d.fresh.PingContext(ctx); err != nil {
		return fmt.Errorf("%w: %w", idempotency.ErrUnavailable, err)
	}
	return nil
}

// Close waits for transactions that are still being rolled back, and closes the pools.
func (d *Database) Close() error {
	d.releases.Wait()
	var err error
	if d.replica != nil {
		err = d.replica.close()
	}
	if other := d.fresh.Close(); err == nil {
		err = other
	}
	for _, pool := range []*sql.DB{d.reserved, d.monitoring, d.slow} {
		if pool == nil { // opening failed before
			continue
		}
		if other := pool.Close(); err == nil {
			err = other
		}
	}
	if err != nil {
		return fmt.Errorf("close the pools: %w", err)
	}
	return nil
}

// freshConn takes a connection for new work, waiting a second at most.
func (d *Database) freshConn(ctx context.Context) (*sql.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, freshWait)
	defer cancel()
	return connect(ctx, d.fresh)
}

// reservedConn takes a connection for ending begun work, waiting two seconds at most: its callers try again, and a try
// that got hold of a dead connection must not use up the time of the next one.
func (d *Database) reservedConn(ctx context.Context) (*sql.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, reservedWait)
	defer cancel()
	return connect(ctx, d.reserved)
}

func connect(ctx context.Context, pool *sql.DB) (*sql.Conn, error) {
	conn, err := pool.Conn(ctx)
	if err != nil {
		return nil, fmt.Errorf("%w: no connection: %w", idempotency.ErrUnavailable, err)
	}
	return conn, nil
}
