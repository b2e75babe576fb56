package main

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

const (
	merchants  = 100 // one in five records is the benchmark's merchant's
	ownShare   = 5
	tombstones = 6 // one in so many records of the others has expired
	stride     = 7_368_787
)

// filler fills a table of records by COPY, without its indexes, which are made at the end.
type filler struct {
	*site
	rows     int
	progress func(string)
}

func (f filler) run(ctx context.Context) error {
	if f.rows == 0 {
		return nil
	}
	tx, err := f.site.rows.Begin(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback(ctx) }() // does nothing after the COMMIT
	again, err := f.dropIndexes(ctx, tx)
	if err != nil {
		return err
	}
	// What the table holds by now is one record of one order; a table that is emptied in the transaction is filled without WAL.
	if _, err := tx.Exec(ctx, "TRUNCATE idempotency_keys"); err != nil {
		return err
	}
	if _, err := tx.CopyFrom(ctx, pgx.Identifier{"idempotency_keys"}, recordColumns, pgx.CopyFromSlice(f.rows, f.row())); err != nil {
		return err
	}
	f.progress("filling: indexes")
	for _, statement := range append([]string{"SET LOCAL maintenance_work_mem = '1GB'"}, again...) {
		if _, err := tx.Exec(ctx, statement); err != nil {
			return fmt.Errorf("%s: %w", statement, err)
		}
	}
	if err := tx.Commit(ctx); err != nil {
		return err
	}
	f.records.made = (f.rows + ownShare - 1) / ownShare
	f.progress("filling: vacuum")
	return f.stage.settle(ctx, f.database)
}

// dropIndexes drops what a schema has on the table and returns the statements that make it again.
func (f filler) dropIndexes(ctx context.Context, tx pgx.Tx) (again []string, err error) {
	rows, err := tx.Query(ctx, `SELECT coalesce('ALTER TABLE idempotency_keys DROP CONSTRAINT ' || c.conname, 'DROP INDEX ' || i.indexname),
			coalesce('ALTER TABLE idempotency_keys ADD CONSTRAINT ' || c.conname || ' ' || pg_get_constraintdef(c.oid), i.indexdef)
		FROM pg_indexes i LEFT JOIN pg_constraint c ON c.conname = i.indexname AND c.contype IN ('p', 'u')
		WHERE i.tablename = 'idempotency_keys'`)
	if err != nil {
		return nil, err
	}
	var drops []string
	var drop, remake string
	if _, err = pgx.ForEachRow(rows, []any{&drop, &remake}, func() error {
		drops, again = append(drops, drop), append(again, remake)
		return nil
	}); err != nil {
		return nil, err
	}
	for _, statement := range drops {
		if _, e := tx.Exec(ctx, statement); e != nil {
			err = errors.Join(err, fmt.Errorf("%s: %w", statement, e))
		}
	}
	return again, err
}

// row makes the row at a place of the table. The order in which they lie there is not the one in which they are asked for.
func (f filler) row() func(at int) ([]any, error) {
	own, others := f.recordRow(expires), f.recordRow(expires)
	gone := time.Now().UTC().Add(-48 * time.Hour)
	return func(at int) ([]any, error) {
		if at%1_000_000 == 0 {
			f.progress(fmt.Sprintf("filling: %d of %d records", at, f.rows))
		}
		number := int(int64(at) * stride % int64(f.rows))
		if f.rows%stride == 0 { // the stride would not reach every number
			number = at
		}
		if number%ownShare == 0 {
			return own(number / ownShare), nil
		}
		row := others(f.rows + number)
		row[0] = pgUUID(merchant(number))
		if number%tombstones == 0 { // body and headers are dropped
			row[5], row[11], row[12], row[13], row[14], row[15] = "expired", nil, nil, gone, gone, gone
		}
		return row, nil
	}
}

// merchant is one of the others.
func merchant(number int) uuid.UUID {
	id := uuid.UUID{6: 0x70, 8: 0x80}
	binary.BigEndian.PutUint16(id[14:], uint16(1+number%(merchants-1))) //nolint:gosec // less than a hundred
	return id
}
