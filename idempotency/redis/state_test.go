package redis

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"

	"github.com/payonce/payonce/test/stores"
)

// refusal is a Redis that can't be used, and how it becomes usable.
type refusal struct {
	name   string
	url    func(socket string) string
	wrong  []string // commands that make it so
	mended []string // commands that end it
	reason string
	advice string
}

func at(user, query string) func(string) string {
	return func(socket string) string { return "unix://" + user + socket + "?" + query }
}

func refusals() []refusal {
	return []refusal{
		{
			"wrong password", at("app:wrong-canary@", "db=0"),
			[]string{"ACL SETUSER app reset on >right ~* +@all"},
			[]string{"ACL SETUSER app on >wrong-canary"},
			"WRONGPASS", "password in REDIS_URL",
		},
		{
			"unknown user", at("app:wrong-canary@", "db=0"), nil,
			[]string{"ACL SETUSER app reset on >wrong-canary ~* +@all"},
			"WRONGPASS", "password in REDIS_URL",
		},
		{
			"no password given", at("", "db=0"),
			[]string{"ACL SETUSER default resetpass >secret-canary"},
			[]string{"ACL SETUSER default nopass"},
			"NOAUTH", "redis://USER:PASSWORD@HOST",
		},
		{"no such database", at("", "db=9999"), nil, nil, "DB index is out of range", "number of the database"},
		{
			"not permitted to write", at("app:right-canary@", "db=0"),
			[]string{"ACL SETUSER app reset on >right-canary ~* +@read +@connection"},
			[]string{"ACL SETUSER app +@all"},
			"NOPERM", "SET, GET, DEL, EVAL",
		},
		{
			"not permitted to use our keys", at("app:right-canary@", "db=0"),
			[]string{"ACL SETUSER app reset on >right-canary ~cache:* +@all"},
			[]string{"ACL SETUSER app ~idem:* ~rl:*"},
			"NOPERM", "idem:* and rl:*",
		},
		{
			"not permitted to run scripts", at("app:right-canary@", "db=0"),
			[]string{"ACL SETUSER app reset on >right-canary ~* +@all -@scripting"},
			[]string{"ACL SETUSER app +@scripting"},
			"NOPERM", "EVAL",
		},
		{"a replica", at("", "db=0"), []string{"REPLICAOF 127.0.0.1 1"}, []string{"REPLICAOF NO ONE"}, "READONLY", "the primary"},
		{
			"full", at("", "db=0"),
			[]string{"CONFIG SET maxmemory-policy noeviction", "CONFIG SET maxmemory 1"},
			[]string{"CONFIG SET maxmemory 0"},
			"OOM", "more memory",
		},
	}
}

// Without any request, and whether or not rates are limited.
func TestARedisThatCanNotBeUsedIsOneLineAtTheStartAndAtEachChange(t *testing.T) {
	t.Parallel()
	for _, limit := range []Limit{off(), {Requests: 1000, Per: time.Second}} {
		for _, c := range refusals() {
			t.Run(fmt.Sprintf("%s, limit off %t", c.name, limit.Off), func(t *testing.T) {
				t.Parallel()
				server := stores.StartRealRedis(t)
				options, err := redis.ParseURL(server.URL())
				if err != nil {
					t.Fatal(err)
				}
				admin := redis.NewClient(options).Conn() // one connection: it stays who it is
				t.Cleanup(func() { _ = admin.Close() })
				command(t, admin, c.wrong)
				b := newBench(t, c.url(options.Addr), limit)
				b.Watch(t.Context())
				b.isAway(1, c.reason, c.advice)
				if c.mended == nil {
					return
				}
				command(t, admin, c.mended)
				b.isBack(1)
				if c.wrong != nil {
					command(t, admin, c.wrong)
					command(t, admin, []string{"CLIENT KILL TYPE normal SKIPME yes"}) // a connection stays who it is
					b.isAway(2)
				}
				if text := b.log.String(); strings.Contains(text, "canary") {
					t.Errorf("the log holds a password:\n%s", text)
				}
			})
		}
	}
}

func command(t *testing.T, conn *redis.Conn, commands []string) {
	t.Helper()
	for _, text := range commands {
		var words []any
		for word := range strings.FieldsSeq(text) {
			words = append(words, word)
		}
		if err := conn.Do(t.Context(), words...).Err(); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
	}
}

// isAway waits until a probe has found Redis away for the nth time.
func (b *bench) isAway(n int, parts ...string) {
	b.t.Helper()
	eventually(b.t, "Redis is away", func() bool { return b.Usable(b.t.Context()) != nil && b.log.Count("level=WARN") == n })
	for _, part := range append(parts, "Redis is away") {
		if text := b.log.String(); !strings.Contains(text, part) {
			b.t.Errorf("got %s, want %q in it", text, part)
		}
	}
}

func (b *bench) isBack(n int) {
	b.t.Helper()
	eventually(b.t, "Redis is back", func() bool { return b.Usable(b.t.Context()) == nil && b.log.Count("Redis is back") == n })
}

// Replies that no command makes a real server give.
func TestARedisThatLoadsOrCanNotSaveIsAwayUntilItCan(t *testing.T) {
	t.Parallel()
	for reply, advice := range map[string]string{
		"LOADING Redis is loading the dataset in memory":   "will be usable",
		"MISCONF Errors writing to the AOF file: No space": "save to its disk",
		"MASTERDOWN Link with MASTER is down":              "",
	} {
		b, server := newMiniBench(t, off())
		server.SetError(reply)
		b.Watch(t.Context())
		b.isAway(1, reply, advice)
		server.SetError("")
		b.isBack(1)
		if n := b.log.Count("level="); n != 2 {
			t.Errorf("%s: got %d lines, want 2:\n%s", reply, n, b.log.String())
		}
	}
}

func TestARedisThatGoesWithoutRequestsIsNoticed(t *testing.T) {
	t.Parallel()
	server := miniredis.RunT(t)
	addr := server.Addr()
	b := newBench(t, "redis://"+addr, off())
	b.Watch(t.Context())
	if err := b.Usable(t.Context()); err != nil || b.log.Count("level=") != 0 {
		t.Fatalf("at the start: got %v and %s, want nothing", err, b.log.String())
	}
	for n := range 2 {
		server.Close()
		b.isAway(n + 1)
		if err := server.StartAddr(addr); err != nil {
			t.Fatal(err)
		}
		b.isBack(n + 1)
	}
	if n := b.log.Count("level="); n != 4 {
		t.Errorf("got %d lines, want one per change:\n%s", n, b.log.String())
	}
}

func TestWrongTLSToRedisIsNamed(t *testing.T) {
	t.Parallel()
	plain := miniredis.RunT(t)
	b := newBench(t, "rediss://"+plain.Addr(), off())
	b.Watch(t.Context())
	b.isAway(1, "redis:// in REDIS_URL")
	secure := httptest.NewTLSServer(http.NotFoundHandler())
	t.Cleanup(secure.Close)
	b = newBench(t, "redis://"+secure.Listener.Addr().String(), off())
	b.Watch(t.Context())
	b.isAway(1)
	for range 10 { // a busy machine may take longer for the handshake than Redis is waited for
		b = newBench(t, "rediss://"+secure.Listener.Addr().String(), off())
		b.Watch(t.Context())
		if !strings.Contains(b.log.String(), "timeout") {
			break
		}
	}
	b.isAway(1, "x509", "not trusted")
}

// A server that doesn't know AUTH repeats what it was sent.
func TestAnErrorReplyThatRepeatsThePasswordIsCutInTheLog(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer func() { _ = conn.Close() }()
				for lines := bufio.NewScanner(conn); lines.Scan(); {
					if strings.HasPrefix(lines.Text(), "*") {
						_, _ = fmt.Fprint(conn, "-ERR unknown command `AUTH`, with args beginning with: `canary`\r\n")
					}
					if lines.Text() == "canary" {
						_, _ = fmt.Fprint(conn, "-ERR what is canary\r\n")
					}
				}
			}()
		}
	}()
	b := newBench(t, "redis://:canary@"+listener.Addr().String(), off())
	b.Watch(context.Background())
	b.isAway(1)
	if err := b.Usable(t.Context()); strings.Contains(b.log.String(), "canary") || err == nil || strings.Contains(err.Error(), "canary") {
		t.Errorf("got %v and %s, want no password", err, b.log.String())
	}
}

// What the runbook tells an operator to allow is enough for all that requests do.
func TestTheRightsThatTheRunbookNamesAreEnough(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/runbook.md")
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile("`ACL SETUSER payonce on >PASSWORD ([^`]*)`").FindSubmatch(page)
	if found == nil {
		t.Fatal("the runbook names no rights")
	}
	server := stores.StartRealRedis(t)
	options, err := redis.ParseURL(server.URL())
	if err != nil {
		t.Fatal(err)
	}
	admin := redis.NewClient(options).Conn()
	t.Cleanup(func() { _ = admin.Close() })
	command(t, admin, []string{"ACL SETUSER payonce on >right " + string(found[1])})
	b := newBench(t, "unix://payonce:right@"+options.Addr, Limit{Requests: 1000, Per: time.Second})
	b.loadedScript()
	b.Watch(t.Context())
	if err := b.Usable(t.Context()); err != nil {
		t.Fatal(err)
	}
	first := b.passes("first")
	b.ReleaseMarker(t.Context(), testRequest(), first.Marker)
	b.passes("again")
	b.Publish(t.Context(), testRecord())
	eventually(t, "it replays", func() bool { return b.enter().Record != nil })
	if b.Allow(t.Context(), "key"); b.log.Count("level=WARN") > 0 || b.counts.of(OutcomeRefused) > 0 {
		t.Errorf("got %v and\n%s, want nothing refused", b.counts.seen, b.log.String())
	}
}
