package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/payonce/payonce/internal/embedded"
	"github.com/payonce/payonce/migrations"
	"github.com/payonce/payonce/test/overlay"
)

const (
	secretKey   = "YmVuY2htYXJrcy1vbmx5LXNlY3JldC1rZXktMzItYnk=" // 32 bytes in base64, of nothing but this run
	providerKey = "sk_test_provider_key_of_the_benchmarks"
)

// stage is what all sites share: the stores, the provider's stand-in, and the programs.
type stage struct {
	folder    string
	programs  string // where they are
	postgres  *embedded.Postgres
	redis     *embedded.Redis
	simulator *child
	called    []*child // that a request may call beside its stores: the simulator, and another such
	databases int
	closers   []func() error // in reverse order
}

// openStage builds the programs and starts private stores. PostgreSQL is as durable as in production.
func openStage(ctx context.Context, o options) (_ *stage, err error) {
	s := &stage{}
	if s.folder, err = makeFolder(o.dir); err != nil {
		return nil, err
	}
	s.closers = append(s.closers, func() error { return os.RemoveAll(s.folder) })
	defer func() {
		if err != nil {
			err = errors.Join(err, s.close())
		}
	}()
	if s.programs = o.programs; s.programs == "" {
		s.programs = s.folder
		if err = build(ctx, s.folder, o.others); err != nil {
			return nil, err
		}
	}
	if err = s.startPostgres(ctx, o); err != nil {
		return nil, err
	}
	if s.redis, err = embedded.StartRedis(ctx, embedded.RedisConfig{Dir: filepath.Join(s.folder, "redis")}); err != nil {
		return nil, err
	}
	s.closers = append(s.closers, func() error { return bounded(s.redis.Stop) })
	if s.redis.Pid() == 0 {
		return nil, errors.New("a benchmark needs a real Redis: install redis-server or valkey-server")
	}
	if s.simulator, err = s.child(ctx, "simulator", "baseline", []string{"simulator", "--addr", "127.0.0.1:0"}, nil); err != nil {
		return nil, err
	}
	s.called = append(s.called, s.simulator)
	return s, nil
}

// makeFolder makes a folder of this run's own inside dir, which is made first if it doesn't exist.
func makeFolder(dir string) (string, error) {
	if dir != "" {
		if err := os.MkdirAll(dir, 0o755); err != nil { //nolint:gosec // PostgreSQL's own user has to get through it
			return "", fmt.Errorf("-dir: %w", err)
		}
	}
	return os.MkdirTemp(dir, "payonce-bench-")
}

func (s *stage) startPostgres(ctx context.Context, o options) (err error) {
	// The usual settings of a PostgreSQL under load: with the defaults of a small machine, checkpoints would come every few
	// seconds, and each of them makes the next change of every page dearer.
	settings := map[string]string{
		"max_connections": "400", // several services and baselines, each with the pools of a whole one
		"shared_buffers":  "1GB", "max_wal_size": "4GB",
	}
	if o.growth {
		settings["wal_level"] = "minimal" // lets the table be filled without being written twice; it is as durable
	}
	s.postgres, err = embedded.StartPostgres(ctx, embedded.PostgresConfig{
		Dir: filepath.Join(s.folder, "data"), BinDir: os.Getenv("PG_BIN_DIR"), Settings: settings, Log: quiet(),
	})
	if err == nil {
		s.closers = append(s.closers, func() error { return bounded(s.postgres.Stop) })
	}
	return err
}

func bounded(stop func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(context.Background(), childStop)
	defer cancel()
	return stop(ctx)
}

// close takes everything down, in the opposite order.
func (s *stage) close() error {
	var errs []error
	for i := len(s.closers) - 1; i >= 0; i-- {
		errs = append(errs, s.closers[i]())
	}
	s.closers = nil
	return errors.Join(errs...)
}

// programs are what is built, and the folder of each below the module. Those of other libraries are modules of their own.
func programs(others bool) map[string]string {
	list := map[string]string{"payonce": ".", "baseline": "bench/baseline", "own": "bench/own"}
	if others {
		list["fiber"], list["dbos"] = "bench/fiber", "bench/dbos"
	}
	return list
}

// build makes all programs at once: linking is most of it.
func build(ctx context.Context, folder string, others bool) error {
	root, err := overlay.ModuleRoot(ctx)
	if err != nil {
		return err
	}
	list := programs(others)
	errs := make(chan error, len(list))
	for name, path := range list {
		go func() { errs <- goBuild(ctx, filepath.Join(root, path), filepath.Join(folder, name)) }()
	}
	for range list {
		err = errors.Join(err, <-errs)
	}
	return err
}

// goBuild builds the program in a folder.
func goBuild(ctx context.Context, folder, program string, flags ...string) error {
	build := exec.CommandContext(ctx, "go", append(append([]string{"build", "-ldflags=-s -w", "-o", program}, flags...), ".")...)
	build.Dir = folder
	if output, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("build %s: %w\n%s", folder, err, output)
	}
	return nil
}

// child starts a program and stops it at the end.
func (s *stage) child(ctx context.Context, name, program string, args []string, env map[string]string) (*child, error) {
	list := []string{"PATH=" + os.Getenv("PATH"), "HOME=" + s.folder, "LOG_FORMAT=json"}
	for _, name := range []string{"GOGC", "GOMEMLIMIT", "GOMAXPROCS", "GODEBUG"} { // so that their effect can be measured
		if value, ok := os.LookupEnv(name); ok {
			list = append(list, name+"="+value)
		}
	}
	for name, value := range env {
		list = append(list, name+"="+value)
	}
	c, err := startChild(ctx, name, s.folder, filepath.Join(s.programs, program), args, list)
	if err == nil {
		s.closers = append(s.closers, c.stop)
	}
	return c, err
}

// database makes a migrated database and returns its URL.
func (s *stage) database(ctx context.Context) (string, error) {
	url, err := s.emptyDatabase(ctx, "")
	if err != nil {
		return "", err
	}
	return url, migrations.Up(ctx, url)
}

// emptyDatabase makes a database in which nothing but the statements has run, and returns its URL.
func (s *stage) emptyDatabase(ctx context.Context, statements string) (string, error) {
	s.databases++
	name := fmt.Sprintf("bench_%d", s.databases)
	conn, err := pgx.Connect(ctx, s.postgres.URL())
	if err != nil {
		return "", err
	}
	_, err = conn.Exec(ctx, "CREATE DATABASE "+name)
	if err = errors.Join(err, conn.Close(ctx)); err != nil {
		return "", err
	}
	url := s.postgres.DatabaseURL(name)
	return url, s.exec(ctx, url, statements)
}

// exec runs statements in a database.
func (s *stage) exec(ctx context.Context, url, statements string) error {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return err
	}
	_, err = conn.Exec(ctx, statements)
	return errors.Join(err, conn.Close(ctx))
}

// settle lets PostgreSQL write out what it was given, so that the next measurement doesn't pay for it.
func (s *stage) settle(ctx context.Context, databaseURL string) error {
	ctx, cancel := context.WithTimeout(ctx, time.Hour)
	defer cancel()
	conn, err := pgx.Connect(ctx, databaseURL)
	if err != nil {
		return err
	}
	for _, statement := range []string{"VACUUM (ANALYZE) idempotency_keys, orders", "CHECKPOINT"} {
		if _, e := conn.Exec(ctx, statement); e != nil {
			err = errors.Join(err, fmt.Errorf("%s: %w", statement, e))
		}
	}
	return errors.Join(err, conn.Close(ctx))
}
