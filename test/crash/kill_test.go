package crash

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"
)

// A kill -9 at any point of a payment leaves a key that ends with one outcome and at most one charge.
func TestKillingAReplicaInTheMiddleOfAPaymentChargesOnce(t *testing.T) {
	t.Parallel()
	for _, point := range []struct {
		name string
		hold func(b *bank)
		wait func(w *world)
	}{
		{"between T1 and the provider", (*bank).holdRequests, func(w *world) { <-w.bank.held }},
		{"between the charge and T2", (*bank).holdAnswers, func(w *world) { <-w.bank.held }},
		{"after T2", func(*bank) {}, func(w *world) {
			eventually(w.t, 5*time.Second, "T2", func() bool {
				return w.text(`SELECT count(*) FROM idempotency_keys WHERE state = 'completed' AND path = '/v1/payments'`) == "1"
			})
		}},
	} {
		for _, retry := range []bool{true, false} {
			name := point.name + ", recovered by a retry"
			if !retry {
				name = point.name + ", recovered by nobody's request"
			}
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				w := newWorld(t, nil)
				victim, survivor := w.replica(), w.replica()
				order := w.order(victim, "order")
				point.hold(w.bank)
				seen := make(chan answer, 1)
				go func() { seen <- w.send(context.Background(), paying(victim, "pay", order, "pm_card_visa")) }()
				point.wait(w)
				victim.kill()
				w.bank.release()
				first := <-seen
				if retry {
					second := w.untilOutcome(paying(survivor, "pay", order, "pm_card_visa"))
					if first.outcome() && !first.same(second) {
						t.Errorf("first %d %s, then %d %s", first.status, first.body, second.status, second.body)
					}
					first = second
				}
				w.converged()
				last := w.untilOutcome(paying(survivor, "pay", order, "pm_card_visa"))
				if first.outcome() && !first.same(last) {
					t.Errorf("a replay differs: %d %s, then %d %s", first.status, first.body, last.status, last.body)
				}
				if n := len(w.bank.charges()); n != 1 {
					t.Errorf("%d charges", n)
				}
				victim.restart()
				if again := w.untilOutcome(paying(victim, "pay", order, "pm_card_visa")); !again.same(last) {
					t.Errorf("after a restart: %d %s", again.status, again.body)
				}
			})
		}
	}
}

func TestKillingAReplicaInTheMiddleOfOrdersLeavesAllOrNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	victim, survivor := w.replica(), w.replica()
	const many = 200
	first := make([]answer, many)
	var group sync.WaitGroup
	for i := range many {
		group.Go(func() {
			first[i] = w.send(context.Background(), request{url: victim.url + "/v1/orders", key: fmt.Sprint("k", i), body: orderBody})
		})
	}
	eventually(t, 5*time.Second, "some orders", func() bool { return w.text(`SELECT count(*) >= 20 FROM orders`) == "true" })
	victim.kill()
	group.Wait()
	for i := range many {
		again := w.untilOutcome(request{url: survivor.url + "/v1/orders", key: fmt.Sprint("k", i), body: orderBody})
		if first[i].outcome() && !first[i].same(again) {
			t.Errorf("key %d: %s, then %s", i, first[i].body, again.body)
		}
	}
	w.check()
	if got := w.text(`SELECT count(*) FROM orders`); got != fmt.Sprint(many) {
		t.Errorf("%s orders for %d keys", got, many)
	}
}
