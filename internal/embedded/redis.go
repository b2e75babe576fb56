package embedded

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os/exec"
	"path/filepath"
	"sync"

	"github.com/payonce/payonce/internal/logging"
)

// RedisConfig says where the private Redis keeps its socket.
type RedisConfig struct {
	Dir            string       // folder for the socket and the log; made when missing
	Log            *slog.Logger // nil is silent
	ForceInProcess bool         // don't look for an installed server
}

// Redis is a private Redis: a child of this process, or a part of it. It keeps
// nothing on disk, because nothing in Redis may be the only copy of anything.
type Redis struct {
	url    string
	source string

	mu      sync.Mutex   // guards start and stop
	server  *redisServer // an installed one, or
	process *inProcess   // one in this process; nil once stopped
}

// StartRedis starts redis-server or valkey-server from PATH, and where there is
// none, or it doesn't start, a Redis inside this process: Redis makes things
// fast, so a service without a real one is better than none.
func StartRedis(ctx context.Context, cfg RedisConfig) (*Redis, error) {
	log := cfg.Log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	reason := "no redis-server or valkey-server on PATH"
	if cfg.ForceInProcess {
		reason = "asked for"
	} else if program := redisProgram(); program != "" {
		waited := logging.Waiting(ctx, log, "the private Redis to answer", "program", program)
		r, err := startRedisChild(ctx, program, cfg.Dir)
		waited()
		if err == nil {
			return r, nil
		}
		if ctx.Err() != nil {
			return nil, fmt.Errorf("start the embedded Redis: %w", err)
		}
		log.Warn("the installed Redis did not start; using one inside this process", "program", program, "error", err)
		reason = filepath.Base(program) + " did not start"
	}
	process, err := startInProcess()
	if err != nil {
		return nil, fmt.Errorf("start the in-process Redis: %w", err)
	}
	return &Redis{
		url: process.url, process: process,
		source: "in-process Redis, for development only (" + reason + ")",
	}, nil
}

// redisProgram is the installed server, "" if there is none.
func redisProgram() string {
	if !supported {
		return ""
	}
	for _, name := range []string{"redis-server", "valkey-server"} {
		path, err := exec.LookPath(name)
		if err != nil {
			continue
		}
		if path, err = filepath.Abs(path); err == nil {
			return path
		}
	}
	return ""
}

func startRedisChild(ctx context.Context, program, dir string) (*Redis, error) {
	server, err := newRedisServer(program, dir)
	if err != nil {
		return nil, err
	}
	if err := server.start(ctx); err != nil {
		return nil, err
	}
	// go-redis' form: the path is the socket, the query picks the database.
	u := url.URL{Scheme: "unix", Path: server.socket(), RawQuery: "db=0"}
	return &Redis{
		url: u.String(), server: server,
		source: "installed " + filepath.Base(program) + " (" + program + ")",
	}, nil
}

// URL is the address, in a form that go-redis' ParseURL takes. It may hold a
// password.
func (r *Redis) URL() string { return r.url }

// Source says, for people, which server was taken.
func (r *Redis) Source() string { return r.source }

// Pid is the process id of the server: 0 when it is stopped or in this process.
func (r *Redis) Pid() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.server == nil || r.server.child == nil || r.server.child.ended() {
		return 0
	}
	return r.server.child.pid()
}

// Stop ends the server and waits for it. Its content is gone.
func (r *Redis) Stop(ctx context.Context) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.process != nil {
		r.process.stop()
		r.process = nil
	}
	if r.server == nil {
		return nil
	}
	return r.server.stop(ctx)
}

// Restart starts an installed server again, empty, at the same URL; first it
// stops a running one. For tests.
func (r *Redis) Restart(ctx context.Context) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.server == nil {
		return errors.New("only an installed Redis can be restarted: this one ran inside the process")
	}
	if err := r.server.stop(ctx); err != nil {
		return err
	}
	return r.server.start(ctx)
}
