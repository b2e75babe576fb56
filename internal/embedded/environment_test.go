//go:build unix

package embedded_test

import (
	"context"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/payonce/payonce/internal/embedded"
)

// clientSettings are all variables that libpq 18, pgx and PostgreSQL's programs read, each with a value that would
// refuse a connection, lead it elsewhere, or change what the session does.
func clientSettings() map[string]string {
	return map[string]string{
		"PGHOST": "/nowhere", "PGHOSTADDR": "192.0.2.1", "PGPORT": "1", "PGDATABASE": "nowhere", "PGUSER": "nobody-known",
		"PGPASSWORD": "wrong", "PGPASSFILE": "/nowhere/pgpass", "PGREQUIREAUTH": "scram-sha-256", "PGCHANNELBINDING": "require",
		"PGSERVICE": "nowhere", "PGSERVICEFILE": "/nowhere/pg_service.conf", "PGSYSCONFDIR": "/nowhere", "PGLOCALEDIR": "/nowhere",
		"PGOPTIONS": "-c search_path=nowhere -c default_transaction_read_only=on", "PGAPPNAME": "somebody",
		"PGSSLMODE": "verify-full", "PGREQUIRESSL": "1", "PGSSLNEGOTIATION": "direct", "PGSSLCOMPRESSION": "1",
		"PGSSLCERT": "/nowhere/crt", "PGSSLKEY": "/nowhere/key", "PGSSLCERTMODE": "require", "PGSSLROOTCERT": "/nowhere/root.crt",
		"PGSSLCRL": "/nowhere/crl", "PGSSLCRLDIR": "/nowhere", "PGSSLSNI": "wrong", "PGSSLPASSWORD": "wrong",
		"PGSSLMINPROTOCOLVERSION": "TLSv9", "PGSSLMAXPROTOCOLVERSION": "TLSv0", "PGREQUIREPEER": "nobody-known",
		"PGGSSENCMODE": "require", "PGGSSLIB": "wrong", "PGGSSDELEGATION": "1", "PGKRBSRVNAME": "wrong", "PGREALM": "wrong",
		"PGCONNECT_TIMEOUT": "soon", "PGCLIENTENCODING": "SQL_ASCII", "PGTARGETSESSIONATTRS": "standby", "PGLOADBALANCEHOSTS": "wrong",
		"PGMINPROTOCOLVERSION": "9.9", "PGMAXPROTOCOLVERSION": "1.0", "PGDATESTYLE": "German", "PGTZ": "Asia/Kabul", "PGGEQO": "off",
		"PGDATA": "/nowhere", "PGTTY": "wrong", "PGCTLTIMEOUT": "0", "PGOAUTHDEBUG": "UNSAFE",
		"PG_COLOR": "always", "PG_COLORS": "error=1", "PG_OOM_ADJUST_FILE": "/nowhere", "PG_GRANDPARENT_PID": "1", "PG_TEST_EXTRA": "all",
	}
}

// Not in parallel: the environment is the process's.
func TestNoVariableOfPostgreSQLTouchesAnEmbeddedServer(t *testing.T) {
	dir := dataFolder(t)
	// Files in the home folder that clients read.
	home := t.TempDir()
	for name, text := range map[string]string{
		".pgpass": "*:*:*:*:wrong\n", ".pg_service.conf": "not a service file",
		".postgresql/root.crt": "wrong", ".postgresql/postgresql.crt": "wrong", ".postgresql/postgresql.key": "wrong",
	} {
		path := filepath.Join(home, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("HOME", home)
	pg := start(t, embedded.PostgresConfig{Dir: dir})
	want := sessionSettings(t, pg.URL())
	for _, name := range slices.Sorted(maps.Keys(clientSettings())) {
		t.Run(name, func(t *testing.T) {
			t.Setenv(name, clientSettings()[name])
			url, err := attach(t, dir)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, sessionSettings(t, url)); diff != "" {
				t.Errorf("the session's settings differ (-without +with the variable):\n%s", diff)
			}
		})
	}
}

// sessionSettings are all settings of a new session, and who and where it is.
func sessionSettings(t *testing.T, url string) map[string]string {
	t.Helper()
	conn, err := pgconn.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	found := map[string]string{}
	results, err := conn.Exec(t.Context(), "SELECT name, setting FROM pg_settings UNION ALL "+
		"SELECT 'who and where', current_user || ' ' || current_database() || ' ' || current_setting('search_path')").ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range results[0].Rows {
		found[string(row[0])] = string(row[1])
	}
	return found
}

// A first start, initdb and all, with every variable at once, and odd ones of the locale and the clock.
func TestAFirstStartNeedsNothingOfTheEnvironment(t *testing.T) {
	t.Parallel()
	dir := dataFolder(t)
	var env []string
	for name, value := range clientSettings() {
		env = append(env, name+"="+value)
	}
	env = append(env, "LC_ALL=xx_YY.nonsense", "LANG=tr_TR.UTF-8", "LC_COLLATE=sv_SE", "LC_MESSAGES=de_DE.UTF-8", "LANGUAGE=de",
		"TZ=Nowhere/At_All", "REDISCLI_AUTH=wrong", "REDISCLI_HISTFILE=/nowhere", "HOME=")
	startOwner(t, dir, env...)
	url, err := attach(t, dir)
	if err != nil {
		t.Fatal(err)
	}
	settings := sessionSettings(t, url)
	for name, want := range map[string]string{
		"who and where": `payonce payonce "$user", public`, "DateStyle": "ISO, MDY", "TimeZone": "UTC", "lc_messages": "C",
		"client_encoding": "UTF8", "server_encoding": "UTF8", "default_transaction_read_only": "off", "application_name": "",
	} {
		if settings[name] != want {
			t.Errorf("%s is %q, want %q", name, settings[name], want)
		}
	}
	log, err := os.ReadFile(filepath.Join(dir, "postgres.log"))
	if err != nil || strings.Contains(string(log), "\x1b[") {
		t.Errorf("the server's log: got %q, %v, want one without colours", log, err)
	}
}
