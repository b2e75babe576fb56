// Package schema makes the one table that the idempotency engine needs in PostgreSQL, for services that put their own
// handlers behind it: idempotency_keys with its triggers, and idempotency_keys_version, which says that it is there. It
// makes nothing else, in a schema that the service names, so it meets neither the service's own tables nor the version
// table of a migration tool.
//
// [Migrate] runs the statements that [SQL] prints, so that they can also be run by someone else where the service's role
// may not create tables.
package schema

import (
	"context"
	"database/sql"
	_ "embed" // the table's definition
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/payonce/payonce/idempotency/postgres/session"
)

//go:embed idempotency_keys.sql
var first string

//go:embed idempotency_keys_2.sql
var second string

//go:embed idempotency_keys_3.sql
var third string

//go:embed idempotency_keys_4.sql
var fourth string

// Steps returns the statements that make each version of the table of the one before it, the first of nothing. They name no schema:
// a tool's migrations may run each of them in a file of its own. A change of the table adds a step, and never edits one that was
// released.
func Steps() []string { return []string{first, second, third, fourth} }

// DefaultSchema is where the table is made when no schema is named.
const DefaultSchema = "public"

const maxName = 63 // bytes of a PostgreSQL identifier

// Options say where the table is made, and for whom.
type Options struct {
	// Schema is made when it isn't there. Empty: DefaultSchema. It is a name, not SQL: any text of up to 63 bytes.
	Schema string
	// Role gets what the service needs of schema and table, when the table is made; the text of SQL, run again, grants it
	// to another one later. Empty: only the role that makes the table may use it.
	Role string
}

// Migrate makes the table where it is missing, in one transaction. Any number of replicas may call it at once, and again
// at each start: with nothing to do it only reads, and needs no right to create anything.
func Migrate(ctx context.Context, databaseURL string, opt Options) (err error) {
	connector, err := session.New(databaseURL, session.Options{
		Name:     session.MigrationsName,
		Exec:     true,                                   // nothing is prepared, so a PgBouncer does no harm
		Settings: map[string]string{"lock_timeout": "0"}, // replicas wait for each other; the script has limits of its own
	})
	if err != nil {
		return fmt.Errorf("idempotency table: %w", err)
	}
	db := sql.OpenDB(connector)
	defer func() { err = errors.Join(err, db.Close()) }()
	return MigrateDB(ctx, db, opt)
}

// MigrateDB is Migrate on a pool of pgx or lib/pq that the service has already.
func MigrateDB(ctx context.Context, db *sql.DB, opt Options) error {
	if err := opt.check(); err != nil {
		return err
	}
	conn, err := db.Conn(ctx)
	if err != nil {
		return fmt.Errorf("idempotency table: database not reachable: %w", err)
	}
	defer func() { _ = conn.Close() }()
	done, err := applied(ctx, conn, opt.schema())
	if err != nil || done {
		return err
	}
	if _, err := conn.ExecContext(ctx, script(opt)); err != nil {
		_, _ = conn.ExecContext(context.WithoutCancel(ctx), "ROLLBACK") // a connection on which this fails is closed by the pool
		return opt.explained(err)
	}
	return nil
}

// applied reads whether the table is there in this version or a later one.
func applied(ctx context.Context, conn *sql.Conn, schema string) (bool, error) {
	var there bool
	err := conn.QueryRowContext(ctx, `SELECT EXISTS (SELECT FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
		WHERE n.nspname = $1 AND c.relname = 'idempotency_keys_version')`, schema).Scan(&there)
	if err != nil || !there {
		return false, wrap(err)
	}
	var last int
	err = conn.QueryRowContext(ctx, `SELECT coalesce(max(version), 0) FROM `+quote(schema)+`.idempotency_keys_version`).Scan(&last)
	return last >= len(Steps()), wrap(err)
}

func wrap(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("idempotency table: look for it: %w", err)
}

// explained says what to do about the two refusals that a person has to resolve.
func (o Options) explained(err error) error {
	server, ok := errors.AsType[*pgconn.PgError](err)
	switch {
	case ok && server.Code == "42501": // insufficient_privilege
		return fmt.Errorf("idempotency table: this role may not make it in schema %q; name another schema, or have a role that may run the text "+
			"of schema.SQL, with Options.Role set to this role: %w", o.schema(), err)
	case ok && server.Code == "55000": // the script's own
		return fmt.Errorf("idempotency table: %w", err)
	}
	return fmt.Errorf("idempotency table: make it in schema %q: %w", o.schema(), err)
}

func (o Options) schema() string {
	if o.Schema == "" {
		return DefaultSchema
	}
	return o.Schema
}

func (o Options) check() error {
	for what, name := range map[string]string{"Schema": o.schema(), "Role": o.Role} {
		if len(name) > maxName || !utf8.ValidString(name) || strings.Contains(name, "\x00") || strings.HasPrefix(name, "pg_") {
			return fmt.Errorf("idempotency table: Options.%s: %.100q is no name that PostgreSQL takes: up to %d bytes of UTF-8, not beginning with pg_",
				what, name, maxName)
		}
	}
	return nil
}

// SQL is what Migrate runs, as a script for psql or a migration tool: one transaction, to be run as often as one likes.
func SQL(opt Options) (string, error) {
	if err := opt.check(); err != nil {
		return "", err
	}
	return script(opt), nil
}

// lockKey keeps replicas that start together from making the table at once: any number that nothing else uses.
const lockKey = 0x7061796f6e6365 // "payonce"

func script(opt Options) string {
	name, tag := quote(opt.schema()), "$payonce$"
	for strings.Contains(name, tag) {
		tag = "$payonce_" + tag[1:]
	}
	return `-- The table of the idempotency engine, version ` + strconv.Itoa(len(Steps())) + `.
BEGIN ISOLATION LEVEL READ COMMITTED; -- so that one who waited for the lock sees what was made meanwhile
SET LOCAL statement_timeout = '60s';
SET LOCAL standard_conforming_strings = on;
SELECT pg_advisory_xact_lock(` + strconv.FormatInt(lockKey, 10) + `);
SET LOCAL lock_timeout = '5s';
DO ` + tag + ` BEGIN
  IF to_regnamespace(` + literal(name) + `) IS NULL THEN
    CREATE SCHEMA ` + name + `;
  END IF;
END ` + tag + `;
SET LOCAL search_path = ` + name + `, pg_temp;
DO ` + tag + ` BEGIN
  IF to_regclass(` + literal(name+".idempotency_keys_version") + `) IS NULL THEN
    IF to_regclass(` + literal(name+".idempotency_keys") + `) IS NOT NULL THEN
      RAISE EXCEPTION 'schema % has a table idempotency_keys that the engine did not make; name another schema', ` + literal(opt.schema()) + `
        USING ERRCODE = '55000';
    END IF;
    CREATE TABLE idempotency_keys_version (
      version    integer     NOT NULL CONSTRAINT idempotency_keys_version_pkey PRIMARY KEY,
      applied_at timestamptz NOT NULL DEFAULT clock_timestamp()
    );
  END IF;
` + steps() + `END ` + tag + `;
` + grants(opt) + `COMMIT;
`
}

// steps runs those that the table has not had yet.
func steps() string {
	var text strings.Builder
	for i, step := range Steps() {
		version := strconv.Itoa(i + 1)
		text.WriteString(`  IF NOT EXISTS (SELECT FROM idempotency_keys_version WHERE version >= ` + version + `) THEN
` + step + `
    INSERT INTO idempotency_keys_version (version) VALUES (` + version + `);
  END IF;
`)
	}
	return text.String()
}

func grants(opt Options) string {
	if opt.Role == "" {
		return ""
	}
	role := quote(opt.Role)
	return `GRANT USAGE ON SCHEMA ` + quote(opt.schema()) + ` TO ` + role + `;
GRANT SELECT, INSERT, UPDATE, DELETE ON idempotency_keys TO ` + role + `;
GRANT SELECT ON idempotency_keys_version TO ` + role + `;
`
}

// quote makes an identifier, literal a string constant (PostgreSQL manual, 4.1).
func quote(name string) string   { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }
func literal(text string) string { return `'` + strings.ReplaceAll(text, `'`, `''`) + `'` }
