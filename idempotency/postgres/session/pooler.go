package session

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
)

const (
	// statementProbes in a row have to succeed: between two transactions of the same client, a busy pooler may happen to give it the
	// same server connection again.
	statementProbes = 3
	// statementWait bounds one probe: where the pooler has one server connection only, it waits for itself.
	statementWait = 2 * time.Second
)

// KeepsStatements tells whether what a connection has prepared is still there in its next transaction. Behind PgBouncer in
// transaction mode it is not, before version 1.21 or with max_prepared_statements = 0: the next transaction is another server
// connection's, which lacks the statement, or has one of the same name already. It asks a server that is connected directly for
// one number, and takes two connections otherwise.
func KeepsStatements(ctx context.Context, databaseURL string) (keeps bool, err error) {
	connector, err := New(databaseURL, Options{Name: Name, Exec: true})
	if err != nil {
		return false, err
	}
	db := sql.OpenDB(connector)
	defer func() { err = errors.Join(err, db.Close()) }()
	conn, err := db.Conn(ctx)
	if err != nil {
		return false, fmt.Errorf("look for a pooler: %w", err)
	}
	defer func() { _ = conn.Close() }()
	err = conn.Raw(func(driver any) error {
		client := driver.(*stdlib.Conn).Conn()
		if keeps, err = isDirect(ctx, client); keeps || err != nil {
			return err
		}
		for range statementProbes {
			if keeps, err = survives(ctx, db, client); !keeps || err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return false, fmt.Errorf("look for a pooler: %w", err)
	}
	return keeps, nil
}

// isDirect: a pooler gives each client a number of its own to cancel with, because the server's changes; PostgreSQL's number is
// the process id (manual, 55.2.1).
func isDirect(ctx context.Context, client *pgx.Conn) (bool, error) {
	var pid uint32
	err := client.QueryRow(ctx, "SELECT pg_backend_pid()").Scan(&pid)
	return pid == client.PgConn().PID(), err
}

// survives prepares a statement, occupies the server connection that has it by another client's transaction, and uses it.
func survives(ctx context.Context, db *sql.DB, client *pgx.Conn) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, statementWait)
	defer cancel()
	name := "payonce_" + rand.Text()
	if _, err := client.Prepare(ctx, name, "SELECT 1"); err != nil {
		return false, err
	}
	other, err := db.BeginTx(ctx, nil)
	if err == nil {
		err = client.PgConn().ExecPrepared(ctx, name, nil, nil, nil).Read().Err
		_ = other.Rollback()
	}
	lost, refused := errors.AsType[*pgconn.PgError](err)
	switch {
	case refused && lost.Code == "26000", errors.Is(err, context.DeadlineExceeded): // invalid_sql_statement_name
		return false, nil
	case err != nil:
		return false, err
	}
	return true, client.Deallocate(ctx, name)
}
