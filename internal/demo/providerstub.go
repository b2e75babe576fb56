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

// providerStub is the payment provider of both sides: the simulator, behind a barrier that can hold its answers back. What is held
// is charged already; only the answer has not left. So a script can do something between charge and answer. A second barrier holds
// those that look a charge up.
type providerStub struct {
	sim    *simulator.Simulator
	stripe http.Handler // the simulator's, speaking Stripe's protocol
	server *http.Server
	url    string
	client *http.Client

	answers, lookUps barrier
}

// barrier holds calls back while it is closed.
type barrier struct {
	mu   sync.Mutex
	open chan struct{} // closed to let calls go; nil while nothing is held
	held int
}

// hold keeps every call back until release.
func (b *barrier) hold() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.open == nil {
		b.open = make(chan struct{})
	}
}

func (b *barrier) release() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.open != nil {
		close(b.open)
	}
	b.open, b.held = nil, 0
}

// closed is what a call has to wait for, nil when it may pass.
func (b *barrier) closed() <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.open != nil {
		b.held++
	}
	return b.open
}

func (b *barrier) holds() bool { b.mu.Lock(); defer b.mu.Unlock(); return b.held > 0 }

func openProviderStub(ctx context.Context) (*providerStub, error) {
	sim, err := simulator.Open(simulator.Config{})
	if err != nil {
		return nil, err
	}
	p := &providerStub{sim: sim, stripe: sim.Handler(), client: newHTTPClient()}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, errors.Join(fmt.Errorf("listen for the provider: %w", err), sim.Close())
	}
	mux := http.NewServeMux()
	mux.Handle("/simulator/charges", sim.AdminHandler())
	mux.HandleFunc("/", p.serve)
	p.server = &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	p.url = "http://" + listener.Addr().String()
	go func() { _ = p.server.Serve(listener) }() // ends with close, which is the only way it ends
	return p, nil
}

func (p *providerStub) close() error {
	p.client.CloseIdleConnections()
	return errors.Join(p.server.Close(), p.sim.Close())
}

func (p *providerStub) serve(w http.ResponseWriter, r *http.Request) {
	at := &p.answers
	if r.Method != http.MethodPost {
		at = &p.lookUps
	}
	closed := at.closed()
	if closed == nil {
		p.stripe.ServeHTTP(w, r)
		return
	}
	kept := &keptAnswer{header: http.Header{}, status: http.StatusOK}
	p.stripe.ServeHTTP(kept, r)
	select {
	case <-closed:
	case <-r.Context().Done(): // the client is gone
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

// charges are all that the provider ever made, read as any operator could.
func (p *providerStub) charges(ctx context.Context) ([]charge, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, p.url+"/simulator/charges", http.NoBody)
	if err != nil {
		return nil, err
	}
	resp, err := p.client.Do(req)
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
