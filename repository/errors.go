package repository

import (
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/payonce/payonce/idempotency"
)

// ErrNotFound means no such row, or another merchant's.
var ErrNotFound = errors.New("not found")

// ConstraintError says which invariant refused a write; the transaction was rolled back.
type ConstraintError struct{ Name string }

func (e *ConstraintError) Error() string { return "refused by " + e.Name }

// GuardError says which guarded write touched no row; the transaction was rolled back.
type GuardError struct{ Label string }

func (e *GuardError) Error() string { return e.Label + " touched no row" }

// errReadOnly: the server takes no writes and no row locks, but it still knows what is decided.
var errReadOnly = fmt.Errorf("%w: it is read-only", idempotency.ErrUnavailable)

// labelCommit names the last statement of a transaction.
const labelCommit = "commit"

// lostRace names the unique keys of which a transaction reads the holder before it writes. To be refused by one means
// that the holder committed in between: run again, the transaction finds it and says so properly.
func lostRace(constraint string) bool {
	return constraint == "idempotency_keys_pkey" || constraint == "orders_reference_uq"
}

// classify is the one place that knows the driver's codes (PostgreSQL manual, appendix A). What the server refused with
// ERROR is definite: the transaction can't have committed. Everything else, FATAL included, tells nothing about a
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

// unsent tells whether the driver proves that nothing was sent. "conn closed" proves it only before a batch is sent, where
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
	case "22012": // division_by_zero: only guards divide
		return &GuardError{label}
	case "25006": // read_only_sql_transaction
		return fmt.Errorf("%s: %w: %w", label, errReadOnly, err)
	case "55P03", "57014", "25P02": // lock_not_available, query_canceled, in_failed_sql_transaction
		return fmt.Errorf("%s: %w: %w", label, idempotency.ErrUnavailable, err)
	}
	switch err.Code[:2] {
	case "23": // integrity constraint violation, the triggers' check_violation included
		if lostRace(err.ConstraintName) {
			return fmt.Errorf("%s: %w: refused by %s", label, idempotency.ErrSerialization, err.ConstraintName)
		}
		return fmt.Errorf("%s: %w", label, &ConstraintError{err.ConstraintName})
	case "08", "53", "57", "58": // connection, resources, operator intervention, system
		return fmt.Errorf("%s: %w: %w", label, idempotency.ErrUnavailable, err)
	}
	return fmt.Errorf("%s: %w", label, err)
}
