package crash

import (
	"context"
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/payonce/payonce/provider/simulator"
)

// bank is the simulator behind a gate: calls that charge can be held before they reach it, or after it has charged and
// before its answer leaves.
type bank struct {
	t         *testing.T
	simulator *simulator.Simulator
	server    *httptest.Server
	mu        sync.Mutex
	before    chan struct{} // closed: calls pass
	after     chan struct{}
	held      chan struct{} // a call is held
}

func startBank(t *testing.T) *bank {
	t.Helper()
	sim, err := simulator.Open(simulator.Config{})
	if err != nil {
		t.Fatal(err)
	}
	b := &bank{t: t, simulator: sim, before: closed(), after: closed(), held: make(chan struct{}, 1000)}
	b.server = httptest.NewServer(http.HandlerFunc(b.serve))
	t.Cleanup(func() {
		b.release()
		_ = sim.Close() // first: it ends the calls that wait on purpose
		b.server.CloseClientConnections()
		b.server.Close()
	})
	return b
}

func closed() chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}

func (b *bank) serve(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost {
		b.simulator.Handler().ServeHTTP(w, r)
		return
	}
	b.mu.Lock()
	before, after := b.before, b.after
	b.mu.Unlock()
	if !b.pass(before, r.Context()) {
		return
	}
	answer := httptest.NewRecorder()
	b.simulator.Handler().ServeHTTP(answer, r.WithContext(context.WithoutCancel(r.Context())))
	if !b.pass(after, r.Context()) {
		return
	}
	for name, values := range answer.Header() {
		w.Header()[name] = values
	}
	w.WriteHeader(answer.Code)
	_, _ = w.Write(answer.Body.Bytes())
}

// pass waits at a gate; false when the caller has gone: what never arrived is not done later.
func (b *bank) pass(gate chan struct{}, ctx context.Context) bool { //nolint:revive // the gate is what this is about
	select {
	case <-gate:
		return true
	default:
	}
	b.held <- struct{}{}
	select {
	case <-gate:
		return ctx.Err() == nil
	case <-ctx.Done():
		return false
	}
}

func (b *bank) holdRequests() { b.mu.Lock(); defer b.mu.Unlock(); b.before = make(chan struct{}) }
func (b *bank) holdAnswers()  { b.mu.Lock(); defer b.mu.Unlock(); b.after = make(chan struct{}) }

// release lets calls pass, also those that are held.
func (b *bank) release() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, gate := range []*chan struct{}{&b.before, &b.after} {
		select {
		case <-*gate:
		default:
			close(*gate)
		}
	}
}

// refuse makes the provider's port refuse connections until the returned function is called.
func (b *bank) refuse() (accept func()) {
	address := b.server.Listener.Addr().String()
	b.server.CloseClientConnections()
	b.server.Close()
	return func() {
		listener, err := (&net.ListenConfig{}).Listen(b.t.Context(), "tcp", address)
		if err != nil {
			b.t.Fatal(err)
		}
		b.server = httptest.NewUnstartedServer(http.HandlerFunc(b.serve))
		_ = b.server.Listener.Close()
		b.server.Listener = listener
		b.server.Start()
	}
}

type charge struct {
	ID             string            `json:"id"`
	IdempotencyKey string            `json:"idempotency_key"`
	Amount         int64             `json:"amount"`
	Currency       string            `json:"currency"`
	Status         string            `json:"status"`
	Requests       int               `json:"requests"`
	Metadata       map[string]string `json:"metadata"`
}

// charges is the book.
func (b *bank) charges() []charge {
	b.t.Helper()
	answer := httptest.NewRecorder()
	request := httptest.NewRequestWithContext(context.Background(), http.MethodGet, "/simulator/charges?limit=1000", nil)
	b.simulator.AdminHandler().ServeHTTP(answer, request)
	var book struct {
		Data []charge `json:"data"`
	}
	if err := json.Unmarshal(answer.Body.Bytes(), &book); err != nil {
		b.t.Fatalf("%s: %v", answer.Body, err)
	}
	return book.Data
}
