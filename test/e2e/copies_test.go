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
