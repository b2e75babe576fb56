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

	"github.com/gin-gonic/gin"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// What may pass between SIGTERM and the end: together below 5 s.
const (
	stopWait = 2 * time.Second        // for the requests
	partWait = 250 * time.Millisecond // for each of DBOS's parts, of which there are eight
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx)
	stop()
	if err != nil {
		_, _ = fmt.Fprintln(os.Stderr, "dbos:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	gin.SetMode(gin.ReleaseMode)
	s, err := open(context.WithoutCancel(ctx)) // SIGTERM ends the requests first
	if err != nil {
		return err
	}
	defer s.close()
	return serve(ctx, s.routes())
}

// serve says where it listens, as the benchmark expects it, and ends with the context.
func serve(ctx context.Context, handler http.Handler) error {
	admin, err := (&net.ListenConfig{}).Listen(ctx, "tcp", os.Getenv("ADMIN_ADDR"))
	if err != nil {
		return err
	}
	public, err := (&net.ListenConfig{}).Listen(ctx, "tcp", os.Getenv("ADDR"))
	if err != nil {
		return errors.Join(err, admin.Close())
	}
	figures := &http.Server{Handler: adminRoutes(), ReadHeaderTimeout: 5 * time.Second}
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 5 * time.Second}
	failed := make(chan error, 2)
	go func() { failed <- figures.Serve(admin) }()
	go func() { failed <- server.Serve(public) }()
	_, _ = fmt.Fprintf(os.Stderr, "admin listening on http://%s\nlistening on http://%s\n", admin.Addr(), public.Addr())
	select {
	case err = <-failed:
	case <-ctx.Done():
	}
	wait, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopWait)
	defer cancel()
	_ = server.Shutdown(wait) // what has not ended by then is cut off
	return errors.Join(err, server.Close(), figures.Close())
}

func adminRoutes() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/metrics", promhttp.Handler())
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	return mux
}
