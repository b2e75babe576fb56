package crash

import (
	"context"
	"strings"
	"syscall"
	"testing"
	"time"
)

// An unknown outcome is 202 and never a failure; the payment ends as the provider says, and the key keeps its 202.
func TestAProviderWithoutAClearAnswerIsLookedUpUntilItHasOne(t *testing.T) {
	t.Parallel()
	for method, end := range map[string]string{
		"pm_sim_timeout_charged": "succeeded ", "pm_sim_timeout_not_charged": "succeeded ", "pm_sim_reset_charged": "succeeded ",
		"pm_sim_error_then_ok": "succeeded ", "pm_sim_wrong_amount": "processing needs_review",
	} {
		t.Run(method, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, nil)
			r := w.replica()
			order := w.order(r, "order")
			first := w.send(t.Context(), paying(r, "pay", order, method))
			if first.status != 202 || first.text("status") != "processing" || first.header.Get("Location") == "" {
				t.Fatalf("%d %s", first.status, first.body)
			}
			eventually(t, 15*time.Second, "the end "+end, func() bool {
				return w.text(`SELECT status || ' ' || coalesce(status_reason, '') FROM payments`) == end
			})
			again := w.untilOutcome(paying(r, "pay", order, method))
			if !again.same(first) || again.header.Get("Idempotent-Replayed") != "true" {
				t.Errorf("a replay differs: %d %s", again.status, again.body)
			}
			if other := w.send(t.Context(), paying(r, "other", order, "pm_card_visa")); other.status != 409 {
				t.Errorf("the order was paid again: %d %s", other.status, other.body)
			}
			w.converged()
			if n := len(w.bank.charges()); n != 1 {
				t.Errorf("%d charges", n)
			}
			if end == "processing needs_review" && w.text(`SELECT count(*) FROM discrepancies`) != "1" {
				t.Error("no discrepancy, or more than one")
			}
		})
	}
}

func TestAProviderThatRefusesConnectionsLeavesTheKeyFree(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	r := w.replica()
	order := w.order(r, "order")
	accept := w.bank.refuse()
	away := w.send(t.Context(), paying(r, "pay", order, "pm_card_visa"))
	if away.status != 503 || away.text("code") != "unavailable" {
		t.Errorf("%d %s", away.status, away.body)
	}
	for what, query := range map[string]string{
		"payments": `SELECT count(*) FROM payments`, "attempts": `SELECT count(*) FROM provider_attempts`,
		"records": `SELECT count(*) FROM idempotency_keys WHERE path = '/v1/payments'`, "reserved": `SELECT sum(amount_reserved) FROM orders`,
	} {
		if left := w.text(query); left != "0" {
			t.Errorf("%s left: %s", what, left)
		}
	}
	accept()
	if paid := w.untilOutcome(paying(r, "pay", order, "pm_card_visa")); paid.status != 201 || paid.header.Get("Idempotent-Replayed") != "" {
		t.Errorf("%d %s", paid.status, paid.body)
	}
	w.converged()
}

func TestARequestThatTheProviderRefusesSpendsNoKey(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	r := w.replica()
	order := w.order(r, "order")
	refused := w.send(t.Context(), paying(r, "pay", order, "pm_nobody_knows"))
	if refused.status != 422 || refused.text("code") != "provider-rejected" {
		t.Errorf("%d %s", refused.status, refused.body)
	}
	if paid := w.untilOutcome(paying(r, "pay", order, "pm_card_visa")); paid.status != 201 {
		t.Errorf("the key was burnt: %d %s", paid.status, paid.body)
	}
	w.converged()
}

func TestAClientThatHangsUpChangesNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	r := w.replica()
	order := w.order(r, "order")
	w.bank.holdAnswers()
	ctx, hangUp := context.WithCancel(t.Context())
	gone := make(chan answer, 1)
	go func() { gone <- w.send(ctx, paying(r, "pay", order, "pm_card_visa")) }()
	<-w.bank.held
	hangUp()
	<-gone
	w.bank.release()
	if paid := w.untilOutcome(paying(r, "pay", order, "pm_card_visa")); paid.status != 201 || paid.header.Get("Idempotent-Replayed") != "true" {
		t.Errorf("%d %s", paid.status, paid.body)
	}
	w.converged()
}

func TestSIGTERMFinishesWhatWasAccepted(t *testing.T) {
	t.Parallel()
	w := newWorld(t, map[string]string{"PROVIDER_TIMEOUT": "5s", "IDEMPOTENCY_LEASE": "6s"})
	r := w.replica()
	order := w.order(r, "order")
	w.bank.holdAnswers()
	seen := make(chan answer, 1)
	go func() { seen <- w.send(context.Background(), paying(r, "pay", order, "pm_card_visa")) }()
	<-w.bank.held
	r.signal(syscall.SIGTERM)
	eventually(t, 5*time.Second, "no new connections", func() bool {
		return w.send(t.Context(), request{method: "GET", url: r.url + "/readyz"}).status != 200
	})
	w.bank.release()
	if paid := <-seen; paid.status != 201 {
		t.Errorf("%d %s", paid.status, paid.body)
	}
	if code := r.stop(); code != 0 {
		t.Errorf("exit code %d", code)
	}
	w.converged()
}

// A process that sleeps longer than its lease and wakes up changes nothing, and answers with what was stored meanwhile.
func TestALateProcessAnswersWithTheStoredOutcome(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	late, other := w.replica(), w.replica()
	order := w.order(late, "order")
	w.bank.holdAnswers()
	seen := make(chan answer, 1)
	go func() { seen <- w.send(context.Background(), paying(late, "pay", order, "pm_card_visa")) }()
	<-w.bank.held
	late.signal(syscall.SIGSTOP)
	w.bank.release()
	winner := w.untilOutcome(paying(other, "pay", order, "pm_card_visa"))
	late.signal(syscall.SIGCONT)
	if answered := <-seen; answered.status != 0 && !answered.same(winner) {
		t.Errorf("the late process answered %d %s, the winner %d %s", answered.status, answered.body, winner.status, winner.body)
	}
	w.converged()
}

func TestCleanupTouchesOnlyWhatIsOver(t *testing.T) {
	t.Parallel()
	w := newWorld(t, map[string]string{
		"IDEMPOTENCY_RETENTION": "1s", "CLEANUP_INTERVAL": "20ms", "PROVIDER_TIMEOUT": "10s", "IDEMPOTENCY_LEASE": "11s",
	})
	r := w.replica()
	order := w.order(r, "order")
	w.bank.holdAnswers()
	seen := make(chan answer, 1)
	go func() { seen <- w.send(context.Background(), paying(r, "pay", order, "pm_card_visa")) }()
	<-w.bank.held
	eventually(t, 10*time.Second, "a tombstone", func() bool {
		return w.text(`SELECT count(*) FROM idempotency_keys WHERE state = 'expired' AND body IS NULL`) == "1"
	})
	for _, body := range []string{orderBody, `{"amount":1,"currency":"EUR"}`} {
		expired := w.send(t.Context(), request{url: r.url + "/v1/orders", key: "order", body: body})
		if expired.status != 410 || expired.text("code") != "idempotency-key-expired" || !strings.Contains(expired.body, "/v1/orders/"+order) {
			t.Errorf("%d %s", expired.status, expired.body)
		}
	}
	if open := w.text(`SELECT count(*) FROM idempotency_keys WHERE state = 'in_progress'`); open != "1" {
		t.Errorf("%s records are in progress", open)
	}
	w.bank.release()
	if paid := <-seen; paid.status != 201 {
		t.Errorf("%d %s", paid.status, paid.body)
	}
	w.converged()
}
