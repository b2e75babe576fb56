package chaos

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"time"

	"github.com/payonce/payonce/models"
	"github.com/payonce/payonce/test/receiver"
	"github.com/payonce/payonce/test/service"
)

const (
	webhookTimeout = time.Second
	// ofAll answers so many receivers' answers are none, or too late. Two failures in a row cost five minutes by the schedule: what
	// waits for so long at the end is asked for again, as a merchant would.
	ofAll, failures, tooSlow = 1000, 30, 2
)

// endpoint is a merchant's receiver. It fails at random, and verifies what it takes.
type endpoint struct {
	server *httptest.Server
	id     string

	mu       sync.Mutex
	secret   string
	healthy  bool
	arrived  map[string]int // by the event's id: how often it was taken
	attempts int
	broken   []string // what should not have arrived so
}

// openEndpoints gives every merchant an endpoint, before anything fails.
func (w *world) openEndpoints() {
	w.t.Helper()
	for m := range w.endpoints {
		s := &endpoint{arrived: map[string]int{}}
		s.server = httptest.NewServer(http.HandlerFunc(s.take))
		w.t.Cleanup(func() { s.server.CloseClientConnections(); s.server.Close() })
		made := w.owners[m].Post("/v1/webhook-endpoints", "shop", `{"url":"`+s.server.URL+`"}`)
		service.Wants(w.t, "a webhook endpoint", made, http.StatusCreated, "")
		s.mu.Lock()
		s.id, s.secret = made.Field("id"), made.Field("secret")
		s.mu.Unlock()
		w.endpoints[m] = s
	}
}

func (s *endpoint) take(w http.ResponseWriter, req *http.Request) {
	body, err := io.ReadAll(req.Body)
	if err != nil { // the service died while it sent
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	luck := rand.IntN(ofAll) //nolint:gosec // no secret
	s.mu.Lock()
	s.attempts++
	a := receiver.Arrival{Header: req.Header, Body: body, At: time.Now()}
	if err := receiver.Verify(a, s.secret); err != nil {
		s.broken = append(s.broken, err.Error())
	}
	fails, slow := !s.healthy && luck < failures, !s.healthy && luck < tooSlow
	if !fails {
		s.arrived[a.ID()]++
	}
	s.mu.Unlock()
	if slow {
		select {
		case <-req.Context().Done():
		case <-time.After(2 * webhookTimeout):
		}
	}
	if fails { // the slow ones, too: a service that was frozen meanwhile still reads the answer
		w.WriteHeader(http.StatusInternalServerError)
	}
}

// waiting is what is not delivered. What waits for longer than a moment is asked for again.
func (w *world) waiting() (n int) {
	rows, err := w.db.QueryContext(context.Background(), `SELECT merchant_id::text, id::text, next_attempt_at > now() + interval '10 seconds'
		FROM webhook_deliveries WHERE status = 'pending'`)
	if err != nil {
		w.t.Error(err)
		return 1
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var merchant, delivery string
		var late bool
		if err := rows.Scan(&merchant, &delivery, &late); err != nil {
			w.t.Error(err)
		}
		n++
		if late {
			w.deliverAgain(merchant, delivery)
		}
	}
	if err := rows.Err(); err != nil {
		w.t.Error(err)
	}
	w.pause(100 * time.Millisecond)
	return n
}

func (w *world) deliverAgain(merchant, delivery string) {
	for m, owner := range w.owners {
		if owner.MerchantID() == idOf(models.PrefixMerchant, merchant) {
			id := idOf(models.PrefixWebhookDelivery, delivery)
			w.again++
			owner.Post("/v1/webhook-endpoints/"+w.endpoints[m].id+"/deliveries/"+id+"/redeliver", fmt.Sprint("again-", w.again), "")
		}
	}
}

// heal lets the receivers take everything.
func (w *world) heal() {
	for _, s := range w.endpoints {
		s.mu.Lock()
		s.healthy = true
		s.mu.Unlock()
	}
}

// told compares the events with what has arrived: each at least once, and at its own merchant. It returns a line of the summary.
func (w *world) told() string {
	w.t.Helper()
	events, attempts, taken := 0, 0, 0
	for m, s := range w.endpoints {
		written := w.eventsOf(w.owners[m].MerchantID())
		s.mu.Lock()
		for id := range written {
			if s.arrived[id] == 0 {
				w.t.Errorf("event %s of %s never arrived", id, w.owners[m].MerchantID())
			}
		}
		for id, times := range s.arrived {
			if taken += times; !written[id] {
				w.t.Errorf("%s arrived at %s, which has no such event", id, w.owners[m].MerchantID())
			}
		}
		if len(s.broken) > 0 {
			w.t.Errorf("%d arrivals don't verify: %s", len(s.broken), strings.Join(s.broken[:min(3, len(s.broken))], "; "))
		}
		events, attempts = events+len(written), attempts+s.attempts
		s.mu.Unlock()
	}
	return fmt.Sprintf("webhooks: %d events, %d attempts that arrived, %d of them taken, %d asked for again", events, attempts, taken, w.again)
}

// eventsOf are the ids of all events of a merchant. Its endpoint is told nothing of itself.
func (w *world) eventsOf(merchant string) map[string]bool {
	w.t.Helper()
	row, err := models.ParseID(models.PrefixMerchant, merchant)
	w.must(err)
	rows, err := w.db.QueryContext(context.Background(),
		`SELECT id::text FROM events WHERE merchant_id = $1 AND resource_type <> 'webhook_endpoint'`, row.String())
	w.must(err)
	defer func() { _ = rows.Close() }()
	written := map[string]bool{}
	for rows.Next() {
		var id string
		w.must(rows.Scan(&id))
		written[idOf(models.PrefixEvent, id)] = true
	}
	w.must(rows.Err())
	return written
}
