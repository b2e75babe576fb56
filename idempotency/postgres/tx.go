package postgres

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/payonce/payonce/idempotency"
	"github.com/payonce/payonce/idempotency/postgres/session"
)

// WhenMine is the condition of every locking read that travels with the claim of a key: without it the read would wait
// for a row although another request holds the key.
const WhenMine = `current_setting('payonce.mine') = 'true'`

// errNoFlush: a transaction that travels as one batch has no connection before it is whole.
var errNoFlush = errors.New("this transaction travels with its COMMIT: nothing can be read in it")

// Tx is a transaction whose statements are queued and travel together, with the next Flush or with COMMIT. Only this
// package makes one: a zero Tx panics when a statement is queued in it, because it would never be sent. It isn't safe for
// concurrent use.
type Tx struct {
	db       *Database
	conn     *sql.Conn // nil until the first batch is sent: a transaction that only queues statements holds no connection
	now      time.Time
	timeline uint32
	queue    []statement
	early    *early // of a transaction that travels as one batch, until something begins it before it is whole
	holds    bool   // the key's lock
	misuse   error
	notify   []string // topics whose listeners are woken after COMMIT

	committed []func() // called after COMMIT

	savepoints int // that GORM has set
	life       *ormLife
}

// early is how a transaction that travels as one batch is begun when something has to be read in it first.
type early struct {
	first  []statement // BEGIN, and what has to hold for anything behind it
	take   func(context.Context) (*sql.Conn, error)
	failed func(error) error // what an error of the first batch means
	holds  bool              // the first batch takes the key's lock
}

// Now is the transaction's time by Postgres's clock, in UTC and microseconds, as its columns store it; in a transaction
// that is sent in one batch, the monitor's estimate of it. It is zero in a release and in reads, which write no time.
func (tx *Tx) Now() time.Time { return tx.now }

// Insert queues an INSERT. It refuses an UPDATE or DELETE: one that touches no row would not stop the COMMIT behind it.
func (tx *Tx) Insert(label, query string, args ...any) {
	if tx.allows("INSERT", label, query) {
		tx.add(statement{label: label, sql: query, args: args})
	}
}

// RaceFor says of the statement that was queued last that the transaction has looked for the row of this unique key before. To
// be refused by that key then means that another transaction committed in between: the transaction is run again, and finds the row.
func (tx *Tx) RaceFor(unique string) {
	if last := len(tx.queue) - 1; last >= 0 {
		tx.queue[last].race = unique
	}
}

// allows remembers a wrong verb as the transaction's misuse, which the next Flush or COMMIT returns instead of sending.
func (tx *Tx) allows(verb, label, query string) bool {
	given, _, _ := strings.Cut(strings.TrimSpace(query), " ")
	if strings.EqualFold(given, verb) {
		return true
	}
	tx.misuse = errors.Join(tx.misuse, fmt.Errorf("%s: want %s, got %.20q; an UPDATE or DELETE goes through MustAffect", label, verb, query))
	return false
}

// MustAffect queues an UPDATE or DELETE without RETURNING, which fails the whole transaction unless it touches a row.
func (tx *Tx) MustAffect(label, query string, args ...any) {
	tx.add(mustAffect(label, query, args...))
}

// add queues a statement.
func (tx *Tx) add(s statement) {
	if tx.db == nil {
		panic("postgres: " + s.label + ": a Tx that no transaction made; take the one that was passed in") //nolint:forbidigo // the write would be lost
	}
	tx.queue = append(tx.queue, s)
}

func mustAffect(label, query string, args ...any) statement {
	return statement{label: label, sql: raiseUnlessAffected(query, "1"), args: args}
}

// raiseUnlessAffected divides by the number of rows touched: Postgres raises 22012 when there is none. A check in Go would come
// after the COMMIT that travels behind the statement.
func raiseUnlessAffected(query, returning string) string {
	return "WITH touched AS (" + query + " RETURNING " + returning + ") SELECT 1/count(*) FROM touched"
}

// Read queues a SELECT; rows is called once per row when the transaction is flushed. A locking read before the first Flush must
// carry WhenMine.
func (tx *Tx) Read(label, query string, args []any, rows func(scan func(dest ...any) error) error) {
	if tx.allows("SELECT", label, query) {
		tx.Returning(label, query, args, rows)
	}
}

// Returning queues a statement whose rows are wanted, whatever its verb. An UPDATE or DELETE in it that touches no row doesn't
// stop the COMMIT behind it: use it where none may be touched, or let the statement raise by itself; otherwise [Tx.MustAffect].
func (tx *Tx) Returning(label, query string, args []any, rows func(scan func(dest ...any) error) error) {
	tx.add(statement{label: label, sql: query, args: args, rows: rows})
}

// Flush sends what is queued, in one round trip. A transaction that would have been sent in one batch is begun by it.
func (tx *Tx) Flush(ctx context.Context) error {
	if tx.early != nil && len(tx.queue) > 0 {
		return tx.open(ctx)
	}
	queue := tx.queue
	tx.queue = nil
	return tx.send(ctx, queue, false)
}

// open begins a transaction that was to be sent in one batch: with what is queued, behind what has to hold first. When that
// doesn't hold it ends the transaction, and whatever is tried in it afterwards has the same error.
func (tx *Tx) open(ctx context.Context) (err error) {
	if tx.early == nil {
		return tx.Flush(ctx)
	}
	if tx.misuse != nil {
		return tx.misuse
	}
	begins := tx.early
	tx.queue, tx.early = append(slices.Clone(begins.first), tx.queue...), nil
	if err := tx.begin(ctx, begins.take); err != nil {
		tx.misuse = begins.failed(err)
		return tx.misuse
	}
	tx.holds = begins.holds
	return nil
}

// singleBatch sends a transaction as one batch on the reserved pool: BEGIN and what makes COMMIT durable, first, what is queued, COMMIT. Of
// one that was begun early it sends the rest.
func (tx *Tx) singleBatch(ctx context.Context, first ...statement) error {
	return tx.singleBatchWith(ctx, opening(), first...)
}

// singleBatchWith is singleBatch with other statements that begin the transaction.
func (tx *Tx) singleBatchWith(ctx context.Context, begin []statement, first ...statement) (err error) {
	if tx.conn != nil {
		tx.queue = append(first, tx.queue...)
		return tx.commit(ctx)
	}
	tx.early = nil
	queue := slices.Concat(begin, first, tx.queue)
	return RetryStalePlan(func() error {
		if tx.conn, err = tx.db.reservedConn(ctx); err != nil {
			return err
		}
		tx.queue = slices.Clone(queue)
		return tx.commit(ctx)
	})
}

// begin sends a transaction's first batch.
func (tx *Tx) begin(ctx context.Context, take func(context.Context) (*sql.Conn, error)) (err error) {
	queue := tx.queue
	return RetryStalePlan(func() error {
		if tx.conn, err = take(ctx); err != nil {
			return err
		}
		tx.queue = slices.Clone(queue)
		if err := tx.Flush(ctx); err != nil {
			tx.rollback()
			return err
		}
		return nil
	})
}

// opening is BEGIN and what makes COMMIT durable, for a transaction that asks nothing first.
func opening(first ...statement) []statement {
	return append([]statement{beginStatement(), {label: "durable", sql: "SELECT " + session.Durable}}, first...)
}

// beginStatement is BEGIN alone, for a transaction whose first statement makes its COMMIT durable.
func beginStatement() statement { return statement{label: labelBegin, sql: session.Begin} }

// autocommit sends what is queued as one statement without BEGIN, on a connection of its own.
func (tx *Tx) autocommit(ctx context.Context, take func(context.Context) (*sql.Conn, error)) (err error) {
	if tx.conn, err = take(ctx); err != nil {
		return err
	}
	defer func() { _ = tx.conn.Close() }()
	queue := tx.queue
	err = RetryStalePlan(func() error {
		tx.queue = slices.Clone(queue)
		return tx.Flush(ctx)
	})
	if err == nil {
		tx.notifyCommitted()
	}
	return err
}

// commit sends what is queued together with COMMIT, and returns the connection whatever happens.
func (tx *Tx) commit(ctx context.Context) error {
	tx.life.end()
	tx.queue = append(tx.queue, statement{label: labelCommit, sql: "COMMIT", tag: "COMMIT"})
	queue := tx.queue
	tx.queue = nil
	if err := tx.send(ctx, queue, true); err != nil {
		tx.rollback()
		return err
	}
	_ = tx.conn.Close() // the transaction is over; an error here only says that the pool will open another connection
	tx.conn = nil       // what a goroutine of the handler's tries in it later is an error, and not lost
	tx.notifyCommitted()
	return nil
}

// rollback ends the transaction in the background: no request waits for a round trip that can only release locks. The channel
// is closed when it has ended.
func (tx *Tx) rollback() <-chan struct{} {
	tx.life.end()
	ended := make(chan struct{})
	conn := tx.conn
	if conn == nil { // nothing was ever sent, or it has ended already
		close(ended)
		return ended
	}
	tx.conn = nil
	tx.db.releases.Go(func() {
		defer close(ended)
		ctx, cancel := context.WithTimeout(context.Background(), releaseBudget)
		defer cancel()
		_ = raw(conn, func(conn *pgx.Conn) error {
			if _, err := conn.Exec(ctx, "ROLLBACK"); err != nil {
				return driver.ErrBadConn // thrown away by the pool
			}
			return nil
		})
		_ = conn.Close()
	})
	return ended
}

// send makes one round trip. With commits, an error without a definite answer from the server is ErrCommitUnknown.
func (tx *Tx) send(ctx context.Context, queue []statement, commits bool) error {
	if tx.misuse != nil {
		return tx.misuse
	}
	if len(queue) == 0 {
		return nil
	}
	if tx.conn == nil {
		return errNoFlush
	}
	if queue[0].label == labelBegin && tx.db.connector.Pooled() {
		queue = slices.Insert(queue, 1, statement{label: "limits", sql: "SELECT " + session.Limits})
	}
	ctx, cancel := context.WithTimeout(ctx, roundTrip)
	defer cancel()
	if tx.db.trace != nil {
		return tx.sendTraced(ctx, queue, commits)
	}
	return raw(tx.conn, func(conn *pgx.Conn) error { return sendBatch(ctx, conn, queue, commits) })
}

// sendTraced is the end of send where round trips are measured. Where they aren't, send captures nothing of it.
func (tx *Tx) sendTraced(ctx context.Context, queue []statement, commits bool) error {
	ctx, queue, end := tx.db.trace.start(ctx, queue)
	err := raw(tx.conn, func(conn *pgx.Conn) error { return sendBatch(ctx, conn, queue, commits) })
	end(err)
	return err
}

// raw runs do on the driver's connection. When rows that a handler left open end the connection at this very moment,
// database/sql may hand out no connection at all and panic (Conn.grabConn asks whether it is closed before it takes the lock).
// That is a connection that is gone, and no reason to end the process.
func raw(conn *sql.Conn, do func(*pgx.Conn) error) (err error) {
	began := false
	defer func() {
		if cause := recover(); cause != nil {
			if began {
				panic(cause) //nolint:forbidigo // of do's
			}
			err = fmt.Errorf("%w: %w", idempotency.ErrUnavailable, sql.ErrConnDone)
		}
	}()
	return conn.Raw(func(driver any) error {
		began = true
		conn, ok := driver.(*stdlib.Conn)
		if !ok {
			return fmt.Errorf("the driver is %T, not pgx", driver)
		}
		return do(conn.Conn())
	})
}
