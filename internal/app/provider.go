package app

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/payonce/payonce/internal/config"
	"github.com/payonce/payonce/internal/embedded"
	"github.com/payonce/payonce/internal/logging"
	"github.com/payonce/payonce/provider"
	"github.com/payonce/payonce/provider/simulator"
)

// paymentProvider is the provider's client, and the simulator when it runs inside.
type paymentProvider struct {
	*provider.Client
	simulator *simulator.Simulator
	server    *http.Server
	note      string // the file that says where the simulator inside listens
	source    string
	url       string

	webhookSecrets []string // that notifications are signed with, any of them
}

// insideKey is what the service shows its own simulator; it opens nothing else.
const insideKey = "sk_test_simulator_inside"

func openProvider(
	ctx context.Context, cfg config.Config, observe func(string, provider.Outcome, time.Duration), trace provider.Tracer,
	traceparent func(context.Context) string, log *slog.Logger,
) (*paymentProvider, error) {
	p := &paymentProvider{source: cfg.ProviderURL, webhookSecrets: cfg.WebhookSecrets()}
	url, key := cfg.ProviderURL, string(cfg.ProviderSecretKey)
	if url == "" {
		address, err := p.inside(ctx, cfg, log)
		if err != nil {
			return nil, errors.Join(err, p.close())
		}
		p.webhookSecrets = append(p.webhookSecrets, "whsec_"+rand.Text()) // of this process: its simulator notifies it alone
		url, key, p.source = "http://"+address, insideKey, "simulator inside, its book in "+filepath.Join(cfg.DataDir, "simulator")
	}
	p.url = url
	var err error
	p.Client, err = provider.New(provider.Config{
		URL: url, SecretKey: key, Timeout: cfg.ProviderTimeout, Log: log, Observe: observe, Trace: trace, Traceparent: traceparent,
	})
	if err != nil {
		return nil, errors.Join(err, p.close())
	}
	return p, nil
}

// inside runs the simulator on a loopback port of its own, so that the client speaks to it as to any provider.
func (p *paymentProvider) inside(ctx context.Context, cfg config.Config, log *slog.Logger) (address string, err error) {
	dir := filepath.Join(cfg.DataDir, "simulator")
	done := logging.Waiting(ctx, log, "the simulator to read its book", "folder", dir)
	p.simulator, err = simulator.Open(simulator.Config{Dir: dir, PublicURL: cfg.SimulatorPublicURL, Log: log})
	done()
	if err != nil {
		return "", fmt.Errorf("%w%s: the simulator inside keeps its book of charges in %s: set DATA_DIR to another folder, "+
			"or PROVIDER_URL to a provider (such as payonce simulator)", err, heldBy(cfg.DataDir), dir)
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", errors.Join(fmt.Errorf("listen for the simulator: %w", err), p.simulator.Close())
	}
	note := insideNote{URL: "http://" + listener.Addr().String(), Instance: rand.Text()}
	p.server = &http.Server{Handler: note.handler(p.simulator.Handler()), ReadHeaderTimeout: 5 * time.Second}
	go func() { _ = p.server.Serve(listener) }() // ends with close, which is the only way it ends
	p.note = filepath.Join(dir, noteFile)
	return listener.Addr().String(), note.keep(p.note)
}

// notify lets the simulator inside send its notifications to the API.
func (p *paymentProvider) notify(public net.Addr) {
	if p.simulator == nil {
		return
	}
	host, port, err := net.SplitHostPort(public.String())
	if err != nil {
		return
	}
	if net.ParseIP(host).IsUnspecified() {
		host = "127.0.0.1"
	}
	p.simulator.Notify(simulator.Webhooks{
		URL: "http://" + net.JoinHostPort(host, port) + "/provider/webhooks", Secret: p.webhookSecrets[len(p.webhookSecrets)-1],
	})
}

// heldBy names the owner of the data folder, if there is one.
func heldBy(dir string) string {
	if owner := embedded.Owner(dir); owner != "" {
		return " (" + dir + " belongs to " + owner + ")"
	}
	return ""
}

func (p *paymentProvider) close() error {
	if p.Client != nil {
		p.Close()
	}
	if p.server == nil {
		return nil
	}
	err := os.Remove(p.note) // before the book is free for another owner, who writes a note of its own
	if errors.Is(err, os.ErrNotExist) {
		err = nil
	}
	return errors.Join(err, p.server.Close(), p.simulator.Close())
}
