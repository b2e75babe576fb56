package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/payonce/payonce/internal/config"
	"github.com/payonce/payonce/internal/metrics"
	"github.com/payonce/payonce/internal/sleep"
	"github.com/payonce/payonce/provider"
	"github.com/payonce/payonce/provider/simulator"
)

// noteFile says, beside the simulator's book, where its owner serves it.
const noteFile = "address.json"

// insideNote is where a service's own simulator listens. Instance is what it answers there: after a crash the note stays, and
// its port may belong to another program, or to another simulator.
type insideNote struct {
	URL      string `json:"url"`
	Instance string `json:"instance"`
}

const instancePath = "/simulator/instance"

// handler answers for the instance beside the simulator.
func (n insideNote) handler(simulator http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/", simulator)
	mux.HandleFunc("GET "+instancePath, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		_, _ = io.WriteString(w, n.Instance)
	})
	return mux
}

// keep writes the note in one step, so that a reader never sees half of it.
func (n insideNote) keep(path string) error {
	text, err := json.Marshal(n)
	if err != nil {
		return fmt.Errorf("keep %s: %w", noteFile, err)
	}
	if err := keep(path+".new", string(text)); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

// isServed asks whether the simulator of the note answers there.
func (n insideNote) isServed(ctx context.Context) bool {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, n.URL+instancePath, nil)
	if err != nil {
		return false
	}
	resp, err := (&http.Client{Timeout: healthTimeout}).Do(req)
	if err != nil {
		return false
	}
	defer func() { _ = resp.Body.Close() }()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, 64))
	return err == nil && resp.StatusCode == http.StatusOK && n.Instance != "" && string(answer) == n.Instance
}

// The wait for an owner of the simulator's book that is still starting.
const (
	noteWait = 10 * time.Second
	noteLook = 50 * time.Millisecond
)

// attachProvider is the provider for a command: the configured one, the simulator inside a running service, or, when no service
// has its book, a simulator for as long as the command takes.
func attachProvider(ctx context.Context, cfg config.Config, log *slog.Logger) (*paymentProvider, error) {
	m := metrics.New() // never served: a command has no listener for metrics
	p, err := openProvider(ctx, cfg, m.Provider, nil, nil, log)
	if !errors.Is(err, simulator.ErrInUse) {
		return p, err
	}
	path := filepath.Join(cfg.DataDir, "simulator", noteFile)
	for deadline := time.Now().Add(noteWait); time.Now().Before(deadline); {
		if note, ok := readNote(path); ok && note.isServed(ctx) {
			client, err := provider.New(provider.Config{
				URL: note.URL, SecretKey: insideKey, Timeout: cfg.ProviderTimeout, Log: log, Observe: m.Provider, Trace: m,
			})
			return &paymentProvider{Client: client, source: "simulator inside the running service"}, err
		}
		if !sleep.For(ctx, noteLook) {
			break
		}
	}
	return nil, fmt.Errorf("the simulator's book in %s belongs to a running process that does not answer where %s says: "+
		"try again when the service runs, or set PROVIDER_URL to the provider", filepath.Dir(path), noteFile)
}

func readNote(path string) (note insideNote, ok bool) {
	text, err := os.ReadFile(path)
	return note, err == nil && json.Unmarshal(text, &note) == nil
}
