package faults

import (
	"net/http"
	"strings"
	"testing"

	"github.com/payonce/payonce/test/service"
)

// Cleanup runs all the time while requests are at every step. What is completed and expired becomes a tombstone, what is
// in progress stays as it is, and requests that were at work still get their answers.
func TestF33CleanupAtAnyStep(t *testing.T) {
	t.Parallel()
	env := unhurried("IDEMPOTENCY_RETENTION", "1s", "CLEANUP_INTERVAL", "5m")
	w := open(t, options{env: env, survivor: map[string]string{"CLEANUP_INTERVAL": "20ms"}})
	all := w.holdEverywhere()
	service.Until(t, "what is completed expires", func() bool {
		return w.number("SELECT count(*) FROM idempotency_keys WHERE state = 'completed'") == 0
	})
	begun := 0
	for _, h := range all {
		now := w.traces(h.key)
		switch h.left() {
		case pending:
			begun++
			if !now.open() || now.fence != 1 {
				t.Errorf("%s: cleanup left %+v of what is in progress", h, now)
			}
		case done:
			if now.records != 1 || now.running != 0 {
				t.Errorf("%s: cleanup left %+v of what is expired", h, now)
			}
		default:
			if !now.none() {
				t.Errorf("%s: %+v before anything was committed", h, now)
			}
		}
	}
	if begun < 6 {
		t.Errorf("%d keys in progress", begun)
	}
	w.release()
	w.collect(all)
	w.each("F33", all, w.expired)
}

// expired: the answer arrived, and now the key is spent for good.
func (w *world) expired(c *cell, h *held) {
	if !h.outlasted(w.released) {
		service.Wants(c.T, h.String(), h.first, http.StatusCreated, "")
	}
	var gone service.Response
	service.Until(c.T, "its key expires", func() bool {
		gone = w.retry(h)
		return gone.Status == http.StatusGone
	})
	service.Wants(c.T, "afterwards", gone, http.StatusGone, "idempotency-key-expired")
	if !strings.Contains(string(gone.Body), h.path()+"/") || !strings.Contains(string(gone.Body), h.first.Field("id")) {
		c.Errorf("no link to what it made: %s", gone)
	}
	other := w.anotherBody(h, w.other)
	service.Wants(c.T, "another body afterwards", other, http.StatusGone, "idempotency-key-expired")
	if h.kind == aPayment {
		w.once(c.T, h, h.first)
	}
}
