package faults

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/payonce/payonce/test/service"
)

// The client gives up on a key while its request is at any step. What had not begun never begins; what runs is waited for and
// undone; what is done is undone at once; and what can't be undone is said to be so.
func TestF41AKeyIsGivenUpWhileItsRequestIsAtAnyStep(t *testing.T) {
	t.Parallel()
	w := open(t, options{env: unhurried(), harmed: roomy()})
	all := w.holdEverywhere(everyKind()...)
	early := map[*held]service.Response{}
	for _, h := range all {
		early[h] = w.givesUp(h)
	}
	w.release()
	w.collect(all)
	w.each("F41", all, func(c *cell, h *held) {
		late := h.outlasted(w.released) && w.traces(h.key).none()
		if runs := h.place.at >= s3 && h.left() != done; runs && (!late || early[h].Status != http.StatusOK) {
			service.Wants(c.T, h.String()+": given up", early[h], http.StatusConflict, "idempotency-request-in-flight")
			early[h] = w.givesUp(h)
		}
		if h.place.at < s3 || late {
			w.neverBegins(c, h, early[h])
			return
		}
		if h.first.Status != h.kind.spec().made && !h.outlasted(w.released) {
			c.Errorf("%s: %s", h, h.first)
		}
		w.isUndone(c, h, early[h])
	})
	w.nothingIsLeft()
}

// The replica dies with requests at every step, among them those that give keys up. The keys of the others are given up
// elsewhere: what has begun is recovered first, and everything is undone once.
func TestF41AKeyIsGivenUpWhileItsRequestIsRecovered(t *testing.T) {
	t.Parallel()
	w := open(t, options{harmed: roomy()})
	all := w.holdEverywhere(aKeyCancel, aPayment, anOrder)
	w.harmed.Kill()
	w.toPostgres.ResetAll()
	w.arrive()
	w.collect(all)
	w.each("F41", all, func(c *cell, h *held) {
		if h.kind == aKeyCancel {
			last := service.Insist(c.T, h.String()+" gets its outcome", func() service.Response { return w.retry(h) })
			w.once(c.T, h, last)
			return
		}
		given := w.givesUp(h)
		if w.traces(h.key).status == 0 { // the key is spent: nothing was executed under it
			if h.left() != notStarted && !h.outlasted(w.released) {
				c.Errorf("%s: its key was spent: %s", h, given)
			}
			w.neverBegins(c, h, given)
			return
		}
		if h.left() == notStarted && !h.outlasted(w.released) {
			c.Errorf("%s: it was executed", h)
		}
		w.isUndone(c, h, given)
	})
	w.nothingIsLeft()
}

// givesUp sends a request that gives a key up, at the survivor and always under the same key, until its request runs no more, or for a
// while: then the last answer says that it runs.
func (w *world) givesUp(h *held) (resp service.Response) {
	w.t.Helper()
	path := aKeyCancel.spec().path(h.key)
	service.Until(w.t, h.String()+": its key is given up", func() bool {
		resp = w.other.Post(path, "gives-up-"+h.key, "")
		away := resp.Status == http.StatusServiceUnavailable
		runs := resp.Code() == "idempotency-request-in-flight" && h.answer == nil // else it is held
		return !away && !runs
	})
	return resp
}

// neverBegins: the key is spent, for this request and for every other one.
func (w *world) neverBegins(c *cell, h *held, given service.Response) {
	c.Helper()
	if given.Status != http.StatusOK || given.Field("state") != "canceled" || given.Field("effect") != "none" {
		c.Errorf("%s: given up: %s", h, given)
	}
	for what, resp := range map[string]service.Response{"a retry": w.retry(h), "the first": h.first} {
		if resp.Err == nil && resp.Status != http.StatusServiceUnavailable {
			service.Wants(c.T, h.String()+": "+what, resp, http.StatusGone, "idempotency-key-canceled")
		}
	}
	if now := w.traces(h.key); now.effects != 0 || now.status != 0 || now.entries != 0 {
		c.Errorf("%s: %+v is in Postgres", h, now)
	}
	if n := w.chargedUnder(h); n != 0 {
		c.Errorf("%s: %d charges", h, n)
	}
}

// isUndone: what the key's request did is taken back, once, however often that is asked for. Replays of it stay.
func (w *world) isUndone(c *cell, h *held, given service.Response) {
	c.Helper()
	effect, charged := map[kind]string{aPayment: "refunded", anOrder: "order_canceled"}[h.kind], int64(0)
	if effect == "" {
		service.Wants(c.T, h.String()+": given up", given, http.StatusConflict, "idempotency-key-not-cancelable")
		w.once(c.T, h, h.first)
		return
	}
	said := given.Field("effect")
	if (given.Status != http.StatusOK || said != effect) && (given.Status != http.StatusAccepted || said != "pending") || given.Field("state") != "completed" {
		c.Errorf("%s: given up: %s, want its effect %s, or pending", h, given, effect)
	}
	service.Until(c.T, h.String()+" is undone", func() bool {
		return w.other.Get("/v1/idempotency-keys/"+h.key).Field("canceled_at") != ""
	})
	if again := w.givesUp(h); !again.Replayed() || !again.Same(given) {
		c.Errorf("%s: given up: %s\nagain: %s", h, given, again)
	}
	if again := w.retry(h); !again.Replayed() || (outcome(h.first) && !again.Same(h.first)) {
		c.Errorf("%s: %s\nreplay: %s", h, h.first, again)
	}
	if h.kind == aPayment {
		charged = 1
	}
	if n := w.chargedUnder(h); n != charged {
		c.Errorf("%s: %d charges", h, n)
	}
}

// chargedUnder counts what the provider has charged for a key.
func (w *world) chargedUnder(h *held) (n int64) {
	w.t.Helper()
	if w.number("SELECT count(*) FROM payments WHERE idempotency_key_hash = $1", hashOf(h.key)) == 0 {
		return 0
	}
	payment := w.retry(h).Field("id")
	for _, charge := range w.provider.Charges() {
		if charge.Metadata["payment_id"] == payment {
			n++
		}
	}
	return n
}

// nothingIsLeft of payments whose keys were given up, and nothing was given back twice.
func (w *world) nothingIsLeft() {
	w.t.Helper()
	service.Until(w.t, "every undo has ended", func() bool { return w.number("SELECT count(*) FROM undos WHERE ended_at IS NULL") == 0 })
	const undone = `FROM payments p JOIN undos u ON u.merchant_id = p.merchant_id AND u.payment_id = p.id `
	for what, query := range map[string]string{
		"payments that were undone and keep something": undone + `WHERE p.amount_refunded <> p.amount_captured OR p.amount_captured = 0`,
		"payments with another number of refunds than one": undone + `WHERE (SELECT count(*) FROM refunds r WHERE r.merchant_id = p.merchant_id
			AND r.payment_id = p.id AND r.status = 'succeeded') <> 1`,
		"orders that were paid although their payments are undone": undone + `JOIN orders o ON o.merchant_id = p.merchant_id AND o.id = p.order_id
			WHERE o.amount_paid <> o.amount_refunded`,
	} {
		if n := w.number(fmt.Sprint("SELECT count(*) ", query)); n != 0 {
			w.t.Errorf("%d %s", n, what)
		}
	}
}
