// Package receiver is the other end of a webhook endpoint, as a merchant would write it: it keeps what arrives, and verifies it with the
// library of Standard Webhooks.
package receiver

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

// Receiver is a server on a loopback port.
type Receiver struct {
	*httptest.Server

	mu      sync.Mutex
	arrived []Arrival
}

// Arrival is one request.
type Arrival struct {
	Header http.Header
	Body   []byte
	At     time.Time
}

// ID is the event's id.
func (a Arrival) ID() string { return a.Header.Get("Webhook-Id") }

// New starts a receiver. It answers with answer, or, where that is nil, with 200. The end of the test closes it.
func New(t testing.TB, answer http.HandlerFunc) *Receiver {
	t.Helper()
	r := &Receiver{}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		body, _ := io.ReadAll(req.Body) // what is missing fails the signature
		r.mu.Lock()
		r.arrived = append(r.arrived, Arrival{req.Header, body, time.Now()})
		r.mu.Unlock()
		if answer != nil {
			answer(w, req)
		}
	}))
	t.Cleanup(func() {
		r.CloseClientConnections() // some answers never end
		r.Close()
	})
	return r
}

// All is what has arrived so far.
func (r *Receiver) All() []Arrival {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.arrived)
}

// Of is what has arrived of one event.
func (r *Receiver) Of(event string) []Arrival {
	return slices.DeleteFunc(r.All(), func(a Arrival) bool { return a.ID() != event })
}

// Verify fails unless the library accepts an arrival under a secret.
func Verify(a Arrival, secret string) error {
	hook, err := standardwebhooks.NewWebhook(secret)
	if err != nil {
		return fmt.Errorf("the secret: %w", err)
	}
	if err := hook.Verify(a.Body, a.Header); err != nil {
		return fmt.Errorf("the signature of %s: %w", a.ID(), err)
	}
	return nil
}
