package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/pprof"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/gofiber/fiber/v3"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// stopWait is how long requests may take to end after SIGTERM.
const stopWait = 3 * time.Second

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx)
	stop()
	if err != nil {
		_, _ = fmt.Fprintln(os.Stderr, "fiber:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	s, err := open(ctx, os.Getenv("DATABASE_URL"), os.Getenv("REDIS_URL"))
	if err != nil {
		return err
	}
	return errors.Join(serve(ctx, s.app()), s.close())
}

// serve says where it listens, as the benchmark expects it, and ends with the context.
func serve(ctx context.Context, app *fiber.App) error {
	admin, err := (&net.ListenConfig{}).Listen(ctx, "tcp", os.Getenv("ADMIN_ADDR"))
	if err != nil {
		return err
	}
	public, err := (&net.ListenConfig{}).Listen(ctx, "tcp", os.Getenv("ADDR"))
	if err != nil {
		return errors.Join(err, admin.Close())
	}
	figures := &http.Server{Handler: adminRoutes(), ReadHeaderTimeout: 5 * time.Second}
	failed := make(chan error, 2)
	go func() { failed <- figures.Serve(admin) }()
	go func() { failed <- app.Listener(public, fiber.ListenConfig{DisableStartupMessage: true}) }()
	_, _ = fmt.Fprintf(os.Stderr, "admin listening on http://%s\nlistening on http://%s\n", admin.Addr(), public.Addr())
	select {
	case err = <-failed:
	case <-ctx.Done():
	}
	stopped := app.ShutdownWithTimeout(stopWait)
	if errors.Is(stopped, context.DeadlineExceeded) {
		stopped = nil // the process ends, and with it what is left
	}
	return errors.Join(err, stopped, figures.Close())
}

func adminRoutes() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/metrics", promhttp.Handler())
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	return mux
}
