package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"gorm.io/gorm"

	"github.com/payonce/payonce/idempotency/postgres"
	"github.com/payonce/payonce/idempotency/redis"
	"github.com/payonce/payonce/internal/app"
	"github.com/payonce/payonce/internal/config"
	"github.com/payonce/payonce/internal/logging"
	"github.com/payonce/payonce/provider"
	"github.com/payonce/payonce/provider/simulator"
)

func main() {
	if err := run(); err != nil {
		_, _ = fmt.Fprintln(os.Stderr, "baseline:", err)
		os.Exit(1)
	}
}

func run() error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if len(os.Args) > 1 && os.Args[1] == "copies" {
		return copies(ctx, os.Args[2:])
	}
	command, err := config.Parse(os.Args[1:], os.Getenv, os.Stdout, os.Stderr)
	if err != nil {
		return err
	}
	level, json := command.Log()
	log := logging.New(os.Stderr, level, json)
	defer log.Close()
	switch c := command.(type) {
	case *config.Simulator:
		return simulate(ctx, c.Addr)
	case *config.Serve:
		plain, err := open(c.Config, log)
		if err != nil {
			return err
		}
		defer plain.close()
		return app.Serve(ctx, c.Config, app.Program{
			Log: log.Logger, DroppedLines: log.Dropped, Out: os.Stdout, ErrOut: os.Stderr,
		}, plain.routes)
	}
	return fmt.Errorf("no command but serve and simulator")
}

// plain are the handlers, with stores of the same kind and size as the service's.
type plain struct {
	db       *postgres.Database
	orm      *gorm.DB
	redis    redis.Client
	provider *provider.Client
	body     []byte // what a replay answers
}

func open(cfg config.Config, log *logging.Logger) (*plain, error) {
	db, err := postgres.Open(string(cfg.DatabaseURL), postgres.Options{
		MaxConns: cfg.DBMaxConns, ExecMode: cfg.DBExecMode, Log: log.Logger,
	})
	if err != nil {
		return nil, err
	}
	cache, err := redis.Open(string(cfg.RedisURL), log.Logger)
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	payer, err := provider.New(provider.Config{
		URL: cfg.ProviderURL, SecretKey: string(cfg.ProviderSecretKey), Timeout: cfg.ProviderTimeout, Log: log.Logger,
	})
	if err != nil {
		return nil, errors.Join(err, cache.Close(), db.Close())
	}
	return &plain{db: db, orm: db.GORM(), redis: cache, provider: payer, body: []byte(os.Getenv("BASELINE_BODY"))}, nil
}

func (p *plain) close() {
	p.provider.Close()
	_ = errors.Join(p.redis.Close(), p.db.Close()) // the process ends
}

// simulate runs the simulator until the context ends. What is on disk would cost more than the call.
func simulate(ctx context.Context, address string) error {
	sim, err := simulator.Open(simulator.Config{})
	if err != nil {
		return err
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	if err != nil {
		return errors.Join(err, sim.Close())
	}
	server := &http.Server{Handler: sim.Handler(), ReadHeaderTimeout: 5 * time.Second}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	_, _ = fmt.Fprintf(os.Stderr, "admin listening on http://%s\nlistening on http://%[1]s\n", listener.Addr())
	select {
	case err = <-failed:
	case <-ctx.Done():
		err = server.Close()
	}
	return errors.Join(err, sim.Close())
}
