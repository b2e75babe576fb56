package crash

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"
)

// storm sends copies of a request at once, spread over replicas.
func (w *world) storm(copies int, next func(i int) request) []answer {
	answers := make([]answer, copies)
	var group sync.WaitGroup
	begin := make(chan struct{})
	for i := range copies {
		group.Go(func() {
			<-begin
			answers[i] = w.send(context.Background(), next(i))
		})
	}
	close(begin)
	group.Wait()
	return answers
}

// oneOutcome checks that every answer is the same outcome or a refusal of the allowed status; it returns the outcome.
func oneOutcome(t *testing.T, answers []answer, refusal int) answer {
	t.Helper()
	var outcome answer
	firsts := 0
	for _, a := range answers {
		switch {
		case a.status == refusal:
		case !a.outcome():
			t.Errorf("a copy was answered with %d %s", a.status, a.body)
		case outcome.status == 0:
			outcome = a
		case !outcome.same(a):
			t.Errorf("two outcomes: %d %s and %d %s", outcome.status, outcome.body, a.status, a.body)
		}
		if a.outcome() && a.header.Get("Idempotent-Replayed") == "" {
			firsts++
		}
	}
	if firsts > 1 {
		t.Errorf("%d copies claim to be the first", firsts)
	}
	if outcome.status == 0 {
		t.Fatal("no copy has an outcome")
	}
	return outcome
}

func TestAHundredCopiesOverTwoReplicasHaveOneEffect(t *testing.T) {
	t.Parallel()
	for _, prefer := range []string{"", "wait=10"} {
		t.Run("Prefer "+prefer, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, nil)
			replicas := []*replica{w.replica(), w.replica()}
			order := w.order(replicas[0], "order")
			refusal := http.StatusConflict
			if prefer != "" {
				refusal = 0 // who waits is not refused
			}
			paid := oneOutcome(t, w.storm(100, func(i int) request {
				r := paying(replicas[i%2], "pay", order, "pm_sim_slow_100")
				r.prefer = prefer
				return r
			}), refusal)
			if paid.status != 201 {
				t.Errorf("%d %s", paid.status, paid.body)
			}
			made := oneOutcome(t, w.storm(100, func(i int) request {
				return request{url: replicas[i%2].url + "/v1/orders", key: "another", body: orderBody, prefer: prefer}
			}), refusal)
			for _, r := range replicas {
				if again := w.untilOutcome(paying(r, "pay", order, "pm_sim_slow_100")); !again.same(paid) {
					t.Errorf("a replay differs: %s", again.body)
				}
				if again := w.untilOutcome(request{url: r.url + "/v1/orders", key: "another", body: orderBody}); !again.same(made) {
					t.Errorf("a replay differs: %s", again.body)
				}
			}
			w.converged()
			if orders, charges := w.text(`SELECT count(*) FROM orders`), len(w.bank.charges()); orders != "2" || charges != 1 {
				t.Errorf("%s orders, %d charges", orders, charges)
			}
		})
	}
}

func TestTwoPayloadsAtOnceUnderOneKeyExecuteOne(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	replicas := []*replica{w.replica(), w.replica()}
	bodies := []string{orderBody, `{"amount":2000,"currency":"EUR"}`}
	answers := w.storm(40, func(i int) request {
		return request{url: replicas[i%2].url + "/v1/orders", key: "k", body: bodies[i/2%2]}
	})
	outcomes := map[string]bool{}
	for _, a := range answers {
		switch {
		case a.outcome():
			outcomes[a.body] = true
		case a.status != 409 && a.text("code") != "idempotency-key-reused":
			t.Errorf("%d %s", a.status, a.body)
		}
	}
	if orders := w.text(`SELECT count(*) FROM orders`); len(outcomes) != 1 || orders != "1" {
		t.Errorf("%d outcomes, %s orders", len(outcomes), orders)
	}
	statuses := map[int]int{}
	for _, body := range bodies {
		eventually(t, 5*time.Second, "no more hint", func() bool {
			a := w.send(t.Context(), request{url: replicas[0].url + "/v1/orders", key: "k", body: body})
			if a.status != 409 {
				statuses[a.status]++
			}
			return a.status != 409
		})
	}
	if statuses[201] != 1 || statuses[422] != 1 {
		t.Errorf("afterwards: %v", statuses)
	}
}

func TestTwoMerchantsWithOneKeyNeverMeet(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	r := w.replica()
	tokens := []string{w.key, w.other}
	answers := w.storm(40, func(i int) request {
		return request{url: r.url + "/v1/orders", key: "k", body: orderBody, token: tokens[i%2]}
	})
	byMerchant := make([][]answer, 2)
	for i, a := range answers {
		byMerchant[i%2] = append(byMerchant[i%2], a)
	}
	first, second := oneOutcome(t, byMerchant[0], 409), oneOutcome(t, byMerchant[1], 409)
	if first.text("id") == second.text("id") {
		t.Error("two merchants share an order")
	}
}

func TestTwentyKeysForOneOrderAtOncePayItOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	replicas := []*replica{w.replica(), w.replica()}
	order := w.order(replicas[0], "order")
	paid := 0
	for _, a := range w.storm(20, func(i int) request { return paying(replicas[i%2], fmt.Sprint("pay", i), order, "pm_card_visa") }) {
		switch {
		case a.status == 201:
			paid++
		case a.status != 409 || a.text("code") != "order-not-payable":
			t.Errorf("%d %s", a.status, a.body)
		}
	}
	w.converged()
	if paid != 1 || len(w.bank.charges()) != 1 {
		t.Errorf("%d were paid, %d charged", paid, len(w.bank.charges()))
	}
}

func TestAStormOfCopiesOnASmallPoolLeavesRoomForOthers(t *testing.T) {
	t.Parallel()
	w := newWorld(t, map[string]string{"DB_MAX_CONNS": "5", "PROVIDER_TIMEOUT": "3s", "IDEMPOTENCY_LEASE": "5s"})
	r := w.replica()
	order := w.order(r, "order")
	w.bank.holdAnswers()
	var group sync.WaitGroup
	var copies []answer
	group.Go(func() {
		copies = w.storm(200, func(int) request {
			c := paying(r, "pay", order, "pm_card_visa")
			c.prefer = "wait=10"
			return c
		})
	})
	<-w.bank.held
	slowest := time.Duration(0)
	for i := range 50 {
		begin := time.Now()
		if a := w.send(t.Context(), request{url: r.url + "/v1/orders", key: fmt.Sprint("other", i), body: orderBody}); a.status != 201 {
			t.Errorf("an unrelated order was answered with %d %s", a.status, a.body)
		}
		slowest = max(slowest, time.Since(begin))
	}
	w.bank.release()
	group.Wait()
	if slowest > time.Second {
		t.Errorf("an unrelated order took %s", slowest)
	}
	oneOutcome(t, copies, 409) // beyond the bound of waiters: 409
	w.converged()
}
