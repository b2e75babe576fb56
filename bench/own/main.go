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

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx)
	stop()
	if err != nil {
		_, _ = fmt.Fprintln(os.Stderr, "own:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) (err error) {
	if len(os.Args) > 1 && os.Args[1] == "charges" {
		return serve(ctx, http.HandlerFunc(charge))
	}
	gin.SetMode(gin.ReleaseMode)
	s, err := open(ctx)
	if err != nil {
		return err
	}
	return errors.Join(serve(ctx, s.routes()), s.close())
}

// charge answers as a provider that has done what it was asked.
func charge(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", jsonType)
	_, _ = w.Write([]byte(`{"status":"succeeded"}`)) // a client that is gone is gone
}

// serve says where it listens, as the benchmark expects it, and ends with the context.
func serve(ctx context.Context, handler http.Handler) error {
	mux := http.NewServeMux()
	mux.Handle("/metrics", promhttp.Handler())
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	admin, err := listen(ctx)
	if err != nil {
		return err
	}
	public, err := listen(ctx)
	if err != nil {
		return errors.Join(err, admin.Close())
	}
	servers := [2]*http.Server{{Handler: mux, ReadHeaderTimeout: 5 * time.Second}, {Handler: handler, ReadHeaderTimeout: 5 * time.Second}}
	failed := make(chan error, len(servers))
	for i, listener := range []net.Listener{admin, public} {
		go func() { failed <- servers[i].Serve(listener) }()
	}
	_, _ = fmt.Fprintf(os.Stderr, "admin listening on http://%s\nlistening on http://%s\n", admin.Addr(), public.Addr())
	select {
	case err = <-failed:
	case <-ctx.Done():
	}
	return errors.Join(err, servers[0].Close(), servers[1].Close())
}

func listen(ctx context.Context) (net.Listener, error) {
	return (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
}
