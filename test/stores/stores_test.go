package stores_test

import (
	"context"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/redis/go-redis/v9"

	"github.com/payonce/payonce/test/stores"
)

func TestMain(m *testing.M) { os.Exit(stores.Main(m)) }

func TestEachTestHasADatabaseOfItsOwn(t *testing.T) {
	t.Parallel()
	first, second := connect(t, stores.Database(t)), connect(t, stores.Database(t))
	if _, err := first.Exec(t.Context(), "CREATE TABLE mine (id int)"); err != nil {
		t.Fatal(err)
	}
	if tables(t, first, "mine") != 1 || tables(t, second, "mine") != 0 {
		t.Error("a table made in one database must be there, and only there")
	}
}

func TestADatabaseIsMigratedUnlessAskedEmpty(t *testing.T) {
	t.Parallel()
	if n := tables(t, connect(t, stores.Database(t)), "%"); n == 0 {
		t.Error("a fresh database has no tables")
	}
	if n := tables(t, connect(t, stores.EmptyDatabase(t)), "%"); n != 0 {
		t.Errorf("an empty database has %d tables", n)
	}
}

func TestAnOpenConnectionDoesNotKeepADatabase(t *testing.T) {
	t.Parallel()
	var url string
	t.Run("user", func(t *testing.T) {
		url = stores.EmptyDatabase(t)
		conn, err := pgx.Connect(t.Context(), url)
		if err != nil {
			t.Fatal(err)
		}
		// Closed after the database was dropped, as a leaked pool would be.
		t.Cleanup(func() { _ = conn.Close(context.Background()) })
	})
	if conn, err := pgx.Connect(t.Context(), url); err == nil {
		_ = conn.Close(t.Context())
		t.Error("the database outlived its test")
	}
}

func TestAPrivateServerMayBeKilledAndRestarted(t *testing.T) {
	t.Parallel()
	pg := stores.PrivatePostgres(t)
	conn := connect(t, pg.URL())
	if _, err := conn.Exec(t.Context(), "CREATE TABLE kept (id int); INSERT INTO kept VALUES (1)"); err != nil {
		t.Fatal(err)
	}
	url := pg.URL()
	if err := pg.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := conn.Ping(t.Context()); err == nil {
		t.Error("the server answers after it was killed")
	}
	if err := pg.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	if pg.URL() != url {
		t.Errorf("the URL changed from %s to %s", url, pg.URL())
	}
	var rows int
	if err := connect(t, url).QueryRow(t.Context(), "SELECT count(*) FROM kept").Scan(&rows); err != nil || rows != 1 {
		t.Errorf("after a crash: %d rows (%v), want 1", rows, err)
	}
}

func TestEachTestHasARedisOfItsOwn(t *testing.T) {
	t.Parallel()
	first, second := client(t, stores.Redis(t)), client(t, stores.Redis(t))
	if err := first.Set(t.Context(), "key", "value", 0).Err(); err != nil {
		t.Fatal(err)
	}
	if n := second.Exists(t.Context(), "key").Val(); n != 0 {
		t.Error("a key set in one Redis shows in the other")
	}
}

func TestKeysOfTheInProcessRedisExpire(t *testing.T) {
	t.Parallel()
	c := client(t, stores.Redis(t))
	if err := c.Set(t.Context(), "key", "value", 150*time.Millisecond).Err(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the key expires", func() bool { return c.Exists(t.Context(), "key").Val() == 0 })
}

func TestARealRedisStopsStartsAndFreezes(t *testing.T) {
	t.Parallel()
	r := stores.StartRealRedis(t)
	if !strings.HasPrefix(r.URL(), "unix://") {
		t.Fatalf("URL %s is not a socket's", r.URL())
	}
	c := client(t, r.URL())
	up := func() bool { return c.Ping(t.Context()).Err() == nil }
	eventually(t, "it answers", up)
	r.Freeze()
	if up() {
		t.Error("it answers while frozen")
	}
	r.Thaw()
	eventually(t, "it answers after thawing", up)
	pid := r.Pid()
	r.Stop()
	if up() || r.Pid() != 0 {
		t.Error("it answers after Stop, or has a pid")
	}
	r.Start()
	eventually(t, "it answers after Start", up)
	if r.Pid() == pid || r.Pid() == 0 {
		t.Errorf("pid %d after a restart of %d", r.Pid(), pid)
	}
	r.Freeze() // the end of the test has to cope with it
}

func connect(t *testing.T, url string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

func tables(t *testing.T, conn *pgx.Conn, like string) (n int) {
	t.Helper()
	const query = "SELECT count(*) FROM pg_tables WHERE schemaname = 'public' AND tablename LIKE $1"
	if err := conn.QueryRow(t.Context(), query, like).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

func client(t *testing.T, url string) *redis.Client {
	t.Helper()
	options, err := redis.ParseURL(url)
	if err != nil {
		t.Fatal(err)
	}
	options.ReadTimeout, options.MaxRetries = 200*time.Millisecond, -1
	c := redis.NewClient(options)
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// eventually asks until ok, for 10 s at most.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	limit := time.After(10 * time.Second)
	for !ok() {
		select {
		case <-limit:
			t.Fatalf("waited 10 s in vain until %s", what)
		case <-tick.C:
		}
	}
}
