package postgres

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/payonce/payonce/test/stores"
)

// emptyDriver has connections that do nothing.
type emptyDriver struct{}

func (emptyDriver) Connect(context.Context) (driver.Conn, error) { return emptyConn{}, nil }
func (d emptyDriver) Driver() driver.Driver                      { return d }
func (emptyDriver) Open(string) (driver.Conn, error)             { return emptyConn{}, nil }

type emptyConn struct{}

func (emptyConn) Prepare(string) (driver.Stmt, error) { return nil, driver.ErrSkip }
func (emptyConn) Close() error                        { return nil }
func (emptyConn) Begin() (driver.Tx, error)           { return nil, driver.ErrSkip }

func TestRawOutlivesAConnectionThatEndsAtTheSameMoment(t *testing.T) {
	t.Parallel()
	pool := sql.OpenDB(emptyDriver{})
	defer func() { _ = pool.Close() }()
	for range 20_000 {
		conn, err := pool.Conn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		var group sync.WaitGroup
		group.Go(func() { _ = conn.Close() })
		group.Go(func() {
			if err := raw(conn, func(*pgx.Conn) error { return nil }); err == nil {
				t.Error("got no error from a driver that isn't pgx")
			}
		})
		group.Wait()
	}
}

func TestRawLetsAPanicOfItsWorkPass(t *testing.T) {
	t.Parallel()
	db := openAt(t, stores.Database(t), "")
	conn, err := db.db.fresh.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	broken := errors.New("broken")
	defer func() {
		if cause := recover(); cause != broken { //nolint:errorlint // the very one
			t.Errorf("got %v, want the panic of the work", cause)
		}
	}()
	_ = raw(conn, func(*pgx.Conn) error { panic(broken) })
}
