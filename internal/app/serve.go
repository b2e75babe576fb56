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
	"strings"
	"syscall"
	"time"

	"github.com/payonce/payonce/internal/config"
	"github.com/payonce/payonce/internal/jobs"
)

// Program is what a process brings to Serve, beside its settings.
type Program struct {
	Version      string // that the linker set; empty: what the module says
	Log          *slog.Logger
	DroppedLines func() int64 // of the log
	Out, ErrOut  io.Writer
}

// Serve runs the service until the context ends. Then the service is not ready, serves requests for SHUTDOWN_DELAY more,
// closes its listeners, and Serve returns when every accepted request is answered.
func Serve(ctx context.Context, cfg config.Config, p Program, routes func(*App) http.Handler) (err error) {
	a, err := Open(ctx, cfg, p.Log, p.Out)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, a.Close()) }()
	version, revision := build(p.Version)
	a.Metrics.Process(version, revision, p.DroppedLines)
	public, err := listen(ctx, "ADDR", cfg.Addr)
	if err != nil {
		return err
	}
	admin, err := listen(ctx, "ADMIN_ADDR", cfg.AdminAddr)
	if err != nil {
		return errors.Join(err, public.Close())
	}
	runner := a.startJobs(context.WithoutCancel(ctx))
	a.webhooks.dispatcher.Start(context.WithoutCancel(ctx))
	jobsEnded := make(chan struct{})
	defer func() { <-jobsEnded }()
	failed := make(chan error, 2)
	servers := []*http.Server{a.endDemoStreams(a.publicServer(a.withCustomersPage(routes(a)))), a.adminServer()}
	a.provider.notify(public.Addr())
	go func() { failed <- servers[0].Serve(public) }()
	go func() { failed <- servers[1].Serve(admin) }()
	if err := a.announce(ctx, p.Out, p.ErrOut, public.Addr(), admin.Addr()); err != nil {
		return errors.Join(err, a.drain(runner, jobsEnded, servers))
	}
	select {
	case err = <-failed:
	case <-ctx.Done():
		a.Health.Close()
		err = a.linger(failed)
	}
	a.Health.Close()
	return errors.Join(err, a.drain(runner, jobsEnded, servers))
}

// linger serves requests, unready, until balancers have noticed; or until a listener fails.
func (a *App) linger(failed <-chan error) error {
	if a.Config.ShutdownDelay > 0 {
		a.Log.Info("stopping: not ready; requests are still served for a while", "delay", a.Config.ShutdownDelay.String())
	}
	select {
	case err := <-failed:
		return err
	case <-time.After(a.Config.ShutdownDelay):
	}
	a.Log.Info("stopping: accepted requests are finished first", "grace", a.grace().String())
	return nil
}

// grace is how long accepted requests may take to end after SIGTERM: 20 s, or what a payment needs at worst.
func (a *App) grace() time.Duration {
	return max(20*time.Second, 5*time.Second+a.Config.ProviderTimeout+a.Config.CompletionBudget)
}

// drain ends the jobs and the servers side by side: no new round begins while requests end.
func (a *App) drain(runner *jobs.Runner, jobsEnded chan<- struct{}, servers []*http.Server) error {
	go func() {
		runner.Stop()
		a.webhooks.dispatcher.Stop(webhooksPatience)
		close(jobsEnded)
	}()
	return shutDown(servers, a.grace())
}

func listen(ctx context.Context, name, address string) (net.Listener, error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("%s %s %s", name, address, refused(err))
	}
	return listener, nil
}

// refused says why an address can't be listened on, and what to do.
func refused(err error) string {
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return "is in use, perhaps by another payonce: stop that program, or choose another address; port 0 picks a free port"
	case errors.Is(err, syscall.EACCES):
		return "is not open to this user: choose a port from 1024 on; port 0 picks a free one"
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return "is no address of this machine: choose one that is, or leave the host out to listen everywhere"
	}
	if op, ok := errors.AsType[*net.OpError](err); ok {
		err = op.Err // without the address again
	}
	return "can't be listened on: " + err.Error() + ": choose another address, such as 127.0.0.1:8080"
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

// withCustomersPage serves the page of the simulator inside beside the API once SIMULATOR_PUBLIC_URL names an address for it: the
// simulator's own listener is for this machine only. A ServeMux would redirect other spellings of the API's paths.
func (a *App) withCustomersPage(api http.Handler) http.Handler {
	if a.provider.simulator == nil || a.Config.SimulatorPublicURL == "" {
		return api
	}
	page := a.provider.simulator.Handler()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.EscapedPath(), "/simulator/authenticate/") {
			page.ServeHTTP(w, r)
			return
		}
		api.ServeHTTP(w, r)
	})
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
	if a.provider.simulator != nil {
		mux.Handle("/simulator/", a.provider.simulator.AdminHandler())
	}
	return &http.Server{Handler: byOperators(a.Config.AdminAddr, mux), ReadHeaderTimeout: 5 * time.Second, IdleTimeout: time.Minute}
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
