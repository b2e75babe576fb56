package repository

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/payonce/payonce/idempotency"
)

// WhenMine is the condition of every locking read that travels with the claim of a key: without it the read would wait
// for a row although the key is somebody else's.
const WhenMine = `current_setting('payonce.mine') = 'true'`

// limits go with each transaction's first batch: a paused or dead replica keeps no key and no row locked for long.
const limits = `set_config('idle_in_transaction_session_timeout', '5s', true), set_config('lock_timeout', '500ms', true),
	set_config('statement_timeout', '3s', true)`

// errNoFlush: a transaction that travels as one batch has no connection before it is whole.
var errNoFlush = errors.New("this unit travels with its COMMIT: nothing can be read in it")

// Unit is a transaction whose statements are queued and travel together, with the next Flush or with COMMIT. It is
// not safe for concurrent use.
type Unit struct {
	db       *Database
	conn     *sql.Conn // nil until the first batch is sent: whoever queues statements holds no connection
	now      time.Time
	timeline uint32
	queue    []statement
	guard    *statement // of a unit that is sent whole, with its Complete
	holds    bool       // the key's lock
	misuse   error
}

type statement struct {
	label string // names the statement in errors
	sql   string
	args  []any
	rows  func(scan func(dest ...any) error) error // called once a row; nil discards
	tag   string                                   // the command tag that must come back, if one must
}

// Now is the transaction's time by Postgres's clock, in UTC and microseconds, as its columns store it; in a unit that is
// sent whole, the watch's estimate of it. It is zero in T2, take-back and Apply: there the SQL asks the clock.
func (u *Unit) Now() time.Time { return u.now }

// Insert queues an INSERT. It refuses an UPDATE or DELETE: one that touches no row would not stop the COMMIT behind it.
func (u *Unit) Insert(label, query string, args ...any) {
	if u.allows("INSERT", label, query) {
		u.queue = append(u.queue, statement{label: label, sql: query, args: args})
	}
}

// allows remembers a wrong verb as the unit's misuse, which the next Flush or COMMIT returns instead of sending.
func (u *Unit) allows(verb, label, query string) bool {
	given, _, _ := strings.Cut(strings.TrimSpace(query), " ")
	if strings.EqualFold(given, verb) {
		return true
	}
	u.misuse = errors.Join(u.misuse, fmt.Errorf("%s: want %s, got %.20q; an UPDATE or DELETE goes through Guard", label, verb, query))
	return false
}

// Guard queues an UPDATE or DELETE without RETURNING, which fails the whole transaction unless it touches a row.
func (u *Unit) Guard(label, query string, args ...any) {
	u.queue = append(u.queue, guardedStatement(label, query, args...))
}

func guardedStatement(label, query string, args ...any) statement {
	return statement{label: label, sql: guarded(query, "1"), args: args}
}

// guarded divides by the number of rows touched: Postgres raises 22012 when there is none.
func guarded(query, returning string) string {
	return "WITH touched AS (" + query + " RETURNING " + returning + ") SELECT 1/count(*) FROM touched"
}

// Read queues a SELECT; rows is called once a row when the unit is flushed. A locking read before the first Flush must
// carry WhenMine.
func (u *Unit) Read(label, query string, args []any, rows func(scan func(dest ...any) error) error) {
	if u.allows("SELECT", label, query) {
		u.returning(label, query, args, rows)
	}
}

// returning queues a statement of this package whose rows are wanted, whatever its verb.
func (u *Unit) returning(label, query string, args []any, rows func(scan func(dest ...any) error) error) {
	u.queue = append(u.queue, statement{label: label, sql: query, args: args, rows: rows})
}

// Flush sends what is queued, in one round trip.
func (u *Unit) Flush(ctx context.Context) error {
	queue := u.queue
	u.queue = nil
	return u.send(ctx, queue, false)
}

// whole sends a transaction as one batch on the reserved pool: BEGIN, the limits, first, what is queued, COMMIT.
func (u *Unit) whole(ctx context.Context, first ...statement) (err error) {
	if u.conn, err = u.db.reservedConn(ctx); err != nil {
		return err
	}
	u.queue = append(opening(first...), u.queue...)
	return u.commit(ctx)
}

// opening is BEGIN and the limits, for a transaction that asks nothing first.
func opening(first ...statement) []statement {
	return append([]statement{{label: "begin", sql: "BEGIN"}, {label: "limits", sql: "SELECT " + limits}}, first...)
}

// alone sends what is queued as one statement without BEGIN, on a connection of its own.
func (u *Unit) alone(ctx context.Context, take func(context.Context) (*sql.Conn, error)) (err error) {
	if u.conn, err = take(ctx); err != nil {
		return err
	}
	defer func() { _ = u.conn.Close() }()
	return u.Flush(ctx)
}

// commit sends what is queued together with COMMIT, and returns the connection whatever happens.
func (u *Unit) commit(ctx context.Context) error {
	u.queue = append(u.queue, statement{label: labelCommit, sql: "COMMIT", tag: "COMMIT"})
	queue := u.queue
	u.queue = nil
	if err := u.send(ctx, queue, true); err != nil {
		u.rollback()
		return err
	}
	_ = u.conn.Close() // the transaction is over; an error here only says that the pool will open another connection
	return nil
}

// rollback ends the transaction in the background: nobody waits for a round trip that can only release locks. The channel
// is closed when it has ended.
func (u *Unit) rollback() <-chan struct{} {
	ended := make(chan struct{})
	if u.conn == nil { // nothing was ever sent
		close(ended)
		return ended
	}
	u.db.releases.Go(func() {
		defer close(ended)
		ctx, cancel := context.WithTimeout(context.Background(), releaseBudget)
		defer cancel()
		_, _ = u.conn.ExecContext(ctx, "ROLLBACK") // a connection on which this fails is thrown away by the pool
		_ = u.conn.Close()
	})
	return ended
}

// send makes one round trip. With commits, an error without a definite answer from the server is ErrCommitUnknown.
func (u *Unit) send(ctx context.Context, queue []statement, commits bool) error {
	if u.misuse != nil {
		return u.misuse
	}
	if len(queue) == 0 {
		return nil
	}
	if u.conn == nil {
		return errNoFlush
	}
	ctx, cancel := context.WithTimeout(ctx, roundTrip)
	defer cancel()
	return u.conn.Raw(func(driver any) error {
		conn, ok := driver.(*stdlib.Conn)
		if !ok {
			return fmt.Errorf("the driver is %T, not pgx", driver)
		}
		return sendBatch(ctx, conn.Conn(), queue, commits)
	})
}

// typed passes UUIDs in pgx's own type: through uuid.UUID's Value they would travel as text, at a seventh of the
// process's time.
func typed(args []any) []any {
	for i, arg := range args {
		if id, ok := arg.(uuid.UUID); ok {
			args[i] = pgtype.UUID{Bytes: id, Valid: true}
		}
	}
	return args
}

func sendBatch(ctx context.Context, conn *pgx.Conn, queue []statement, commits bool) error {
	if conn.IsClosed() {
		return fmt.Errorf("%s: %w: %w", queue[0].label, idempotency.ErrUnavailable, pgconn.ErrConnClosed)
	}
	batch := &pgx.Batch{}
	for _, s := range queue {
		batch.Queue(s.sql, typed(s.args)...)
	}
	results := conn.SendBatch(ctx, batch)
	for _, s := range queue {
		if err := s.consume(results); err != nil {
			_ = results.Close() // the first error is the cause; Close only repeats it
			return classify(s.label, err, commits)
		}
	}
	if err := results.Close(); err != nil {
		return classify("end of batch", err, commits)
	}
	return nil
}

func (s statement) consume(results pgx.BatchResults) error {
	if s.rows == nil {
		tag, err := results.Exec()
		if err == nil && s.tag != "" && tag.String() != s.tag {
			return fmt.Errorf("%w: %s answered %q", idempotency.ErrSerialization, s.tag, tag.String())
		}
		return err
	}
	rows, err := results.Query()
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := s.rows(rows.Scan); err != nil {
			return err
		}
	}
	return rows.Err()
}
