package faults

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"testing"

	"github.com/payonce/payonce/test/service"
)

// class is what a fault leaves of one request; the package's comment has the table.
type class string

const (
	notStarted    class = "not started"
	pending       class = "pending"
	commitUnknown class = "commit unknown"
	done          class = "done"
	answered      class = "answered"
	overtaken     class = "overtaken" // as answered, or told that a copy is in flight, which was faster
	outlasted     class = "outlasted" // its transaction ended by its own limits while it was held: any of these
)

// traces are what stands in Postgres under one key.
type traces struct {
	records, running, status, fence int64 // of idempotency_keys
	// The rows of its effect, those of them without an outcome and those that succeeded, and their ledger entries.
	effects, unknown, made, entries int64
}

const sqlTraces = `WITH effect AS (
		SELECT merchant_id, id, status = 'processing' AS unknown, status = 'succeeded' AS made FROM payments WHERE idempotency_key_hash = $1
		UNION ALL SELECT merchant_id, id, status = 'pending', status = 'succeeded' FROM captures WHERE key_hash = $1
		UNION ALL SELECT merchant_id, id, status = 'pending', status = 'succeeded' FROM refunds WHERE key_hash = $1
		UNION ALL SELECT merchant_id, id, status = 'pending', status = 'succeeded' FROM voids WHERE key_hash = $1
		UNION ALL SELECT o.merchant_id, o.id, false, true FROM orders o JOIN idempotency_keys k
			ON k.merchant_id = o.merchant_id AND k.resource_id = o.id WHERE k.key_hash = $1
	), entry AS (
		SELECT e.id FROM effect x JOIN ledger_entries e ON e.merchant_id = x.merchant_id AND (e.source_id = x.id
			OR e.source_id IN (SELECT c.id FROM captures c WHERE c.merchant_id = x.merchant_id AND c.payment_id = x.id))
	) SELECT r.*, x.*, (SELECT count(*) FROM entry) FROM
		(SELECT count(*), count(*) FILTER (WHERE state = 'in_progress'), coalesce(max(status), 0), coalesce(max(fence), 0)
			FROM idempotency_keys WHERE key_hash = $1) r,
		(SELECT count(*), count(*) FILTER (WHERE unknown), count(*) FILTER (WHERE made) FROM effect) x`

func (w *world) traces(key string) (t traces) {
	w.t.Helper()
	err := w.db.QueryRowContext(context.Background(), sqlTraces, hashOf(key)).Scan(&t.records, &t.running, &t.status, &t.fence,
		&t.effects, &t.unknown, &t.made, &t.entries)
	if err != nil {
		w.t.Errorf("read what stands under a key: %v", err)
	}
	return t
}

// none: nothing of the key is there.
func (t traces) none() bool { return t == traces{} }

// open: begun, by any request, and not at its end, or at the end that only says so.
func (t traces) open() bool {
	return t.records == 1 && t.effects == 1 && ((t.running == 1 && t.unknown == 1 && t.entries == 0) || t.accepted())
}

// accepted: ended with 202, whether or not it is known by now what came of it.
func (t traces) accepted() bool {
	return t.running == 0 && t.status == http.StatusAccepted && ((t.made == 1 && t.unknown == 0) || (t.unknown == 1 && t.entries == 0))
}

// whole: at its end, with its effect once.
func (t traces) whole(k kind) bool {
	s := k.spec()
	return t.records == 1 && t.running == 0 && t.status == int64(s.made) && t.effects == 1 && t.made == 1 && t.entries == s.entries
}

// stands tells whether what is there is what the class says.
func (t traces) stands(c class, k kind) bool {
	recovered := t.fence > 1 && t.whole(k) // on a busy machine the lease may be over by now
	switch c {
	case notStarted:
		return t.none()
	case pending:
		return t.open() || recovered
	case commitUnknown, outlasted:
		return t.none() || t.open() || t.whole(k)
	case done, answered, overtaken:
		return t.whole(k)
	}
	return false
}

// answers tells whether a client may see this when its request, which makes what made says, is in this class.
func (c class) answers(resp service.Response, made int) bool {
	away := resp.Err != nil || resp.Status == http.StatusServiceUnavailable
	switch c {
	case notStarted:
		return away || (resp.Status >= 400 && resp.Status < 500 && resp.Status != http.StatusPaymentRequired)
	case pending:
		return away || resp.Status == http.StatusAccepted
	case commitUnknown:
		return away || resp.Status == made
	case done:
		return resp.Err != nil
	case answered:
		return resp.Status == made
	case overtaken, outlasted:
		return (c == outlasted && pending.answers(resp, made)) || resp.Status == made || resp.Code() == "idempotency-request-in-flight"
	}
	return false
}

// after is what was seen of a request when the fault had happened.
type after struct {
	*held
	want   class
	traces traces
	early  service.Response // a retry while the lease lasts, of what is pending
}

// collect waits for the first answers.
func (w *world) collect(all []*held) {
	w.t.Helper()
	for _, h := range all {
		if h.answer != nil {
			h.first, h.answer = <-h.answer, nil
		}
	}
}

// judge waits for the first answers, looks at what is there at once, before a lease ends, and then takes the cells one
// by one: what was seen has to be what the class says, and so has what a retry gives.
func (w *world) judge(fault string, all []*held, want func(*held) class) {
	w.t.Helper()
	w.judgeAfter(fault, all, want, func() {})
}

// judgeAfter lets something happen between the first look and the retries.
func (w *world) judgeAfter(fault string, all []*held, want func(*held) class, between func()) {
	w.t.Helper()
	w.collect(all)
	seen := map[*held]*after{}
	for _, h := range all {
		a := &after{held: h, want: want(h), traces: w.traces(h.key)}
		if h.outlasted(w.released) {
			a.want = outlasted
		}
		if a.want == pending {
			a.early = w.retry(h)
		}
		seen[h] = a
	}
	between()
	w.each(fault, all, func(c *cell, h *held) { w.verify(c.T, seen[h]) })
}

// each takes the cells one by one: look is called for each request that was held at the cell's step.
func (w *world) each(fault string, all []*held, look func(c *cell, h *held)) {
	w.t.Helper()
	for _, at := range everyStep() {
		if !slices.ContainsFunc(all, func(h *held) bool { return h.place.at == at }) {
			continue
		}
		in(w.t, fault, at, func(c *cell) {
			for _, h := range all {
				if h.place.at == at {
					c.hit()
					look(c, h)
				}
			}
		})
	}
}

func (a *after) String() string { return fmt.Sprintf("%s (%s)", a.held, a.want) }

// verify holds one request to its class.
func (w *world) verify(t *testing.T, a *after) {
	t.Helper()
	made := a.kind.spec().made
	if !a.want.answers(a.first, made) {
		t.Errorf("%s: the client saw %s", a, a.first)
	}
	if a.first.Status == http.StatusServiceUnavailable && a.first.Header.Get("Retry-After") == "" {
		t.Errorf("%s: 503 without Retry-After", a)
	}
	if !a.traces.stands(a.want, a.kind) {
		t.Errorf("%s: %+v is in Postgres", a, a.traces)
	}
	if a.want == pending {
		refused(t, a)
	}
	last := service.Insist(t, a.String()+" gets its outcome", func() service.Response { return w.retry(a.held) })
	// 202 is for what the provider didn't know yet when it was asked.
	begun := a.want == pending || (a.traces.open() && (a.want == commitUnknown || a.want == outlasted))
	if last.Status != made && (last.Status != http.StatusAccepted || !begun) {
		t.Errorf("%s: the retry got %s", a, last)
	}
	switch a.want {
	case done, answered, overtaken:
		if !last.Replayed() || (outcome(a.first) && !last.Same(a.first)) {
			t.Errorf("%s: first %s\nretry %s", a, a.first, last)
		}
	case notStarted, pending, commitUnknown, outlasted:
	}
	w.once(t, a.held, last)
}

// refused: while the lease lasts a retry is told so, and for how long.
func refused(t *testing.T, a *after) {
	t.Helper()
	if outcome(a.early) { // the lease was over, or the outcome is a 202
		return
	}
	service.Wants(t, a.String()+", while the lease lasts", a.early, http.StatusConflict, "idempotency-request-in-flight")
	if after, err := strconv.Atoi(a.early.Header.Get("Retry-After")); err != nil || after < 1 {
		t.Errorf("%s: Retry-After is %q", a, a.early.Header.Get("Retry-After"))
	}
}

// once: the effect is there, once, whatever it took to get there.
func (w *world) once(t *testing.T, h *held, last service.Response) {
	t.Helper()
	if h.kind == anOrder {
		if now := w.traces(h.key); !now.whole(anOrder) {
			t.Errorf("%+v is in Postgres", now)
		}
		return
	}
	service.Until(t, h.String()+" is resolved", func() bool { return w.traces(h.key).made == 1 })
	if now := w.traces(h.key); now.effects != 1 || now.entries != h.kind.spec().entries {
		t.Errorf("%s: %+v is in Postgres", h, now)
	}
	w.moved(t, h, last)
	if h.kind == aKeyCancel {
		w.givenUp(t, h)
	}
}

// chargesOf counts what the provider has charged for a payment.
func (w *world) chargesOf(resp service.Response) (n int) {
	w.t.Helper()
	for _, charge := range w.provider.Charges() {
		if charge.Metadata["payment_id"] == resp.Field("id") {
			n++
		}
	}
	return n
}
