package postgres

import (
	"context"
	"errors"
	"fmt"
)

// countLocked counts the rows of a table that a query calls due and that a transaction holds: recovery passes them by. It takes
// shared locks, for a moment, so that replicas that count at once don't count each other.
const countLocked = `WITH due AS MATERIALIZED (%s LIMIT 1000),
	free AS (SELECT 1 FROM %s AS held JOIN due USING (%s) FOR SHARE OF held SKIP LOCKED)
	SELECT (SELECT count(*) FROM due) - (SELECT count(*) FROM free)`

// Locked counts the records whose lease is over and that a transaction holds all the same, up to 1000.
func (s *Store) Locked(ctx context.Context) (int, error) {
	return s.db.countLocked(ctx, s.sql.locked)
}

// CountLocked counts the rows of a table that are due and that a transaction holds, up to 1000. The key are the columns of
// the table's primary key, separated by commas; due is a SELECT of them.
func (d *Database) CountLocked(ctx context.Context, table, key, due string) (int, error) {
	return d.countLocked(ctx, fmt.Sprintf(countLocked, due, table, key))
}

// countLocked is zero on a server that takes no locks: there nothing can be recovered, and recovery says so.
func (d *Database) countLocked(ctx context.Context, query string) (count int, err error) {
	ctx, cancel := context.WithTimeout(ctx, lookWait)
	defer cancel()
	err = d.Autocommit(ctx, func(tx *Tx) {
		tx.Returning("count what is due and locked", query, nil, func(scan func(...any) error) error { return scan(&count) })
	})
	if errors.Is(err, errReadOnly) {
		return 0, nil
	}
	return count, err
}
