package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/pprof"
	"time"

	"github.com/payonce/payonce/config"
	"github.com/payonce/payonce/jobs"
)

// Serve runs the service until the context ends, and returns when every accepted request is answered.
func Serve(ctx context.Context, cfg config.Config, log *slog.Logger, out, errOut io.Writer, routes func(*App) http.Handler) (err error) {
	a, err := Open(ctx, cfg, log, out)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, a.Close()) }()
	public, err := listen(ctx, "ADDR", cfg.Addr)
	if err != nil {
		return err
	}
	admin, err := listen(ctx, "ADMIN_ADDR", cfg.AdminAddr)
	if err != nil {
		return errors.Join(err, public.Close())
	}
	runner := a.startJobs(context.WithoutCancel(ctx))
	jobsEnded := make(chan struct{})
	defer func() { <-jobsEnded }()
	failed := make(chan error, 2)
	servers := []*http.Server{a.publicServer(routes(a)), a.adminServer()}
	go func() { failed <- servers[0].Serve(public) }()
	go func() { failed <- servers[1].Serve(admin) }()
	if err := a.announce(ctx, out, errOut, public.Addr(), admin.Addr()); err != nil {
		return errors.Join(err, a.drain(runner, jobsEnded, servers))
	}
	select {
	case err = <-failed:
	case <-ctx.Done():
		log.Info("stopping: accepted requests are finished first", "grace", a.grace().String())
	}
	a.Health.Close()
	return errors.Join(err, a.drain(runner, jobsEnded, servers))
}

// grace is how long accepted requests may take to end after SIGTERM: 20 s, or what a payment needs at worst.
func (a *App) grace() time.Duration {
	return max(20*time.Second, 5*time.Second+a.Config.ProviderTimeout+a.Config.CompletionBudget)
}

// drain ends the jobs and the servers side by side: no new round begins while requests end.
func (a *App) drain(runner *jobs.Runner, jobsEnded chan<- struct{}, servers []*http.Server) error {
	go func() {
		runner.Stop()
		close(jobsEnded)
	}()
	return shutDown(servers, a.grace())
}

func listen(ctx context.Context, name, address string) (net.Listener, error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w; choose another one, port 0 picks a free one", name, address, err)
	}
	return listener, nil
}

// publicServer has a deadline for everything a slow client could drag out. Bodies have one of their own (middleware.Body,
// middleware.BodyTime). No request is answered past the handler: net/http would take OPTIONS * for itself.
func (a *App) publicServer(handler http.Handler) *http.Server {
	longest := a.Config.IdempotencyLease + a.Config.MaxWait + a.Config.CompletionBudget
	return &http.Server{
		Handler: handler, ReadHeaderTimeout: 5 * time.Second, WriteTimeout: longest + 30*time.Second, IdleTimeout: 2 * time.Minute,
		MaxHeaderBytes: 16 << 10, ErrorLog: slog.NewLogLogger(a.Log.Handler(), slog.LevelDebug), DisableGeneralOptionsHandler: true,
	}
}

// adminServer is for operators: it knows no merchants, and is never on the public listener.
func (a *App) adminServer() *http.Server {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", a.Metrics.Handler())
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	a.failpoints.serve(mux)
	if a.payer.simulator != nil {
		mux.Handle("/simulator/", a.payer.simulator.AdminHandler())
	}
	return &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second, IdleTimeout: time.Minute}
}

func shutDown(servers []*http.Server, grace time.Duration) error {
	ctx, cancel := context.WithTimeout(context.Background(), grace)
	defer cancel()
	var errs []error
	for _, server := range servers {
		if err := server.Shutdown(ctx); err != nil {
			errs = append(errs, fmt.Errorf("requests were still running after %s: %w", grace, err), server.Close())
		}
	}
	return errors.Join(errs...)
}
