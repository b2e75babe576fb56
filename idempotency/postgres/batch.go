package postgres

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/payonce/payonce/idempotency"
)

// statement is one of a batch.
type statement struct {
	label string // names the statement in errors
	sql   string
	args  []any
	rows  func(scan func(dest ...any) error) error // called once per row; nil discards
	tag   string                                   // the command tag that must come back, if one must
	race  string                                   // the unique key whose refusal is a lost race, if there is one
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
			return s.failed(err, commits)
		}
	}
	if err := results.Close(); err != nil {
		return classify("end of batch", err, commits)
	}
	return nil
}

// failed says what an error of the statement means.
func (s statement) failed(err error, commits bool) error {
	err = classify(s.label, err, commits)
	if refused, ok := errors.AsType[*ConstraintError](err); ok && s.race != "" && refused.Name == s.race {
		return fmt.Errorf("%s: %w: refused by %s", s.label, idempotency.ErrSerialization, s.race)
	}
	return err
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
