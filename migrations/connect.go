package migrations

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/payonce/payonce/idempotency/postgres/session"
)

// connect opens a pool of its own: migrations need other settings than the service. It refuses a database that the service
// could not use, before anything is made in it.
func connect(ctx context.Context, databaseURL string) (*sql.DB, error) {
	connector, err := session.New(databaseURL, session.Options{
		Name: session.MigrationsName,
		Exec: true, // each statement is used once, and a change of the schema or an old PgBouncer would break prepared ones
		// Each file has limits of its own; what can't run in a transaction has none.
		Settings: map[string]string{"statement_timeout": "0", "lock_timeout": "0"},
	})
	if err != nil {
		return nil, fmt.Errorf("migrations: DATABASE_URL: %w", err)
	}
	db := sql.OpenDB(connector)
	if err := db.PingContext(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("migrations: database not reachable: %w", err), db.Close())
	}
	if err := errors.Join(session.Check(ctx, db), checkPlace(ctx, db)); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return db, nil
}

// checkPlace refuses to make the tables a second time in front of those that are there: a search_path that was changed, or
// a schema that got the role's name ("$user" comes first), would hide all keys and payments without a word.
func checkPlace(ctx context.Context, db *sql.DB) error {
	var place, first string
	err := db.QueryRowContext(ctx, `SELECT n.nspname::text, current_schema()::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
		WHERE c.relname = 'provider_attempts' AND c.relkind IN ('r', 'p') AND n.nspname = ANY (current_schemas(false))
		ORDER BY n.nspname = current_schema() DESC LIMIT 1`).Scan(&place, &first)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return nil
	case err != nil:
		return fmt.Errorf("look for payonce's tables: %w", err)
	case place != first:
		return fmt.Errorf("%w: payonce's tables are in schema %q, but the search_path leads to schema %q first, where new and empty ones "+
			"would be made. Name the schema in DATABASE_URL (?search_path=%s)", session.ErrUnfit, place, first, place)
	}
	return nil
}
