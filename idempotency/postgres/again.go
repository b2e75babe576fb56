package postgres

import (
	"context"
	"database/sql"
	"errors"

	"github.com/jackc/pgx/v5/pgconn"
	"gorm.io/gorm"
)

// stalePlans bounds how often a statement is sent again: each connection may have prepared it before a migration, and
// prepares it anew when it was refused once.
const stalePlans = 64

// RetryStalePlan repeats what the server refused because it was prepared before a migration (0A000, cached plan) or is not prepared
// any more (26000). Nothing of it was executed, so it may be sent again; pgx has forgotten it by then. It is for what has no
// transaction around it, or is a whole one.
func RetryStalePlan(do func() error) (err error) {
	for range stalePlans {
		if err = do(); !stalePlan(err) {
			break
		}
	}
	return err
}

func stalePlan(err error) bool {
	refused, ok := errors.AsType[*pgconn.PgError](err)
	return ok && (refused.Code == "0A000" || refused.Code == "26000")
}

// replanned is a pool whose statements are sent again when their plans are stale: GORM's, outside transactions.
type replanned struct{ *sql.DB }

var (
	_ gorm.ConnPool       = replanned{}
	_ gorm.TxBeginner     = replanned{}
	_ gorm.GetDBConnector = replanned{}
)

// GetDBConn implements [gorm.GetDBConnector].
func (r replanned) GetDBConn() (*sql.DB, error) { return r.DB, nil }

func (r replanned) ExecContext(ctx context.Context, query string, args ...any) (result sql.Result, err error) {
	err = RetryStalePlan(func() error {
		result, err = r.DB.ExecContext(ctx, query, args...)
		return err
	})
	return result, err
}

func (r replanned) QueryContext(ctx context.Context, query string, args ...any) (rows *sql.Rows, err error) {
	err = RetryStalePlan(func() error {
		rows, err = r.DB.QueryContext(ctx, query, args...) //nolint:rowserrcheck,sqlclosecheck // the caller's
		return err
	})
	return rows, err
}

func (r replanned) QueryRowContext(ctx context.Context, query string, args ...any) (row *sql.Row) {
	_ = RetryStalePlan(func() error {
		row = r.DB.QueryRowContext(ctx, query, args...)
		return row.Err()
	})
	return row
}
