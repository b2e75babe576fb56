package simulator

import (
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"
)

// maxSilence bounds how long a fault keeps a connection without an answer.
const maxSilence = 120 * time.Second

// Config is what Open needs.
type Config struct {
	// Dir is where the book is kept, made if missing; empty keeps it in memory only.
	Dir string
	// PublicURL is the address (http://host:port) under which a customer's browser reaches Handler; empty means the
	// Host that the provider's client used.
	PublicURL string
	// Log gets what went wrong; nil discards it.
	Log *slog.Logger
}

// Simulator is one provider with one book. It is safe for concurrent use.
type Simulator struct {
	log       *slog.Logger
	publicURL string
	closing   chan struct{} // ends silent and slow requests
	once      sync.Once
	book      *book

	// mu guards the maps. Lines are queued for the book while it is held, so the book has the order of the changes;
	// it is never held while waiting for the disk. What the maps point to is replaced, not changed.
	mu        sync.Mutex
	intents   map[string]*record
	moving    map[string]bool // ids of intents whose course is not over
	order     []string        // ids of intents, oldest first; created never decreases along it
	refunds   map[string]*refundRecord
	refunded  []string            // ids of refunds, oldest first
	refundsOf map[string][]string // ids of an intent's refunds, oldest first
	returning map[string]bool     // ids of refunds whose course is not over
	keys      map[string]*keyRecord
	chosen    []chosen // the faults of the next calls
	webhooks  *sender  // nil: no notifications are sent
	latest    int64    // the newest created time, so that a clock that steps back keeps the order
}

// Open replays the book and starts its writer. It fails when the folder cannot be used, when another process holds the
// book, or when the book is damaged anywhere but in its last line.
func Open(cfg Config) (*Simulator, error) {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	s := &Simulator{
		log: cfg.Log, publicURL: strings.TrimRight(cfg.PublicURL, "/"), closing: make(chan struct{}),
		intents: map[string]*record{}, moving: map[string]bool{}, keys: map[string]*keyRecord{},
		refunds: map[string]*refundRecord{}, refundsOf: map[string][]string{}, returning: map[string]bool{},
	}
	b, err := openBook(cfg.Dir, s.apply)
	if err != nil {
		return nil, fmt.Errorf("open the simulator's book: %w", err)
	}
	s.book = b
	return s, nil
}

// Close ends requests that are being slow or silent on purpose, writes out the book and lets go of it. Requests that
// arrive later are answered with 500.
func (s *Simulator) Close() error {
	var err error
	s.once.Do(func() {
		close(s.closing)
		s.mu.Lock()
		out := s.webhooks
		s.mu.Unlock()
		if out != nil {
			out.stop()
			<-out.ended
			out.client.CloseIdleConnections()
		}
		err = s.book.close()
	})
	return err
}

// Handler serves Stripe's protocol under /v1/ and the page that stands in for a bank's authentication.
func (s *Simulator) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v1/payment_intents", s.mutation(opCharge, s.createIntent))
	mux.HandleFunc("POST /v1/payment_intents/{id}/capture", s.mutation(opCapture, s.captureIntent))
	mux.HandleFunc("POST /v1/payment_intents/{id}/cancel", s.mutation(opCancel, s.cancelIntent))
	mux.HandleFunc("POST /v1/refunds", s.mutation(opRefund, s.createRefund))
	mux.HandleFunc("GET /v1/payment_intents", s.lookUp(s.listIntents))
	mux.HandleFunc("GET /v1/payment_intents/{id}", s.lookUp(s.getIntent))
	mux.HandleFunc("GET /v1/refunds", s.lookUp(s.listRefunds))
	mux.HandleFunc("GET /v1/refunds/{id}", s.lookUp(s.getRefund))
	mux.HandleFunc("/v1/", func(w http.ResponseWriter, _ *http.Request) {
		write(w, problem(http.StatusNotFound, wireError{Message: "Unrecognized request URL."}))
	})
	mux.HandleFunc("GET /simulator/authenticate/{id}", s.showAuthentication)
	mux.HandleFunc("POST /simulator/authenticate/{id}", s.authenticate)
	return mux
}

// AdminHandler serves GET /simulator/charges and /simulator/refunds: the book as tests and operators compare it with payonce's
// own; and /simulator/faults, which makes the next calls go wrong. It shows every account's charges and asks for no key, so it
// belongs on a private listener.
func (s *Simulator) AdminHandler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /simulator/charges", s.listCharges)
	mux.HandleFunc("GET /simulator/refunds", s.listBookedRefunds)
	mux.HandleFunc("GET /simulator/faults", s.showFaults)
	mux.HandleFunc("POST /simulator/faults", s.chooseFault)
	mux.HandleFunc("DELETE /simulator/faults", s.forgetFaults)
	return mux
}
