package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"runtime/debug"
	"strings"
	"time"

	"github.com/payonce/payonce/internal/config"
	"github.com/payonce/payonce/migrations"
	"github.com/payonce/payonce/provider/simulator"
)

// Migrate moves the schema or shows where it stands.
func Migrate(ctx context.Context, c *config.Migrate, log *slog.Logger, out io.Writer) error {
	return withDatabase(ctx, c.Config, log, func(url string) error {
		if err := reach(ctx, url, log); err != nil {
			return err
		}
		switch c.Direction {
		case "down":
			if err := migrations.Down(ctx, url); err != nil {
				return err
			}
		case "up":
			if err := migrate(ctx, url, log); err != nil {
				return err
			}
		}
		applied, err := migrations.Status(ctx, url)
		if err != nil {
			return err
		}
		return printStatus(out, applied)
	})
}

// Simulate runs the provider's stand-in until the context ends.
func Simulate(ctx context.Context, c *config.Simulator, log *slog.Logger, out, errOut io.Writer) (err error) {
	sim, err := simulator.Open(simulator.Config{Dir: c.DataDir, PublicURL: c.PublicURL, Log: log})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, sim.Close()) }()
	if err = notifyFrom(sim, c); err != nil {
		return err
	}
	listener, err := listen(ctx, "--addr", c.Addr)
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.Handle("/simulator/", byOperators(c.Addr, sim.AdminHandler()))
	mux.Handle("/simulator/authenticate/", sim.Handler()) // the customer's page
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) })
	mux.Handle("/", sim.Handler())
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	_, _ = fmt.Fprintf(out, "the payment provider's stand-in; its book is in %s\n  charges  http://%s/simulator/charges\n", c.DataDir, listener.Addr())
	_, _ = fmt.Fprintf(errOut, "listening on http://%s\n", listener.Addr())
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
		return server.Close() // some calls wait on purpose: they are cut off
	}
}

// notifyFrom has the simulator send notifications, where its flags ask for that.
func notifyFrom(sim *simulator.Simulator, c *config.Simulator) error {
	faults, err := simulator.ParseWebhookFaults(c.WebhookFaults)
	if err != nil {
		return fmt.Errorf("--webhook-faults: %w", err)
	}
	if c.WebhookURL != "" {
		secret, _, _ := strings.Cut(string(c.WebhookSecret), ",")
		sim.Notify(simulator.Webhooks{URL: c.WebhookURL, Secret: strings.TrimSpace(secret), Faults: faults})
	}
	return nil
}

// healthTimeout bounds how long a health check may take.
const healthTimeout = 3 * time.Second

// CheckHealth asks a running service whether it is ready.
func CheckHealth(ctx context.Context, cfg config.Config) error {
	host, port, err := net.SplitHostPort(cfg.Addr)
	if err != nil {
		return fmt.Errorf("ADDR %s: %w", cfg.Addr, err)
	}
	if host == "" || net.ParseIP(host).IsUnspecified() {
		host = "127.0.0.1"
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+net.JoinHostPort(host, port)+"/readyz", nil)
	if err != nil {
		return err
	}
	resp, err := (&http.Client{Timeout: healthTimeout}).Do(req)
	if err != nil {
		return fmt.Errorf("not ready: %w", err)
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("not ready: /readyz answered %d", resp.StatusCode)
	}
	return nil
}

// Version prints the version that the binary was built from: the one that the linker set, else the module's.
func Version(out io.Writer, version string) error {
	version, revision := build(version)
	_, err := fmt.Fprintln(out, strings.TrimRight("payonce "+version+" "+revision, " "))
	return err
}

// build is the version and the commit that the binary was built from; the commit is empty where it isn't known.
func build(version string) (_, revision string) {
	if info, ok := debug.ReadBuildInfo(); ok {
		version = cmp.Or(version, info.Main.Version)
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				revision = s.Value
			}
		}
	}
	return cmp.Or(version, "(unknown)"), revision
}
