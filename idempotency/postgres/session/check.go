package session

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// ErrUnfit is what [Check] returns when a database can't be used as it is. The text says what to change.
var ErrUnfit = errors.New("this database can't be used as it is")

// demand is a default of the session that payonce can't work with, or can't change by itself everywhere.
type demand struct {
	setting string
	fits    func(value string) bool
	wants   string
}

func demands() []demand {
	return []demand{
		{"session_replication_role", isNot("replica"), "origin: replica switches off the triggers and foreign keys that protect money"},
		{"default_transaction_isolation", is("read committed"), "read committed"},
		{"bytea_output", is("hex"), "hex"},
		{"extra_float_digits", func(value string) bool { return !strings.HasPrefix(value, "-") }, "0 to 3"},
		{"default_table_access_method", is("heap"), "heap"},
		{"exit_on_error", is("off"), "off"},
		{"statement_timeout", atLeast(3000), "0, or at least 3s"},
		{"lock_timeout", atLeast(500), "0, or at least 500ms"},
		{"idle_in_transaction_session_timeout", atLeast(1000), "0, or at least 1s"},
		{"transaction_timeout", atLeast(15_000), "0, or at least 15s"},
		{"idle_session_timeout", atLeast(10_000), "0, or at least 10s"},
	}
}

func is(want string) func(string) bool   { return func(value string) bool { return value == want } }
func isNot(not string) func(string) bool { return func(value string) bool { return value != not } }

// atLeast takes milliseconds; 0 means without limit.
func atLeast(limit int) func(string) bool {
	return func(value string) bool {
		n, err := strconv.Atoi(value)
		return err == nil && (n == 0 || n >= limit)
	}
}

// Check fails unless the database behind a pool can be used: it is encoded in UTF8, the search_path leads to a schema, and
// no default that payonce depends on is another one. It looks at what a session begins with (reset_val), because behind a
// pooler what one session has set says nothing about the next. [ErrUnfit] when something has to be changed first.
func Check(ctx context.Context, db *sql.DB) error {
	var name, role, encoding string
	var schema sql.NullString
	err := db.QueryRowContext(ctx, `SELECT current_database(), session_user::text, current_setting('server_encoding'),
		current_schema()::text`).Scan(&name, &role, &encoding, &schema)
	switch {
	case err != nil:
		return fmt.Errorf("look at the database: %w", err)
	case encoding != "UTF8":
		return fmt.Errorf("%w: database %q is encoded in %s, payonce needs UTF8. Make another one "+
			"(CREATE DATABASE payonce ENCODING 'UTF8' TEMPLATE template0) and name it in DATABASE_URL", ErrUnfit, name, encoding)
	case !schema.Valid:
		return fmt.Errorf("%w: the search_path of role %q in database %q leads to no schema, so there is no place for the tables. "+
			"Make the schema, or name another one (DATABASE_URL with ?search_path=public, or ALTER ROLE %q SET search_path = public)",
			ErrUnfit, role, name, role)
	}
	return checkDefaults(ctx, db, name, role)
}

func checkDefaults(ctx context.Context, db *sql.DB, database, role string) (err error) {
	has, units := map[string]string{}, map[string]string{}
	rows, err := db.QueryContext(ctx, `SELECT name, reset_val, coalesce(unit, '') FROM pg_settings WHERE reset_val IS NOT NULL`)
	if err != nil {
		return fmt.Errorf("look at the database's settings: %w", err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var setting, value, unit string
		if err := rows.Scan(&setting, &value, &unit); err != nil {
			return fmt.Errorf("look at the database's settings: %w", err)
		}
		has[setting], units[setting] = value, unit
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("look at the database's settings: %w", err)
	}
	for _, d := range demands() {
		if value, known := has[d.setting]; known && !d.fits(value) {
			return fmt.Errorf("%w: %s is %q for role %q in database %q, payonce needs %s. Change it where it was set: "+
				"ALTER ROLE %q RESET %[2]s, ALTER DATABASE %[5]q RESET %[2]s, or in the server's configuration",
				ErrUnfit, d.setting, value+units[d.setting], role, database, d.wants, role)
		}
	}
	return nil
}
