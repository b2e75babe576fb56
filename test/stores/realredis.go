//go:build unix

package stores

import (
	"context"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/payonce/payonce/internal/embedded"
	"github.com/payonce/payonce/test/needs"
)

// RealRedis is a redis-server of one test, to be stopped, started and frozen.
// Its methods report what goes wrong as the test's error.
type RealRedis struct {
	t     testing.TB
	redis *embedded.Redis
}

// StartRealRedis starts a redis-server or valkey-server from PATH. Without one
// the test is skipped, and in CI (CI=true) fails: there nothing may be skipped
// silently.
func StartRealRedis(t testing.TB) *RealRedis {
	t.Helper()
	NeedsRealRedis(t)
	folder, err := os.MkdirTemp("", "payonce-realredis-")
	if err != nil {
		t.Fatal(err)
	}
	redis, err := embedded.StartRedis(t.Context(), embedded.RedisConfig{Dir: folder})
	if err != nil {
		t.Fatal(err)
	}
	r := &RealRedis{t: t, redis: redis}
	t.Cleanup(func() {
		r.Thaw() // a frozen process doesn't end by itself
		r.Stop()
		if err := os.RemoveAll(folder); err != nil {
			t.Error(err)
		}
	})
	if redis.Pid() == 0 {
		t.Fatalf("the installed Redis did not start; got: %s", redis.Source())
	}
	return r
}

// NeedsRealRedis ends a test where there is neither redis-server nor valkey-server.
func NeedsRealRedis(t testing.TB) {
	t.Helper()
	needs.Program(t, "install it, or valkey-server", "redis-server", "valkey-server")
}

// URL is its address, the same after each Start.
func (r *RealRedis) URL() string { return r.redis.URL() }

// Pid is its process id, 0 while it is stopped.
func (r *RealRedis) Pid() int { return r.redis.Pid() }

// Stop ends it: connections break, new ones are refused.
func (r *RealRedis) Stop() {
	r.t.Helper()
	r.bounded("stop", r.redis.Stop)
}

// Start starts it again after Stop, empty.
func (r *RealRedis) Start() {
	r.t.Helper()
	r.bounded("start", r.redis.Restart)
}

// Freeze makes it hang: connections stay open and nothing is answered.
func (r *RealRedis) Freeze() {
	r.t.Helper()
	r.signal(syscall.SIGSTOP)
}

// Thaw lets it go on after Freeze.
func (r *RealRedis) Thaw() {
	r.t.Helper()
	r.signal(syscall.SIGCONT)
}

func (r *RealRedis) signal(sig syscall.Signal) {
	r.t.Helper()
	pid := r.Pid()
	if pid == 0 { // to signal 0 would mean ourselves
		return
	}
	if err := syscall.Kill(pid, sig); err != nil {
		r.t.Errorf("send %v to the test's Redis (pid %d): %v", sig, pid, err)
	}
}

func (r *RealRedis) bounded(what string, do func(context.Context) error) {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if err := do(ctx); err != nil {
		r.t.Errorf("%s the test's Redis: %v", what, err)
	}
}
