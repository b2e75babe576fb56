package e2e

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/payonce/payonce/test/service"
)

func TestAHundredCopiesOfAPaymentOverTwoReplicasChargeOnce(t *testing.T) {
	t.Parallel()
	s := open(t, service.Options{})
	other := s.At(s.service.Replica(nil))
	order := s.CreateOrder()
	answers := copies(100, func(i int) service.Response {
		return s.payAt([]*service.Client{s.Client, other}[i%2], order, "pm_card_visa", "copies")
	})
	count := statuses(answers)
	if count[201] < 1 || count[201]+count[409] != 100 {
		t.Errorf("statuses %v, want 201 and 409 only", count)
	}
	for _, resp := range answers {
		if resp.Status == http.StatusConflict && (resp.Code() != "idempotency-request-in-flight" || resp.Header.Get("Retry-After") == "") {
			t.Errorf("refused with %s", resp)
		}
	}
	for _, at := range []*service.Client{s.Client, other} {
		again := s.insist("a retry replays", func() service.Response { return s.payAt(at, order, "pm_card_visa", "copies") })
		if again.Status != http.StatusCreated || !again.Replayed() {
			t.Errorf("retry: %s", again)
		}
	}
	s.check()
	s.counts(1, 1)
}

// counts fails unless there are so many payments here and charges at the provider.
func (s *shop) counts(payments, charges int) {
	s.t.Helper()
	if n := s.number("SELECT count(*) FROM payments"); n != int64(payments) {
		s.t.Errorf("%d payments, want %d", n, payments)
	}
	if n := len(s.provider().Charges()); n != charges {
		s.t.Errorf("%d charges, want %d", n, charges)
	}
}

func TestAHundredCopiesOfAnOrderOverTwoReplicasMakeOne(t *testing.T) {
	t.Parallel()
	s := open(t, service.Options{})
	other := s.At(s.service.Replica(nil))
	answers := copies(100, func(i int) service.Response {
		return s.order([]*service.Client{s.Client, other}[i%2], "copies")
	})
	if count := statuses(answers); count[201] < 1 || count[201]+count[409] != 100 {
		t.Errorf("statuses %v, want 201 and 409 only", count)
	}
	again := s.insist("a retry replays", func() service.Response { return s.order(other, "copies") })
	if again.Status != http.StatusCreated || !again.Replayed() {
		t.Errorf("retry: %s", again)
	}
	s.check()
	if n := s.number("SELECT count(*) FROM orders"); n != 1 {
		t.Errorf("%d orders", n)
	}
}

func TestCopiesThatPreferToWaitAllGetTheOutcome(t *testing.T) {
	t.Parallel()
	s := open(t, service.Options{})
	other := s.At(s.service.Replica(nil))
	order := s.CreateOrder()
	answers := copies(100, func(i int) service.Response {
		return s.payAt([]*service.Client{s.Client, other}[i%2], order, "pm_sim_slow_700", "waiting", "Prefer", "wait=9")
	})
	if count := statuses(answers); count[201] != 100 {
		t.Errorf("statuses %v, want 201 only", count)
	}
	applied := 0
	for _, resp := range answers {
		if resp.Header.Get("Preference-Applied") == "wait=9" {
			applied++
		}
	}
	if applied != 99 {
		t.Errorf("%d answers say that they waited, want all but the first", applied)
	}
	if took := slowest(answers); took > 8*time.Second {
		t.Errorf("the slowest took %s; the outcome was there after a second", took)
	}
	s.check()
	s.counts(1, 1)
}

func TestNobodyWaitsWhereWaitingIsSwitchedOff(t *testing.T) {
	t.Parallel()
	s := open(t, service.Options{Env: map[string]string{"MAX_WAIT": "0s"}})
	order := s.CreateOrder()
	s.provider().HoldAnswers()
	first := s.begin(order, "pm_card_visa", "nobody-waits")
	service.Until(t, "the payment is in flight", func() bool { return s.provider().Held() == 1 })
	refused := s.pay(order, "pm_card_visa", "nobody-waits", "Prefer", "wait=9")
	wants(t, "a copy that prefers to wait", refused, http.StatusConflict, "idempotency-request-in-flight")
	if refused.Took > 5*time.Second {
		t.Errorf("it waited for %s", refused.Took)
	}
	s.provider().Release()
	wants(t, "the first", <-first, http.StatusCreated, "")
	s.check()
}

func TestTwoPayloadsAtOnceUnderOneKeyExecuteOne(t *testing.T) {
	t.Parallel()
	s := open(t, service.Options{})
	for round := range 10 {
		orders, key := [2]string{s.CreateOrder(), s.CreateOrder()}, fmt.Sprint("payloads-", round)
		answers := copies(2, func(i int) service.Response { return s.Pay(orders[i], "pm_card_visa", key) })
		won := -1
		for i, resp := range answers {
			switch {
			case resp.Status == http.StatusCreated:
				won = i
			case resp.Code() != "idempotency-request-in-flight" && resp.Code() != "idempotency-key-reused":
				t.Errorf("round %d: %s", round, resp)
			}
		}
		if won < 0 || answers[1-won].Status == http.StatusCreated {
			t.Fatalf("round %d: %v", round, answers)
		}
		lost := s.insist("the other payload is refused for good", func() service.Response { return s.Pay(orders[1-won], "pm_card_visa", key) })
		wants(t, "the other payload afterwards", lost, http.StatusUnprocessableEntity, "idempotency-key-reused")
		if strings.Contains(string(lost.Body), answers[won].Field("id")) {
			t.Error("the refusal shows something of the first request")
		}
	}
	s.check()
	s.counts(10, 10)
}

func TestTwoMerchantsMayUseOneKey(t *testing.T) {
	t.Parallel()
	s := open(t, service.Options{})
	other := s.service.NewMerchant().Recorded(s.record)
	clients := []*service.Client{s.Client, other}
	orders := []string{s.CreateOrder(), other.CreateOrder()}
	first := copies(2, func(i int) service.Response { return s.payAt(clients[i], orders[i], "pm_card_visa", "shared") })
	for i, resp := range first {
		wants(t, "each merchant's own", resp, http.StatusCreated, "")
		if resp.Replayed() || resp.Field("order_id") != orders[i] {
			t.Errorf("merchant %d got %s", i, resp)
		}
		again := s.payAt(clients[i], orders[i], "pm_card_visa", "shared")
		if !again.Replayed() || !again.Same(resp) {
			t.Errorf("merchant %d's replay: %s", i, again)
		}
		stranger := clients[1-i].Get("/v1/payments/" + resp.Field("id"))
		wants(t, "another merchant's payment", stranger, http.StatusNotFound, "not-found")
	}
	s.check()
	s.counts(2, 2)
}

func TestTwoKeysForOneOrderChargeItOnce(t *testing.T) {
	t.Parallel()
	s := open(t, service.Options{})
	other := s.At(s.service.Replica(nil))
	for round := range 5 {
		order := s.CreateOrder()
		answers := copies(8, func(i int) service.Response {
			return s.payAt([]*service.Client{s.Client, other}[i%2], order, "pm_card_visa", fmt.Sprintf("double-%d-%d", round, i))
		})
		var payment string
		for _, resp := range answers {
			if resp.Status == http.StatusCreated {
				payment = resp.Field("id")
			}
		}
		if count := statuses(answers); count[201] != 1 || count[409] != 7 {
			t.Errorf("statuses %v, want one 201 and seven 409", count)
		}
		for _, resp := range answers {
			if resp.Status != http.StatusCreated && (resp.Code() != "order-not-payable" || !strings.Contains(string(resp.Body), "/v1/payments/"+payment)) {
				t.Errorf("refused without a link to %s: %s", payment, resp)
			}
		}
	}
	s.check()
	s.counts(5, 5)
}

func TestCopiesThatWaitDoNotTakeConnectionsFromOthers(t *testing.T) {
	t.Parallel()
	s := open(t, service.Options{})
	small := s.service.Replica(map[string]string{"DB_MAX_CONNS": "5"})
	other := s.At(small)
	order := s.CreateOrder()
	s.provider().HoldAnswers()
	first := s.begin(order, "pm_card_visa", "popular")
	service.Until(t, "the payment is in flight", func() bool { return s.provider().Held() == 1 })
	waiting := make(chan []service.Response)
	go func() {
		waiting <- copies(200, func(int) service.Response {
			return s.payAt(other, order, "pm_card_visa", "popular", "Prefer", "wait=10")
		})
	}()
	orders := flow(4, 25, func(i int) service.Response { return s.order(other, fmt.Sprint("order-", i)) })
	if count := statuses(orders); count[201] != len(orders) {
		t.Errorf("orders beside the copies: %v, want 201 only", count)
	}
	if took := slowest(orders); took > 3*time.Second {
		t.Errorf("the slowest order beside the copies took %s", took)
	}
	s.provider().Release()
	wants(t, "the first", <-first, http.StatusCreated, "")
	if count := statuses(<-waiting); count[201] != 200 {
		t.Errorf("copies: %v, want 201 only", count)
	}
	s.check()
	s.counts(1, 1)
}

// flow runs workers side by side, each sending so many requests one after the other.
func flow(workers, each int, send func(i int) service.Response) []service.Response {
	answers := make([]service.Response, workers*each)
	var group sync.WaitGroup
	for worker := range workers {
		group.Go(func() {
			for n := range each {
				answers[worker*each+n] = send(worker*each + n)
			}
		})
	}
	group.Wait()
	return answers
}
