package postgres

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"

	"gorm.io/gorm"
)

// DB flushes the queue and returns a GORM handle inside the transaction, for handlers that prefer it to SQL. What GORM
// sends goes at once, a round trip per statement; what is queued in the Tx after that travels with the next Flush, DB
// or COMMIT, behind it.
//
// Transactions that GORM begins in it (Begin, Transaction, CreateInBatches) are savepoints: rolling one back undoes what
// was done since, and committing one commits nothing before the Tx does.
func (tx *Tx) DB(ctx context.Context) (*gorm.DB, error) {
	if err := tx.open(ctx); err != nil {
		return nil, err
	}
	if tx.conn == nil {
		return nil, errNoFlush
	}
	handle := tx.db.gorm.Session(&gorm.Session{Context: ctx, NewDB: true})
	handle.DisableNestedTransaction = false // of this session's copy: a Transaction in a Transaction is a savepoint, too
	handle.Statement.ConnPool = pinned{tx.conn, &tx.savepoints, tx.orm()}
	return handle, nil
}

// pinned is the transaction's connection as GORM sees it. Its BeginTx sets a savepoint: a transaction that GORM began
// here would end with a COMMIT of everything, the record of the key not included.
type pinned struct {
	conn       *sql.Conn
	savepoints *int // how many there were
	life       *ormLife
}

// ormLife ends what GORM does in a Tx when it ends: a goroutine that the handler left behind would write behind
// COMMIT or ROLLBACK, outside any transaction, and rows that it forgot to close would keep the connection.
type ormLife struct {
	mu     sync.RWMutex
	over   context.Context
	cancel context.CancelFunc
}

func (tx *Tx) orm() *ormLife {
	if tx.life == nil {
		tx.life = &ormLife{}
		tx.life.over, tx.life.cancel = context.WithCancel(context.Background())
	}
	return tx.life
}

// end waits for the statement under way, and lets no other begin. Rows that are open are closed.
func (l *ormLife) end() {
	if l != nil {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.cancel()
	}
}

// enter returns a context that ends with the Tx, too.
func (l *ormLife) enter(ctx context.Context) (_ context.Context, leave func()) {
	l.mu.RLock()
	ctx, cancel := context.WithCancel(ctx)
	if l.over.Err() != nil { // now, and not by the goroutine of AfterFunc
		cancel()
	}
	context.AfterFunc(l.over, cancel)
	return ctx, l.mu.RUnlock
}

var (
	_ gorm.ConnPoolBeginner = pinned{}
	_ gorm.TxCommitter      = (*savepoint)(nil)
)

func (p pinned) PrepareContext(ctx context.Context, query string) (*sql.Stmt, error) {
	ctx, leave := p.life.enter(ctx)
	defer leave()
	stmt, err := p.conn.PrepareContext(ctx, query) //nolint:sqlclosecheck // the caller closes it
	return stmt, classifyORM(err)
}

func (p pinned) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	ctx, leave := p.life.enter(ctx)
	defer leave()
	result, err := p.conn.ExecContext(ctx, query, args...)
	return result, classifyORM(err)
}

func (p pinned) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	ctx, leave := p.life.enter(ctx)
	defer leave()
	rows, err := p.conn.QueryContext(ctx, query, args...) //nolint:sqlclosecheck // the caller closes them
	return rows, classifyORM(err)
}

func (p pinned) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	ctx, leave := p.life.enter(ctx)
	defer leave()
	return p.conn.QueryRowContext(ctx, query, args...)
}

// BeginTx sets a savepoint.
func (p pinned) BeginTx(ctx context.Context, opt *sql.TxOptions) (gorm.ConnPool, error) {
	if opt != nil && (opt.Isolation != sql.LevelDefault || opt.ReadOnly) {
		return nil, fmt.Errorf("a transaction inside a Tx is a savepoint: it can't have the isolation level %s or be read-only", opt.Isolation)
	}
	*p.savepoints++
	s := &savepoint{pinned: p, name: fmt.Sprintf("unit_%d", *p.savepoints)}
	if _, err := p.ExecContext(ctx, "SAVEPOINT "+s.name); err != nil {
		return nil, err
	}
	return s, nil
}

// savepoint is a transaction of GORM's inside the Tx.
type savepoint struct {
	pinned
	name string
	over bool
}

// Commit keeps what was done since the savepoint, for the Tx to commit.
func (s *savepoint) Commit() error { return s.end("RELEASE SAVEPOINT ") }

// Rollback undoes what was done since the savepoint.
func (s *savepoint) Rollback() error { return s.end("ROLLBACK TO SAVEPOINT ", "RELEASE SAVEPOINT ") }

// end has a context of its own: GORM gives none, and the handler's may be over when it rolls back.
func (s *savepoint) end(verbs ...string) error {
	if s.over {
		return sql.ErrTxDone
	}
	s.over = true
	ctx, cancel := context.WithTimeout(context.Background(), roundTrip)
	defer cancel()
	for _, verb := range verbs {
		if _, err := s.ExecContext(ctx, verb+s.name); err != nil {
			return err
		}
	}
	return nil
}

// classifyORM lets a lost race inside a handler's GORM statement be run again like any other.
func classifyORM(err error) error {
	if err == nil || errors.Is(err, sql.ErrConnDone) {
		return err
	}
	return classify("gorm", err, false)
}
