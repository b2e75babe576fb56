package faults

import (
	"errors"
	"net/http"
	"syscall"
	"testing"
	"time"

	"github.com/payonce/payonce/idempotency"
	"github.com/payonce/payonce/test/service"
)

// A replica is killed while it holds requests at every step. Another one refuses their copies until the lease ends, and
// brings them to their end although no client asks again; what had not begun begins with the retry.
func TestF1AReplicaKilledAtAnyStep(t *testing.T) {
	t.Parallel()
	w := open(t, options{harmed: roomy()})
	all := w.holdEverywhere(everyKind()...)
	w.harmed.Kill()
	w.toPostgres.ResetAll() // a dead machine's connections break, with what was on its way
	w.arrive()
	w.judgeAfter("F1", all, (*held).left, func() {
		service.Until(t, "recovery ends what had begun", func() bool {
			return w.number("SELECT count(*) FROM idempotency_keys WHERE state = 'in_progress'") == 0
		})
		if n := w.number("SELECT count(*) FROM idempotency_keys WHERE fence > 2"); n != 0 {
			t.Errorf("%d keys were taken over more than once", n)
		}
	})
}

// All that was accepted is answered, and nothing is left for others to finish.
func TestF27SIGTERMWithRequestsAtEveryStep(t *testing.T) {
	t.Parallel()
	w := open(t, options{env: unhurried(), harmed: roomy()})
	all := w.holdEverywhere(everyKind()...)
	w.harmed.Signal(syscall.SIGTERM)
	service.Until(t, "no connection is accepted any more", func() bool { return w.client.Get("/healthz").Err != nil })
	w.release()
	w.collect(all)
	if code := w.harmed.Wait(); code != 0 {
		t.Errorf("exit code %d", code)
	}
	if n := w.number("SELECT count(*) FROM idempotency_keys WHERE state = 'in_progress' OR fence > 1"); n != 0 {
		t.Errorf("%d keys were left to others", n)
	}
	w.judge("F27", all, func(*held) class { return answered })
}

// A process sleeps for longer than its lease, with requests at every step. Others do the work meanwhile. It wakes up,
// changes nothing, and answers with what was stored.
func TestF28AProcessFrozenBeyondItsLeaseAtAnyStep(t *testing.T) {
	t.Parallel()
	w := open(t, options{env: settings("COMPLETION_BUDGET", "10s", "IDEMPOTENCY_LEASE", "15s"), harmed: roomy()})
	all := w.holdEverywhere(everyKind()...)
	w.harmed.Freeze()
	w.arrive() // the network and the peers are awake
	outcomes := map[*held]service.Response{}
	for _, h := range all {
		outcomes[h] = service.Insist(t, h.String()+": others have its outcome", func() service.Response { return w.retry(h) })
		if len(h.answer) > 0 {
			t.Errorf("%s: a frozen process answered", h)
		}
	}
	taken := w.number("SELECT count(*) FROM idempotency_keys WHERE fence > 1")
	w.harmed.Thaw()
	w.release()
	w.collect(all)
	if n := w.number("SELECT count(*) FROM idempotency_keys WHERE fence > 1"); taken < 6 || n != taken {
		t.Errorf("%d keys were taken over while it slept, and %d after", taken, n)
	}
	w.each("F28", all, func(c *cell, h *held) {
		// T1 ends with its budget, before there is anything to be late for. On a busy machine the last look at the record
		// may take longer than the second that it has.
		awake := h.since.Add(h.first.Took).Sub(w.released)
		tooLate := h.first.Status == http.StatusServiceUnavailable && (h.place.at == s3 || awake > time.Second)
		if !tooLate && !h.first.Same(outcomes[h]) {
			c.Errorf("%s: the late process answered %s\nthe outcome is %s", h, h.first, outcomes[h])
		}
		if now := w.traces(h.key); now.fence != 1 && now.fence != 2 {
			c.Errorf("%s: %+v after one takeover", h, now)
		}
		w.once(c.T, h, outcomes[h])
	})
}

// A panic is a 500 that spends no key. Before T1's COMMIT the key is free at once, after it recovery brings it to its end.
func TestF32APanicAtAnyStep(t *testing.T) {
	t.Parallel()
	w := open(t, options{})
	w.warm()
	var all []*held
	for _, test := range []struct {
		at    step
		where idempotency.Step
		left  class // of a payment
		order class
	}{
		{s1, idempotency.StepReceived, notStarted, notStarted},
		{s2, idempotency.StepEntered, notStarted, notStarted},
		{s3, idempotency.StepBegun, notStarted, notStarted},
		{s4, idempotency.StepClaimed, pending, ""},
		{s5, idempotency.StepCalling, pending, ""},
		{s6, idempotency.StepAnswered, pending, ""},
		{s7, idempotency.StepCompleting, pending, ""},
		{s9, idempotency.StepCommitted, done, done},
		{s10, idempotency.StepPublished, done, done},
	} {
		p := place{at: test.at, name: "a panic at " + string(test.where), payment: test.left, order: test.order}
		all = append(all, w.panics(p, aPayment, test.where))
		if test.order != "" {
			all = append(all, w.panics(p, anOrder, test.where))
		}
	}
	w.judge("F32", all, (*held).left)
}

// errPanicked stands for the 500: it says as little as a broken connection.
var errPanicked = errors.New("500")

// panics sends a request that panics at a step.
func (w *world) panics(p place, k kind, at idempotency.Step) *held {
	w.t.Helper()
	h := &held{place: p, subject: w.newSubject(k, "pm_card_visa"), key: newKey(), answer: make(chan service.Response, 1)}
	w.harmed.PanicAt(at)
	resp := h.send(w.t.Context(), w.client)
	service.Wants(w.t, p.name, resp, http.StatusInternalServerError, "internal")
	h.answer <- service.Response{Err: errPanicked}
	return h
}
