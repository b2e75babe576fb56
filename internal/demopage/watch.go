package demopage

import (
	"context"
	"crypto/rand"
	"sync"
	"time"

	"github.com/payonce/payonce/idempotency"
	"github.com/payonce/payonce/middleware"
)

const (
	// maxSessions bounds the pages that are remembered; the one that was unused for the longest makes room.
	maxSessions = 32
	// maxEvents bounds what a page that comes back after a lost connection can still be told.
	maxEvents = 2048
)

// Watch follows requests of demo pages through the service and tells their pages. It is safe for concurrent use. A nil Watch
// watches nothing.
type Watch struct {
	mu       sync.Mutex
	sessions map[string]*session
	crashed  map[recordID]*attempt // claims that nothing but the end of their lease frees
	closing  chan struct{}
	close    sync.Once
}

// recordID is a key of a merchant.
type recordID struct {
	tenant  idempotency.Tenant
	keyHash [32]byte
}

// NewWatch returns a watch without sessions.
func NewWatch() *Watch {
	return &Watch{sessions: map[string]*session{}, crashed: map[recordID]*attempt{}, closing: make(chan struct{})}
}

// Close ends the streams of events, which would hold a shutdown up otherwise.
func (w *Watch) Close() {
	if w != nil {
		w.close.Do(func() { close(w.closing) })
	}
}

// open makes a session.
func (w *Watch) open() *session {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.sessions) >= maxSessions {
		w.forgetOldest()
	}
	s := &session{id: "demo_" + rand.Text(), changed: make(chan struct{}), used: time.Now()}
	w.sessions[s.id] = s
	return s
}

// forgetOldest drops a session with all that is known of it. The caller holds the lock.
func (w *Watch) forgetOldest() {
	var oldest *session
	for _, s := range w.sessions {
		if oldest == nil || s.used.Before(oldest.used) {
			oldest = s
		}
	}
	delete(w.sessions, oldest.id)
	for id, a := range w.crashed {
		if a.session == oldest {
			delete(w.crashed, id)
		}
	}
}

// find is the session with this id, nil when there is none.
func (w *Watch) find(id string) *session {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := w.sessions[id]
	if s != nil {
		s.used = time.Now()
	}
	return s
}

// abandon remembers whose claim it was that a crash has left.
func (w *Watch) abandon(req idempotency.Request, a *attempt) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.crashed[recordID{req.Tenant, req.KeyHash}] = a
}

// abandoned is the attempt that left this record behind, once.
func (w *Watch) abandoned(rec *idempotency.Record) *attempt {
	w.mu.Lock()
	defer w.mu.Unlock()
	id := recordID{rec.Tenant, rec.KeyHash}
	a := w.crashed[id]
	delete(w.crashed, id)
	return a
}

// sessionKeys lets a session's id stand in for the API key of one merchant, on the page's own routes.
type sessionKeys struct {
	watch    *Watch
	merchant middleware.Identity
}

var _ middleware.APIKeys = sessionKeys{}

// Authenticate implements [middleware.APIKeys]. It asks no store.
func (k sessionKeys) Authenticate(_ context.Context, token string, _ func() error) (middleware.Identity, error) {
	if k.watch.find(token) == nil {
		return middleware.Identity{}, middleware.ErrUnauthorized
	}
	return k.merchant, nil
}
