package repository

import (
	"context"
	"database/sql"

	"gorm.io/gorm"
)

// DB flushes the queue and returns a GORM handle inside the transaction, for handlers that prefer it to SQL. What GORM
// sends goes at once, a round trip a statement.
func (u *Unit) DB(ctx context.Context) (*gorm.DB, error) {
	if err := u.Flush(ctx); err != nil {
		return nil, err
	}
	if u.conn == nil {
		return nil, errNoFlush
	}
	tx := u.db.gorm.Session(&gorm.Session{Context: ctx, NewDB: true})
	tx.Statement.ConnPool = pinned{u.conn}
	return tx, nil
}

// pinned is the transaction's connection as GORM sees it. It has no BeginTx on purpose: a transaction that GORM began
// here would end with a COMMIT of everything, the record of the key not included.
type pinned struct{ conn *sql.Conn }

func (p pinned) PrepareContext(ctx context.Context, query string) (*sql.Stmt, error) {
	stmt, err := p.conn.PrepareContext(ctx, query)
	return stmt, classifyORM(err)
}

func (p pinned) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	result, err := p.conn.ExecContext(ctx, query, args...)
	return result, classifyORM(err)
}

func (p pinned) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	rows, err := p.conn.QueryContext(ctx, query, args...)
	return rows, classifyORM(err)
}

func (p pinned) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	return p.conn.QueryRowContext(ctx, query, args...)
}

// classifyORM lets a lost race inside a handler's GORM statement be run again like any other.
func classifyORM(err error) error {
	if err == nil {
		return nil
	}
	return classify("gorm", err, false)
}
