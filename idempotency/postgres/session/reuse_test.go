package session_test

import (
	"context"
	"database/sql"
	"testing"

	"github.com/payonce/payonce/idempotency/postgres/session"
	"github.com/payonce/payonce/test/proxy"
	"github.com/payonce/payonce/test/stores"
)

// A connection may have ended while it lay in the pool: the server was restarted, a balancer gave it up.
func TestAPoolHandsOutNoConnectionThatHasEnded(t *testing.T) {
	t.Parallel()
	const conns = 8
	way, err := proxy.NewPostgres(context.Background(), stores.EmptyDatabase(t)) // ends with Close
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(way.Close)
	connector, err := session.New(way.URL(), session.Options{Name: session.Name})
	if err != nil {
		t.Fatal(err)
	}
	pool := sql.OpenDB(connector)
	t.Cleanup(func() { _ = pool.Close() })
	pool.SetMaxIdleConns(conns)
	for round := range 5 {
		for range 2 { // the driver asks the server by itself, but not about what it has handed out within the last second
			for _, err := range useAll(t, pool, conns) {
				t.Errorf("round %d: got %v from a connection out of the pool, want an answer", round, err)
			}
		}
		if n := way.ResetAll(); n != conns {
			t.Errorf("round %d: got %d connections to reset, want %d", round, n, conns)
		}
	}
}

// useAll asks something on so many connections at once and gives them back.
func useAll(t *testing.T, pool *sql.DB, conns int) (errs []error) {
	t.Helper()
	var taken []*sql.Conn
	defer func() {
		for _, conn := range taken {
			_ = conn.Close()
		}
	}()
	for range conns {
		conn, err := pool.Conn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		taken = append(taken, conn)
		if _, err := conn.ExecContext(t.Context(), "SELECT 1"); err != nil {
			errs = append(errs, err)
		}
	}
	return errs
}
