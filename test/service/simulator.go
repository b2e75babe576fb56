package service

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/payonce/payonce/provider/simulator"
	"github.com/payonce/payonce/test/check"
)

// Simulator is a provider inside the test. What it charged is in memory and outlives every fault that a test makes.
type Simulator struct {
	t       testing.TB
	sim     *simulator.Simulator
	address string
	server  *http.Server

	mu       sync.Mutex
	requests *gate // before a charge is made
	answers  *gate // after it was made
	lookUps  *gate
	failing  bool // what reads ends with 500
	sent     int  // POSTs that arrived
}

// gate stops calls while it is closed.
type gate struct {
	open  chan struct{} // closed to let calls go on
	drop  bool          // they end without going on
	stuck int
}

// StartSimulator runs a provider on a loopback port until the end of the test.
func StartSimulator(t testing.TB) *Simulator {
	t.Helper()
	sim, err := simulator.Open(simulator.Config{})
	if err != nil {
		t.Fatal(err)
	}
	s := &Simulator{t: t, sim: sim, address: "127.0.0.1:0"}
	s.AcceptConnections()
	t.Cleanup(func() {
		s.Drop()
		s.ReleaseLookUps()
		_ = sim.Close()
		s.RefuseConnections()
	})
	return s
}

// URL is its address, the same for its whole life.
func (s *Simulator) URL() string { return "http://" + s.address }

// Notify lets the simulator send notifications to a service, signed with [WebhookSecret].
func (s *Simulator) Notify(to *Service, faults ...string) {
	s.sim.Notify(simulator.Webhooks{URL: to.URL() + "/provider/webhooks", Secret: WebhookSecret, Faults: faults})
}

// RefuseConnections breaks every connection and refuses new ones.
func (s *Simulator) RefuseConnections() {
	if s.server != nil {
		_ = s.server.Close()
	}
	s.server = nil
}

// AcceptConnections ends RefuseConnections.
func (s *Simulator) AcceptConnections() {
	s.t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", s.address)
	if err != nil {
		s.t.Fatal(err)
	}
	s.address = listener.Addr().String()
	server := &http.Server{Handler: http.HandlerFunc(s.serve), ReadHeaderTimeout: 10 * time.Second}
	s.server = server
	go func() { _ = server.Serve(listener) }() // ends with Close
}

// HoldRequests stops calls that would change something before the simulator sees them. Look-ups pass ([Simulator.HoldLookUps]).
func (s *Simulator) HoldRequests() { s.mu.Lock(); defer s.mu.Unlock(); s.requests = newGate() }

// HoldAnswers lets the simulator act and stops its answers.
func (s *Simulator) HoldAnswers() { s.mu.Lock(); defer s.mu.Unlock(); s.answers = newGate() }

// HoldLookUps stops what reads at the provider, until ReleaseLookUps. Release leaves it alone, so that a test can let one
// process have its answer while another is still looking.
func (s *Simulator) HoldLookUps() { s.mu.Lock(); defer s.mu.Unlock(); s.lookUps = newGate() }

// ReleaseLookUps ends HoldLookUps.
func (s *Simulator) ReleaseLookUps() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.lookUps != nil {
		close(s.lookUps.open)
	}
	s.lookUps = nil
}

// LookUpsHeld is how many look-ups are held now.
func (s *Simulator) LookUpsHeld() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.lookUps == nil {
		return 0
	}
	return s.lookUps.stuck
}

func newGate() *gate { return &gate{open: make(chan struct{})} }

// Release lets what is held go on, also when its sender is gone, and holds nothing any more.
func (s *Simulator) Release() { s.open(false) }

// Drop ends what is held: held requests never reach the simulator, held answers never leave. It holds nothing any more.
func (s *Simulator) Drop() { s.open(true) }

func (s *Simulator) open(drop bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, g := range []*gate{s.requests, s.answers} {
		if g != nil {
			g.drop = drop
			close(g.open)
		}
	}
	s.requests, s.answers = nil, nil
}

// Held is how many calls are held now.
func (s *Simulator) Held() (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, g := range []*gate{s.requests, s.answers} {
		if g != nil {
			n += g.stuck
		}
	}
	return n
}

// Sent is how many calls that would change something have arrived, held or not.
func (s *Simulator) Sent() int { s.mu.Lock(); defer s.mu.Unlock(); return s.sent }

func (s *Simulator) serve(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost {
		s.pass(&s.lookUps)
		if s.fails() {
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
		s.sim.Handler().ServeHTTP(w, r)
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	r.Body = io.NopCloser(bytes.NewReader(body)) // readable also when the sender is gone
	s.mu.Lock()
	s.sent++
	s.mu.Unlock()
	s.pass(&s.requests)
	s.mu.Lock()
	buffered := s.answers != nil
	s.mu.Unlock()
	if !buffered { // faults need the connection itself
		s.sim.Handler().ServeHTTP(w, r)
		return
	}
	recorder := httptest.NewRecorder()
	s.sim.Handler().ServeHTTP(recorder, r)
	s.pass(&s.answers)
	for name, values := range recorder.Header() {
		w.Header()[name] = values
	}
	w.WriteHeader(recorder.Code)
	_, _ = w.Write(recorder.Body.Bytes()) // a sender that is gone asks again
}

// pass waits while the gate is closed.
func (s *Simulator) pass(at **gate) {
	s.mu.Lock()
	g := *at
	if g == nil {
		s.mu.Unlock()
		return
	}
	g.stuck++
	s.mu.Unlock()
	<-g.open
	if g.drop {
		panic(http.ErrAbortHandler)
	}
}

// Charges lists what the provider charged, newest first.
func (s *Simulator) Charges() []check.Charge { return s.list("") }

func (s *Simulator) list(query string) []check.Charge {
	s.t.Helper()
	recorder := httptest.NewRecorder()
	s.sim.AdminHandler().ServeHTTP(recorder, httptest.NewRequest(http.MethodGet, "/simulator/charges"+query, nil))
	var list struct {
		Data []check.Charge `json:"data"`
	}
	if err := errors.Join(json.Unmarshal(recorder.Body.Bytes(), &list), asError(recorder.Code)); err != nil {
		s.t.Errorf("read the simulator's charges: %v: %s", err, recorder.Body)
	}
	return list.Data
}

func asError(status int) error {
	if status == http.StatusOK {
		return nil
	}
	return errors.New(http.StatusText(status))
}

// Customer does what a customer does at the page that a next_action leads to: succeed, fail or leave. It returns the page's status.
func (s *Simulator) Customer(page, outcome string) (status int) {
	s.t.Helper()
	address, err := url.Parse(page)
	if err != nil {
		s.t.Errorf("the customer's page %q: %v", page, err)
		return 0
	}
	req := httptest.NewRequest(http.MethodPost, address.Path, strings.NewReader(url.Values{"outcome": {outcome}}.Encode()))
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	recorder := httptest.NewRecorder()
	s.sim.Handler().ServeHTTP(recorder, req)
	return recorder.Code
}
