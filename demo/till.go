package demo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/payonce/payonce/provider/simulator"
)

// till is the payment provider of both sides: the simulator, behind a gate that can hold its answers back. What is held is
// charged already; only the answer has not left. So a script can do something between charge and answer. A second gate
// holds those who look a charge up.
type till struct {
	sim    *simulator.Simulator
	stripe http.Handler // the simulator's, speaking Stripe's protocol
	server *http.Server
	url    string
	client *http.Client

	answers, lookUps gate
}

// gate holds calls back while it is closed.
type gate struct {
	mu   sync.Mutex
	open chan struct{} // closed to let calls go; nil while nothing is held
	held int
}

// hold keeps every call back until release.
func (g *gate) hold() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.open == nil {
		g.open = make(chan struct{})
	}
}

func (g *gate) release() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.open != nil {
		close(g.open)
	}
	g.open, g.held = nil, 0
}

// closed is what a call has to wait for, nil when it may pass.
func (g *gate) closed() <-chan struct{} {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.open != nil {
		g.held++
	}
	return g.open
}

func (g *gate) holds() bool { g.mu.Lock(); defer g.mu.Unlock(); return g.held > 0 }

func openTill(ctx context.Context) (*till, error) {
	sim, err := simulator.Open(simulator.Config{})
	if err != nil {
		return nil, err
	}
	t := &till{sim: sim, stripe: sim.Handler(), client: newHTTPClient()}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, errors.Join(fmt.Errorf("listen for the provider: %w", err), sim.Close())
	}
	mux := http.NewServeMux()
	mux.Handle("/simulator/charges", sim.AdminHandler())
	mux.HandleFunc("/", t.serve)
	t.server = &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	t.url = "http://" + listener.Addr().String()
	go func() { _ = t.server.Serve(listener) }() // ends with close, which is the only way it ends
	return t, nil
}

func (t *till) close() error {
	t.client.CloseIdleConnections()
	return errors.Join(t.server.Close(), t.sim.Close())
}

func (t *till) serve(w http.ResponseWriter, r *http.Request) {
	at := &t.answers
	if r.Method != http.MethodPost {
		at = &t.lookUps
	}
	closed := at.closed()
	if closed == nil {
		t.stripe.ServeHTTP(w, r)
		return
	}
	kept := &keptAnswer{header: http.Header{}, status: http.StatusOK}
	t.stripe.ServeHTTP(kept, r)
	select {
	case <-closed:
	case <-r.Context().Done(): // whoever asked is gone
		panic(http.ErrAbortHandler)
	}
	for name, values := range kept.header {
		w.Header()[name] = values
	}
	w.WriteHeader(kept.status)
	_, _ = w.Write(kept.body)
}

// keptAnswer is a response that has not left yet.
type keptAnswer struct {
	header http.Header
	status int
	body   []byte
}

func (k *keptAnswer) Header() http.Header    { return k.header }
func (k *keptAnswer) WriteHeader(status int) { k.status = status }
func (k *keptAnswer) Write(p []byte) (int, error) {
	k.body = append(k.body, p...)
	return len(p), nil
}

// charge is one line of the provider's book.
type charge struct {
	ID             string            `json:"id"`
	IdempotencyKey string            `json:"idempotency_key"`
	Amount         int64             `json:"amount"`
	Currency       string            `json:"currency"`
	Status         string            `json:"status"`
	Metadata       map[string]string `json:"metadata"`
}

// book asks the provider for every charge that it ever made, as anybody could.
func (t *till) book(ctx context.Context) ([]charge, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, t.url+"/simulator/charges", http.NoBody)
	if err != nil {
		return nil, err
	}
	resp, err := t.client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("ask for the provider's book: %w", err)
	}
	defer resp.Body.Close()
	var page struct {
		Data []charge `json:"data"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&page); err != nil || resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("read the provider's book: status %d: %w", resp.StatusCode, err)
	}
	return page.Data, nil
}
