package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/payonce/payonce/idempotency/postgres"
	"github.com/payonce/payonce/idempotency/redis"
	"github.com/payonce/payonce/internal/config"
	"github.com/payonce/payonce/internal/naive"
	"github.com/payonce/payonce/provider"
)

// ServeNaive runs the plain service, as a process of its own, until the context ends.
func ServeNaive(ctx context.Context, cfg config.Config, log *slog.Logger, errOut io.Writer) (err error) {
	db, err := postgres.Open(string(cfg.DatabaseURL), postgres.Options{MaxConns: cfg.DBMaxConns, Log: log})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	cache, err := redis.Open(string(cfg.RedisURL), log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, cache.Close()) }()
	charger, err := provider.New(provider.Config{
		URL: cfg.ProviderURL, SecretKey: string(cfg.ProviderSecretKey), Timeout: cfg.ProviderTimeout, Log: log,
	})
	if err != nil {
		return err
	}
	defer charger.Close()
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", cfg.Addr)
	if err != nil {
		return fmt.Errorf("ADDR %s: %w", cfg.Addr, err)
	}
	plain := naive.New(naive.Config{DB: db.SQL(), Redis: cache, Provider: charger})
	server := &http.Server{Handler: plain.Handler(), ReadHeaderTimeout: 5 * time.Second}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	_, _ = fmt.Fprintf(errOut, "a payments service without protection, for the demo\nlistening on http://%s\n", listener.Addr())
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
		return server.Close()
	}
}
