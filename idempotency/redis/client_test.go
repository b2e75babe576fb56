package redis

import (
	"log/slog"
	"strings"
	"testing"

	"github.com/alicebob/miniredis/v2"
	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"

	"github.com/payonce/payonce/test/textlog"
)

func TestARedisURLNamesOneServerAClusterOrSentinels(t *testing.T) {
	t.Parallel()
	for url, want := range map[string]struct {
		addrs                  []string
		master, user, password string
		db                     int
		tls                    bool
	}{
		"redis://localhost:6380/2":                       {addrs: []string{"localhost:6380"}, db: 2},
		"redis://u:p%2Fw@h":                              {addrs: []string{"h:6379"}, user: "u", password: "p/w"},
		"rediss://:secret@h:1":                           {addrs: []string{"h:1"}, password: "secret", tls: true},
		"unix:///run/redis.sock?db=3":                    {addrs: []string{"/run/redis.sock"}, db: 3},
		"redis://u:pw@a:1,b:2, redis://c:3":              {addrs: []string{"a:1", "b:2", "c:3"}, user: "u", password: "pw"},
		"redis+sentinel://a:1,b,c:3/main?db=4":           {addrs: []string{"a:1", "b:26379", "c:3"}, master: "main", db: 4},
		"redis+sentinel://u:p%40w@a:1,b:2/main?tls=true": {addrs: []string{"a:1", "b:2"}, master: "main", user: "u", password: "p@w", tls: true},
	} {
		o, err := clientOptions(url)
		if err != nil {
			t.Errorf("%s: %v", url, err)
			continue
		}
		if diff := cmp.Diff(want.addrs, o.Addrs); diff != "" {
			t.Errorf("%s: %s", url, diff)
		}
		if o.MasterName != want.master || o.Username != want.user || o.Password != want.password || o.DB != want.db || (o.TLSConfig != nil) != want.tls {
			t.Errorf("%s: %+v", url, o)
		}
		if o.MaxRetries != -1 || !o.ContextTimeoutEnabled || !o.DisableIdentity || o.DialerRetries != 1 {
			t.Errorf("%s: go-redis' defaults are back: %+v", url, o)
		}
	}
}

func TestAWrongRedisURLIsRefusedWithoutShowingItsPassword(t *testing.T) {
	t.Parallel()
	for _, url := range []string{
		"", "localhost:6379", "http://u:hunter2@h", "redis://u:hunter2@h:port", "redis://u:hunter2@h:1\x7f", "redis://u:hunter2@h/x",
		"redis+sentinel://u:hunter2@a:1", "redis+sentinel://u:hunter2@a:1,/main", "redis+sentinel://u:hunter2@a/main?db=x",
		"redis+sentinel://u:hunter2%zz@a/main", "redis+sentinel://u:hunter2@a/main?other=1", "redis://:hunter2@a/1,b",
		"redis://u:hunter2@h?max_retries=x",
	} {
		client, err := Open(url, slog.New(slog.DiscardHandler))
		if err == nil || strings.Contains(err.Error(), "hunter2") || client != nil {
			t.Errorf("%q: %v", url, err)
		}
	}
}

func TestEachKindOfURLGetsItsClient(t *testing.T) {
	log, _ := textlog.New()
	for url, want := range map[string]func(redis.UniversalClient) bool{
		"unix:///nowhere/redis.sock":        func(c redis.UniversalClient) bool { _, ok := c.(*redis.Client); return ok },
		"redis://127.0.0.1:1,127.0.0.1:2":   func(c redis.UniversalClient) bool { _, ok := c.(*redis.ClusterClient); return ok },
		"redis+sentinel://127.0.0.1:1/main": func(c redis.UniversalClient) bool { _, ok := c.(*redis.Client); return ok },
	} {
		client, err := Open(url, log)
		if err != nil || !want(client) {
			t.Errorf("%s: %T %v", url, client, err)
			continue
		}
		_ = client.Close()
	}
}

func TestGoRedisLogsThroughOursWithoutThePassword(t *testing.T) {
	t.Parallel()
	log, out := textlog.New()
	clientLog{log, "hunter2"}.Printf(t.Context(), "AUTH %s failed", "hunter2")
	if out.Count("hunter2") > 0 || out.Count("AUTH *** failed") != 1 {
		t.Error(out.String())
	}
}

func TestAnOpenedClientSpeaksToItsServer(t *testing.T) {
	server := miniredis.RunT(t)
	server.RequireUserAuth("u", "p")
	client, err := Open("redis://u:p@"+server.Addr(), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = client.Close() }()
	if err := client.Ping(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
}
