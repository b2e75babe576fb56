//go:build unix

package embedded_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/payonce/payonce/internal/embedded"
	"github.com/payonce/payonce/test/needs"
)

func startRedis(t *testing.T, cfg embedded.RedisConfig) (*embedded.Redis, *redis.Client) {
	t.Helper()
	server, err := embedded.StartRedis(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stop(t, server) })
	options, err := redis.ParseURL(server.URL())
	if err != nil {
		t.Fatal(err)
	}
	client := redis.NewClient(options)
	t.Cleanup(func() { _ = client.Close() })
	return server, client
}

// installedRedis is a Redis of its own process, or the end of the test.
func installedRedis(t *testing.T, dir string) (*embedded.Redis, *redis.Client) {
	t.Helper()
	server, client := startRedis(t, embedded.RedisConfig{Dir: dir})
	if server.Pid() == 0 {
		needs.Missing(t, "needs an installed Redis; got "+server.Source())
	}
	return server, client
}

func TestAnInstalledRedisIsPrivateAndKeepsNothing(t *testing.T) {
	t.Parallel()
	dir := dataFolder(t)
	server, client := installedRedis(t, dir)
	for name, want := range map[string]string{
		"port": "0", "save": "", "appendonly": "no", "maxmemory": "268435456", "maxmemory-policy": "allkeys-lru",
	} {
		if got := client.ConfigGet(t.Context(), name).Val()[name]; got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	socket := client.Options().Addr
	for _, path := range []string{socket, filepath.Dir(socket)} {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o700 {
			t.Errorf("%s: %v, %v", path, info, err)
		}
	}
	stop(t, server)
	if left, _ := filepath.Glob(filepath.Join(dir, "redis-*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestTwoRedisShareAFolder(t *testing.T) {
	t.Parallel()
	dir := dataFolder(t)
	_, first := installedRedis(t, dir)
	_, second := installedRedis(t, dir)
	if err := first.Set(t.Context(), "key", "value", 0).Err(); err != nil {
		t.Fatal(err)
	}
	if n, err := second.Exists(t.Context(), "key").Result(); err != nil || n != 0 {
		t.Errorf("the second has %d keys of the first (%v)", n, err)
	}
}

func TestRedisInALongFolderWorks(t *testing.T) {
	t.Parallel()
	_, client := installedRedis(t, filepath.Join(dataFolder(t), strings.Repeat("a-long-name/", 12)))
	if err := client.Ping(t.Context()).Err(); err != nil {
		t.Error(err)
	}
}

func TestAnInstalledRedisRestartsAtItsAddress(t *testing.T) {
	t.Parallel()
	server, client := installedRedis(t, dataFolder(t))
	if err := client.Set(t.Context(), "key", "value", 0).Err(); err != nil {
		t.Fatal(err)
	}
	if err := server.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the client is connected again", func() bool { return client.Ping(t.Context()).Err() == nil })
	if n := client.Exists(t.Context(), "key").Val(); n != 0 {
		t.Error("a key survived the restart")
	}
}

func TestTheInProcessRedisExpiresKeysAndSaysThatItIsForDevelopment(t *testing.T) {
	t.Parallel()
	server, client := startRedis(t, embedded.RedisConfig{ForceInProcess: true})
	if !strings.Contains(server.Source(), "for development") || server.Pid() != 0 {
		t.Errorf("source %q, pid %d", server.Source(), server.Pid())
	}
	if err := client.Set(t.Context(), "key", "value", 150*time.Millisecond).Err(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the key expires", func() bool { return client.Exists(t.Context(), "key").Val() == 0 })
	open := *client.Options()
	open.Password = ""
	stranger := redis.NewClient(&open)
	defer stranger.Close()
	if err := stranger.Ping(t.Context()).Err(); err == nil {
		t.Error("it answers without a password")
	}
}
