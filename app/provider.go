package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"time"

	"github.com/payonce/payonce/config"
	"github.com/payonce/payonce/metrics"
	"github.com/payonce/payonce/provider"
	"github.com/payonce/payonce/provider/simulator"
)

// payer is the provider's client, and the simulator when it runs inside.
type payer struct {
	*provider.Client
	simulator *simulator.Simulator
	server    *http.Server
	rung      string
}

// insideKey is what the service shows its own simulator; it opens nothing else.
const insideKey = "sk_test_simulator_inside"

func openPayer(ctx context.Context, cfg config.Config, m *metrics.Metrics, log *slog.Logger) (*payer, error) {
	p := &payer{rung: cfg.ProviderURL}
	url, key := cfg.ProviderURL, string(cfg.ProviderSecretKey)
	if url == "" {
		address, err := p.inside(ctx, cfg, log)
		if err != nil {
			return nil, err
		}
		url, key, p.rung = "http://"+address, insideKey, "simulator inside, its book in "+filepath.Join(cfg.DataDir, "simulator")
	}
	var err error
	p.Client, err = provider.New(provider.Config{
		URL: url, SecretKey: key, Timeout: cfg.ProviderTimeout, Log: log, Observe: m.Provider,
	})
	if err != nil {
		return nil, errors.Join(err, p.close())
	}
	return p, nil
}

// inside runs the simulator on a loopback port of its own, so that the client speaks to it as to any provider.
func (p *payer) inside(ctx context.Context, cfg config.Config, log *slog.Logger) (address string, err error) {
	p.simulator, err = simulator.Open(simulator.Config{Dir: filepath.Join(cfg.DataDir, "simulator"), Log: log})
	if err != nil {
		return "", err
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", errors.Join(fmt.Errorf("listen for the simulator: %w", err), p.simulator.Close())
	}
	p.server = &http.Server{Handler: p.simulator.Handler(), ReadHeaderTimeout: 5 * time.Second}
	go func() { _ = p.server.Serve(listener) }() // ends with close, which is the only way it ends
	return listener.Addr().String(), nil
}

func (p *payer) close() error {
	if p.Client != nil {
		p.Close()
	}
	if p.server == nil {
		return nil
	}
	return errors.Join(p.server.Close(), p.simulator.Close())
}
