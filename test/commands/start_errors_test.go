//go:build unix

package commands

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/redis/go-redis/v9"

	"github.com/payonce/payonce/test/executable"
	"github.com/payonce/payonce/test/service"
	"github.com/payonce/payonce/test/stores"
)

// failedStart is a start that can't work, and what its one sentence has to say: what is wrong, with which value, and
// what to do.
type failedStart struct {
	name      string
	settings  []string
	arguments []string
	says      []string
}

// external are the settings of a service that brings nothing of its own but a Redis.
func external(t *testing.T, more ...string) []string {
	t.Helper()
	return append([]string{
		"DATABASE_URL=" + stores.Database(t), "SECRET_KEY=" + service.SecretKey, "PROVIDER_URL=http://127.0.0.1:1",
		"PROVIDER_SECRET_KEY=sk_test_x", "ADDR=127.0.0.1:0", "ADMIN_ADDR=127.0.0.1:0",
	}, more...)
}

func taken(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	return listener.Addr().String()
}

// silent accepts connections and never answers.
func silent(t *testing.T) string { return taken(t) } // the system accepts for it

func TestAStartThatCanNotWorkSaysWhyInOneSentence(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	file := filepath.Join(folder, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	busy := taken(t)
	database := stores.EmptyDatabase(t)
	for _, c := range []failedStart{
		{"ADDR in use", external(t, "ADDR="+busy), nil, []string{"ADDR " + busy + " is in use", "port 0 picks a free"}},
		{"ADMIN_ADDR in use", external(t, "ADMIN_ADDR="+busy), nil, []string{"ADMIN_ADDR " + busy + " is in use"}},
		{"ADDR elsewhere", external(t, "ADDR=192.0.2.1:8080"), nil, []string{"ADDR 192.0.2.1:8080 is no address of this machine"}},
		{"no programs", []string{"DATA_DIR=" + folder, "PG_BIN_DIR=" + folder}, nil, []string{"PG_BIN_DIR=" + folder, "initdb is missing", "version 14"}},
		{"programs that a shell breaks", []string{"DATA_DIR=" + folder, "PG_BIN_DIR=" + folder + "/$x"}, nil, []string{"PG_BIN_DIR=", "initdb can't be run from"}},
		{"DATA_DIR is a file", []string{"DATA_DIR=" + file}, nil, []string{"DATA_DIR " + file + " is a file", "set DATA_DIR to a folder"}},
		{"DATA_DIR below a file", []string{"DATA_DIR=" + file + "/x"}, []string{"merchant", "list"}, []string{"DATA_DIR " + file + "/x can't be made", "set DATA_DIR to"}},
		{"DATA_DIR with a line break", []string{"DATA_DIR=" + folder + "/a\nb"}, []string{"migrate"}, []string{"line break", "set DATA_DIR to"}},
		{"the root folder", []string{"DATA_DIR=/"}, nil, []string{"DATA_DIR is /", "set DATA_DIR to"}},
		{
			"no home and a simulator",
			[]string{"DATABASE_URL=" + database, "SECRET_KEY=" + service.SecretKey, "HOME=", "DATA_DIR=" + file},
			nil,
			[]string{"DATA_DIR " + file + " is a file", "PROVIDER_URL", "simulator"},
		},
		{
			"data of another version",
			[]string{"DATA_DIR=" + dataOf(t, 13), "PAYONCE_NO_DOWNLOAD=1"},
			nil,
			[]string{"PostgreSQL 13 wrote it", "install PostgreSQL 13", "DATA_DIR", "pg_upgrade"},
		},
		{"no server there", external(t, "DATABASE_URL=postgres://u:canary@127.0.0.1:1/d"), nil, []string{"PostgreSQL can't be reached", "127.0.0.1:1", "connection refused"}},
		{"a silent server", external(t, "DATABASE_URL=postgres://u:canary@"+silent(t)+"/d"), nil, []string{"PostgreSQL can't be reached", "timeout"}},
		{"no such database", external(t, "DATABASE_URL="+strings.Replace(database, "/test_", "/nowhere_", 1)), nil, []string{"PostgreSQL answers and refuses", `nowhere_`, "does not exist", "create the database"}},
		{"no SECRET_KEY", []string{"DATABASE_URL=" + database}, nil, []string{"SECRET_KEY is empty", "openssl rand"}},
		{"merchants of no server", []string{"DATABASE_URL=postgres://u:canary@127.0.0.1:1/d"}, []string{"merchant", "list"}, []string{"can't be reached", "127.0.0.1:1"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			_, errs, code := run(t, c.settings, c.arguments...)
			isOneSentence(t, errs, code, c.says...)
		})
	}
}

// dataOf is a folder with data of that major version.
func dataOf(t *testing.T, major int) string {
	t.Helper()
	dir := t.TempDir()
	cluster := filepath.Join(dir, "postgres-"+strconv.Itoa(major))
	if err := os.Mkdir(cluster, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(cluster, "PG_VERSION"), []byte(strconv.Itoa(major)), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

var logLine = regexp.MustCompile(`(?m)^(\{|time=).*\n`)

// isOneSentence holds stderr, without the lines about waits, to one line with these parts and no password.
func isOneSentence(t *testing.T, errs string, code int, says ...string) {
	t.Helper()
	sentence := logLine.ReplaceAllString(errs, "")
	if code != 1 || !strings.HasPrefix(sentence, "payonce: ") || strings.Count(sentence, "\n") != 1 || strings.Contains(errs, "canary") {
		t.Errorf("exit code %d, got %s, want 1 and one line without a password", code, errs)
	}
	for _, part := range says {
		if !strings.Contains(sentence, part) {
			t.Errorf("got %s, want %q in it", sentence, part)
		}
	}
}

func TestAnOrdinaryUserIsToldOfFoldersThatAreOthers(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("needs root, to make folders that are another user's")
	}
	for _, c := range []struct {
		name  string
		spoil func(t *testing.T, dir string) // makes the folder, or something in it, root's
		says  []string
	}{
		{"the folder", func(t *testing.T, dir string) { mustChown(t, dir, 0o755) }, []string{"can't be written by user nobody", "belongs to user root", "set DATA_DIR"}},
		{"the folder, closed", func(t *testing.T, dir string) { mustChown(t, dir, 0o700) }, []string{"DATA_DIR", "permission denied"}},
		{"the lock", func(t *testing.T, dir string) { mustChown(t, filepath.Join(dir, "payonce.lock"), 0o600) }, []string{"payonce.lock", "permission denied", "chown -R"}},
		{"the cluster", func(t *testing.T, dir string) { mustChown(t, filepath.Join(dir, "postgres-15"), 0o700) }, []string{"postgres-15", "another user", "chown -R"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			command := asOrdinaryUser(t, map[string]string{"data/payonce.lock": "", "data/postgres-15/PG_VERSION": "15\n"})
			dir := filepath.Join(command.Dir, "data")
			c.spoil(t, dir)
			command.Env = append(command.Env, "DATA_DIR="+dir, "ADDR=127.0.0.1:0", "ADMIN_ADDR=127.0.0.1:0", "PAYONCE_NO_DOWNLOAD=1",
				"PG_BIN_DIR="+stubPrograms(t))
			_, errs, code := finish(t, command)
			isOneSentence(t, errs, code, c.says...)
		})
	}
}

// stubPrograms stand in for version 15, whatever is installed; none of the starts gets as far as running them.
func stubPrograms(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "payonce-stubs-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"postgres", "initdb"} {
		executable.Write(t, filepath.Join(dir, name), []byte("#!/bin/sh\necho 'postgres (PostgreSQL) 15.0'\n"))
	}
	return dir
}

func mustChown(t *testing.T, path string, mode os.FileMode) {
	t.Helper()
	if err := os.Chown(path, 0, 0); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
}

// The folder's owner is named wherever a start finds it in the way.
func TestASecondOwnerIsToldWhoTheFirstIs(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "my data")
	owner := service.RunProgram(t, "DATA_DIR="+dir)
	who := "process " + strconv.Itoa(owner.PID()) + " (payonce serve), which listens on " + owner.URL()
	_, errs, code := run(t, []string{"DATA_DIR=" + dir, "ADDR=127.0.0.1:0", "ADMIN_ADDR=127.0.0.1:0"})
	isOneSentence(t, errs, code, dir, who, "DATA_DIR to another folder")
	// With a database of its own, and the simulator inside.
	_, errs, code = run(t, []string{
		"DATABASE_URL=" + stores.Database(t), "SECRET_KEY=" + service.SecretKey, "DATA_DIR=" + dir, "ADDR=127.0.0.1:0", "ADMIN_ADDR=127.0.0.1:0",
	})
	isOneSentence(t, errs, code, filepath.Join(dir, "simulator"), who, "DATA_DIR to another folder", "PROVIDER_URL")
}

// A migration of another replica holds the lock.
func TestAStartSaysThatItWaitsForTheMigrations(t *testing.T) {
	t.Parallel()
	settings := []string{"DATABASE_URL=" + stores.EmptyDatabase(t)}
	for _, direction := range []string{"up", "down"} { // which makes the table of the lock, and leaves one to apply
		if _, errs, code := run(t, settings, "migrate", direction); code != 0 {
			t.Fatal(errs)
		}
	}
	conn, err := pgx.Connect(t.Context(), strings.TrimPrefix(settings[0], "DATABASE_URL="))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	lock := func(statement string) {
		if _, err := conn.Exec(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	lock("UPDATE payonce_schema_lock SET locked = true, locked_by = 'another replica', lease_expires_at = now() + interval '1 hour'")
	command := exec.CommandContext(t.Context(), service.Binary(t), "migrate")
	command.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir()}, settings...)
	said := &service.Printed{}
	command.Stderr = said
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	service.Until(t, "a line says what is waited for", func() bool { return strings.Contains(said.String(), "waiting for the migrations") })
	lock("UPDATE payonce_schema_lock SET locked = false")
	if err := command.Wait(); err != nil {
		t.Errorf("got %v, %s, want success once the lock is free", err, said.String())
	}
}

// Without any request, and with limits switched off.
func TestAServiceWhoseRedisRefusesItSaysSoOnceAndShowsItInReadiness(t *testing.T) {
	t.Parallel()
	server := stores.StartRealRedis(t)
	options, err := redis.ParseURL(server.URL())
	if err != nil {
		t.Fatal(err)
	}
	admin := redis.NewClient(options)
	t.Cleanup(func() { _ = admin.Close() })
	if err := admin.Do(t.Context(), "ACL", "SETUSER", "app", "on", ">right", "~*", "+@all").Err(); err != nil {
		t.Fatal(err)
	}
	s := service.RunProgram(t, external(t, "RATE_LIMIT=off", "REDIS_URL=unix://app:canary@"+options.Addr+"?db=0")...)
	base := s.URL()
	if got := readiness(t, base); got != "ready up down" {
		t.Errorf("with a wrong password: got %s, want ready up down", got)
	}
	if err := admin.Do(t.Context(), "ACL", "SETUSER", "app", ">canary").Err(); err != nil {
		t.Fatal(err)
	}
	service.Until(t, "Redis is back", func() bool {
		return readiness(t, base) == "ready up up" && strings.Contains(s.String(), "Redis is back")
	})
	if n := strings.Count(s.String(), "Redis is away"); n != 1 || strings.Contains(s.String(), "canary") || !strings.Contains(s.String(), "WRONGPASS") {
		t.Errorf("%d lines, want one with WRONGPASS and no password:\n%s", n, s.String())
	}
}

func readiness(t *testing.T, base string) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, base+"/readyz", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := (&http.Client{Timeout: time.Minute}).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	var state struct{ Status, Postgres, Redis string }
	if err := json.Unmarshal(body, &state); err != nil {
		t.Fatal(err)
	}
	return state.Status + " " + state.Postgres + " " + state.Redis
}
