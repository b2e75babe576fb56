package postgres

import (
	"database/sql"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5/pgconn"
	"gorm.io/gorm"

	"github.com/payonce/payonce/idempotency"
)

// ErrNotFound means no such row, or another merchant's.
var ErrNotFound = errors.New("not found")

// ConstraintError says which invariant refused a write; the transaction was rolled back.
type ConstraintError struct{ Name string }

func (e *ConstraintError) Error() string { return "refused by " + e.Name }

// NotAffectedError says which write of [Tx.MustAffect] touched no row; the transaction was rolled back.
type NotAffectedError struct{ Label string }

func (e *NotAffectedError) Error() string { return e.Label + " touched no row" }

// errReadOnly: the server takes no writes and no row locks, but it still knows what is decided.
var errReadOnly = fmt.Errorf("%w: it is read-only", idempotency.ErrUnavailable)

// labelBegin and labelCommit name the first and the last statement of a transaction.
const (
	labelBegin  = "begin"
	labelCommit = "commit"
)

// classify is the one place that knows the driver's codes (PostgreSQL manual, appendix A). What the server refused with
// ERROR is definite: the transaction can't have committed. Everything else, FATAL included, says nothing about a
// COMMIT that was on its way.
func classify(label string, err error, commits bool) error {
	server, ok := errors.AsType[*pgconn.PgError](err)
	definite := ok && (server.Severity == "ERROR" || server.SeverityUnlocalized == "ERROR")
	if definite && commits && label == labelCommit && server.Code == "57014" {
		definite = false // a cancellation that arrives while COMMIT runs is reported after it
	}
	if definite {
		return refused(label, server)
	}
	if errors.Is(err, idempotency.ErrSerialization) {
		return err
	}
	if commits && !unsent(err) {
		return fmt.Errorf("%s: %w: %w", label, idempotency.ErrCommitUnknown, err)
	}
	return fmt.Errorf("%s: %w: %w", label, idempotency.ErrUnavailable, err)
}

// ReadError says why a read outside a [Tx], GORM's or plain, failed: [ErrNotFound], or what the server or the driver said of
// it. A statement that is wrong is a bug, and must not look like a store that is away.
func ReadError(operation string, err error) error {
	if errors.Is(err, gorm.ErrRecordNotFound) || errors.Is(err, sql.ErrNoRows) {
		return ErrNotFound
	}
	return classify(operation, err, false)
}

// WriteError says why a write outside a [Tx] failed, which commits by itself.
func WriteError(operation string, err error) error { return classify(operation, err, true) }

// unsent is true when the driver proves that nothing was sent. "conn closed" proves it only before a batch is sent, where
// sendBatch asks by itself: in exec mode pgx says the same when the connection breaks while the answer is awaited.
func unsent(err error) bool {
	return pgconn.SafeToRetry(err) && !errors.Is(err, pgconn.ErrConnClosed)
}

func refused(label string, err *pgconn.PgError) error {
	switch err.Code {
	// serialization_failure, deadlock_detected; and a statement that was prepared before a migration or a failover
	// (feature_not_supported: cached plan, invalid_sql_statement_name): pgx forgets it, so the next run prepares it anew.
	case "40001", "40P01", "0A000", "26000":
		return fmt.Errorf("%s: %w: %w", label, idempotency.ErrSerialization, err)
	case "22012": // division_by_zero: only writes that must affect a row divide
		return &NotAffectedError{label}
	case "25006": // read_only_sql_transaction
		return fmt.Errorf("%s: %w: %w", label, errReadOnly, err)
	case "55P03", "57014", "25P02": // lock_not_available, query_canceled, in_failed_sql_transaction
		return fmt.Errorf("%s: %w: %w", label, idempotency.ErrUnavailable, err)
	}
	switch class(err) {
	case "23": // integrity constraint violation, the triggers' check_violation included
		return fmt.Errorf("%s: %w", label, &ConstraintError{constraintOf(err)})
	case "08", "53", "57", "58": // connection, resources, operator intervention, system
		return fmt.Errorf("%s: %w: %w", label, idempotency.ErrUnavailable, err)
	}
	return fmt.Errorf("%s: %w", label, err)
}

// metMigration reports whether a transaction was rolled back as one is while a migration commits: a statement that is under way
// finds a name that is gone, or a function whose text is in another language by now (both class 42), or misses a row of the catalog
// (internal_error, "cache lookup failed"). A statement that is wrong looks the same, so it is reason for one more run, not for many.
func metMigration(err error) bool {
	server, ok := errors.AsType[*pgconn.PgError](err)
	return ok && (class(server) == "42" || server.Code == "XX000") &&
		!errors.Is(err, idempotency.ErrCommitUnknown) && !errors.Is(err, idempotency.ErrUnavailable)
}

// class is the first part of an SQLSTATE. What stands between may send an error without one.
func class(err *pgconn.PgError) string { return err.Code[:min(2, len(err.Code))] }

// takesNoWrites reports whether the server refused a write for a reason that is no reason to refuse a read: it is read-only, or has no
// room.
func takesNoWrites(err error) bool {
	server, ok := errors.AsType[*pgconn.PgError](err)
	return errors.Is(err, errReadOnly) || ok && class(server) == "53" && errors.Is(err, idempotency.ErrUnavailable)
}

// constraintOf names what refused; a column that must not be NULL has no constraint with a name.
func constraintOf(err *pgconn.PgError) string {
	if err.ConstraintName == "" {
		return "column " + err.ColumnName + ", SQLSTATE " + err.Code
	}
	return err.ConstraintName
}
