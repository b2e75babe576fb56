package proxy_test

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/payonce/payonce/test/proxy"
	"github.com/payonce/payonce/test/stores"
)

// bank is a table behind a proxy.
type bank struct {
	t      *testing.T
	proxy  *proxy.Postgres
	direct *pgx.Conn
}

func newBank(t *testing.T) *bank {
	t.Helper()
	url := stores.EmptyDatabase(t)
	b := &bank{t: t, direct: connect(t, url, pgx.QueryExecModeCacheStatement)}
	if _, err := b.direct.Exec(t.Context(), "CREATE TABLE money (id int PRIMARY KEY)"); err != nil {
		t.Fatal(err)
	}
	var err error
	if b.proxy, err = proxy.NewPostgres(t.Context(), url); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.proxy.Close)
	return b
}

func connect(t *testing.T, url string, mode pgx.QueryExecMode) *pgx.Conn {
	t.Helper()
	config, err := pgx.ParseConfig(url)
	if err != nil {
		t.Fatal(err)
	}
	config.DefaultQueryExecMode = mode
	conn, err := pgx.ConnectConfig(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

// has reports whether a row was committed. It reads on a connection of its own, which sees only what is committed.
func (b *bank) has(id int) (there bool) {
	b.t.Helper()
	if err := b.direct.QueryRow(b.t.Context(), "SELECT EXISTS (SELECT FROM money WHERE id = $1)", id).Scan(&there); err != nil {
		b.t.Fatal(err)
	}
	return there
}

// free reports whether the row's key is free: no transaction has written it, not even one that is still open.
func (b *bank) free(id int) bool {
	b.t.Helper()
	tx, err := b.direct.Begin(b.t.Context())
	if err != nil {
		b.t.Fatal(err)
	}
	defer func() { _ = tx.Rollback(b.t.Context()) }()
	if _, err := tx.Exec(b.t.Context(), "SET LOCAL lock_timeout = '10ms'"); err != nil {
		b.t.Fatal(err)
	}
	_, err = tx.Exec(b.t.Context(), "INSERT INTO money VALUES ($1)", id)
	return err == nil
}

// batch sends a transaction as one batch, as the service's units do.
func batch(conn *pgx.Conn, id int) error {
	queue := &pgx.Batch{}
	queue.Queue("BEGIN")
	queue.Queue("INSERT INTO money VALUES ($1)", id)
	queue.Queue("COMMIT")
	return conn.SendBatch(context.Background(), queue).Close()
}

// steps sends a transaction statement by statement; pgx sends its begin and commit as simple queries.
func steps(conn *pgx.Conn, id int) error {
	tx, err := conn.Begin(context.Background())
	if err != nil {
		return err
	}
	if _, err := tx.Exec(context.Background(), "INSERT INTO money VALUES ($1)", id); err != nil {
		return err
	}
	return tx.Commit(context.Background())
}

// ways are all the ways in which a COMMIT travels.
func (b *bank) ways(each func(name string, first int, commit func(id int) error)) {
	first := 0
	for mode, name := range map[pgx.QueryExecMode]string{
		pgx.QueryExecModeCacheStatement: "cache_statement", pgx.QueryExecModeExec: "exec", pgx.QueryExecModeSimpleProtocol: "simple",
		pgx.QueryExecModeDescribeExec: "describe", pgx.QueryExecModeCacheDescribe: "cache_describe",
	} {
		for how, send := range map[string]func(*pgx.Conn, int) error{"batch": batch, "steps": steps} {
			var conn *pgx.Conn
			each(name+", "+how, first, func(id int) error {
				if conn == nil || conn.IsClosed() {
					conn = connect(b.t, b.proxy.URL(), mode)
					if err := send(conn, id+5); err != nil { // from now on COMMIT is prepared
						b.t.Fatal(err)
					}
				}
				return send(conn, id)
			})
			first += 100
		}
	}
}

func TestACommitThatNeverArrivesIsRolledBack(t *testing.T) {
	t.Parallel()
	b := newBank(t)
	b.ways(func(name string, id int, commit func(int) error) {
		if err := commit(id); err != nil {
			t.Fatal(err)
		}
		cut := b.proxy.Arm(proxy.Fault{Kind: proxy.CutBeforeCommit})
		if err := commit(id + 1); err == nil || cut.Hits() != 1 {
			t.Errorf("%s: %v, %d hits", name, err, cut.Hits())
		}
		eventually(t, "the server has rolled back", func() bool { return b.free(id + 1) })
		if err := commit(id + 20); err != nil || !b.has(id+20) {
			t.Errorf("%s: afterwards: %v", name, err)
		}
	})
	if n := b.proxy.Counts()[proxy.CutBeforeCommit]; n != 10 {
		t.Errorf("counted %d", n)
	}
}

func TestACommitWhoseAnswerIsLostIsThere(t *testing.T) {
	t.Parallel()
	b := newBank(t)
	b.ways(func(name string, id int, commit func(int) error) {
		for _, bytes := range []int{0, 3} {
			if err := commit(id + 20*bytes); err != nil {
				t.Fatal(err)
			}
			cut := b.proxy.Arm(proxy.Fault{Kind: proxy.CutAfterCommit, Bytes: bytes})
			if err := commit(id + 1 + bytes); err == nil || cut.Hits() != 1 {
				t.Errorf("%s: %v, %d hits", name, err, cut.Hits())
			}
			if !b.has(id + 1 + bytes) {
				t.Errorf("%s: not committed", name)
			}
		}
	})
}

func TestAHeldCommitIsNotSeenBeforeItsRelease(t *testing.T) {
	t.Parallel()
	b := newBank(t)
	b.ways(func(name string, id int, commit func(int) error) {
		if err := commit(id); err != nil {
			t.Fatal(err)
		}
		held, done := b.proxy.Arm(proxy.Fault{Kind: proxy.HoldCommit}), make(chan error, 1)
		go func() { done <- commit(id + 1) }()
		eventually(t, "it is held", func() bool { return held.Held() == 1 })
		if name != "simple, batch" { // there it is one message with the rest
			eventually(t, "what precedes it has been executed", func() bool { return !b.free(id + 1) })
		}
		if b.has(id + 1) {
			t.Errorf("%s: committed", name)
		}
		held.Release()
		if err := <-done; err != nil || !b.has(id+1) || held.Hits() != 1 {
			t.Errorf("%s: %v, %d hits", name, err, held.Hits())
		}
	})
}

func TestOnlyCommitsOfTheTransactionThatWasMeantAreCut(t *testing.T) {
	t.Parallel()
	b := newBank(t)
	b.ways(func(name string, id int, commit func(int) error) {
		cut := b.proxy.Arm(proxy.Fault{Kind: proxy.CutAfterCommit, Match: "UPDATE money", Times: proxy.Always})
		meant := b.proxy.Arm(proxy.Fault{Kind: proxy.CutAfterCommit, Match: "INSERT INTO money"})
		meant.Disarm()
		if err := commit(id); err != nil || cut.Hits() != 0 {
			t.Errorf("%s: %v, %d hits", name, err, cut.Hits())
		}
		cut.Disarm()
		meant = b.proxy.Arm(proxy.Fault{Kind: proxy.CutAfterCommit, Match: "INSERT INTO money"})
		if err := commit(id + 1); err == nil || meant.Hits() != 1 {
			t.Errorf("%s: %v, %d hits", name, err, meant.Hits())
		}
	})
}

func TestACommitThatTheServerRefusedUsesUpNoFault(t *testing.T) {
	t.Parallel()
	b := newBank(t)
	cut := b.proxy.Arm(proxy.Fault{Kind: proxy.CutAfterCommit})
	conn := connect(t, b.proxy.URL(), pgx.QueryExecModeSimpleProtocol)
	_, _ = conn.Exec(t.Context(), "BEGIN")
	_, _ = conn.Exec(t.Context(), "SELECT 1/0")
	if tag, err := conn.Exec(t.Context(), "COMMIT"); err != nil || tag.String() != "ROLLBACK" {
		t.Fatalf("%s, %v", tag, err)
	}
	if err := batch(conn, 1); err == nil || cut.Hits() != 1 || !b.has(1) {
		t.Errorf("the next commit: %v, %d hits", err, cut.Hits())
	}
}

// The server keeps what a part of a batch has locked, for as long as its connection stands, though the client is gone.
func TestAStrandedBatchKeepsItsLocksUntilItsRelease(t *testing.T) {
	t.Parallel()
	b := newBank(t)
	for statements, want := range map[int]struct{ free, has bool }{
		0: {free: true}, 1: {free: true}, 2: {}, 9: {has: true}, // BEGIN, INSERT, COMMIT, and the end that never passes
	} {
		id := 10 * statements
		conn := connect(t, b.proxy.URL(), pgx.QueryExecModeCacheStatement)
		if err := batch(conn, id+1); err != nil { // from now on the statements are prepared
			t.Fatal(err)
		}
		stranded := b.proxy.Arm(proxy.Fault{Kind: proxy.Strand, Match: "INSERT INTO money", Statements: statements, Bytes: 3})
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		queue := &pgx.Batch{}
		queue.Queue("BEGIN")
		queue.Queue("INSERT INTO money VALUES ($1)", id)
		queue.Queue("COMMIT")
		if err := conn.SendBatch(ctx, queue).Close(); err == nil || stranded.Hits() != 1 {
			t.Errorf("%d statements: got %v and %d hits, want an error and 1", statements, err, stranded.Hits())
		}
		cancel()
		eventually(t, "the client is gone", conn.IsClosed)
		if free, has := b.free(id), b.has(id); free != want.free || has != want.has || stranded.Held() != 1 {
			t.Errorf("%d statements: free %t, there %t, %d held; want %+v and 1", statements, free, has, stranded.Held(), want)
		}
		stranded.Release()
		eventually(t, "its locks are gone", func() bool { return b.free(id) || b.has(id) })
	}
}

func TestAQueryIsCutAnywhere(t *testing.T) {
	t.Parallel()
	b := newBank(t)
	query := func() error {
		conn := connect(t, b.proxy.URL(), pgx.QueryExecModeExec)
		fault := proxy.Fault{Kind: proxy.CutReply, Bytes: 40, Match: "repeat"}
		if conn.PgConn().PID()%2 == 0 {
			fault = proxy.Fault{Kind: proxy.CutRequest, Bytes: 12}
		}
		b.proxy.Arm(fault)
		_, err := conn.Exec(t.Context(), "SELECT repeat('x', 1000), $1::text", "y")
		return err
	}
	eventually(t, "both directions were cut", func() bool {
		if err := query(); err == nil {
			t.Error("whole")
		}
		counts := b.proxy.Counts()
		return counts[proxy.CutReply] > 0 && counts[proxy.CutRequest] > 0
	})
}

func TestPostgresThroughAProxyBreaksAndComesBack(t *testing.T) {
	t.Parallel()
	b := newBank(t)
	conn := connect(t, b.proxy.URL(), pgx.QueryExecModeCacheStatement)
	b.proxy.Refuse()
	b.proxy.ResetAll()
	if err := conn.Ping(t.Context()); err == nil {
		t.Error("a connection that was reset answers")
	}
	if _, err := pgx.Connect(t.Context(), b.proxy.URL()); err == nil {
		t.Error("connected while connections are refused")
	}
	if err := b.proxy.Accept(); err != nil {
		t.Fatal(err)
	}
	conn = connect(t, b.proxy.URL(), pgx.QueryExecModeCacheStatement)
	before := b.proxy.Trips()
	for range 3 {
		if err := conn.Ping(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if n := b.proxy.Trips() - before; n != 3 {
		t.Errorf("%d trips", n)
	}
	b.proxy.BlackHole(true)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := conn.Ping(ctx); err == nil {
		t.Error("answered out of a black hole")
	}
	b.proxy.BlackHole(false)
	if err := connect(t, b.proxy.URL(), pgx.QueryExecModeExec).Ping(t.Context()); err != nil {
		t.Error(err)
	}
}
