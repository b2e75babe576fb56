package e2e

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/payonce/payonce/test/service"
)

// counts fails unless there are so many payments here and charges at the provider.
func (s *shop) counts(payments, charges int) {
	s.t.Helper()
	if n := s.number("SELECT count(*) FROM payments"); n != int64(payments) {
		s.t.Errorf("got %d payments, want %d", n, payments)
	}
	if n := len(s.provider().Charges()); n != charges {
		s.t.Errorf("got %d charges, want %d", n, charges)
	}
}

func TestNoRequestWaitsWhereWaitingIsSwitchedOff(t *testing.T) {
	t.Parallel()
	s := open(t, service.Options{Env: map[string]string{"MAX_WAIT": "0s"}})
	order := s.CreateOrder()
	s.provider().HoldAnswers()
	first := s.begin(order, "pm_card_visa", "nobody-waits")
	service.Until(t, "the payment is in flight", func() bool { return s.provider().Held() == 1 })
	refused := s.pay(order, "pm_card_visa", "nobody-waits", "Prefer", "wait=9")
	service.Wants(t, "a copy that prefers to wait", refused, http.StatusConflict, "idempotency-request-in-flight")
	if refused.Took > 5*time.Second {
		t.Errorf("got an answer after %s, want it at once", refused.Took)
	}
	s.provider().Release()
	service.Wants(t, "the first", <-first, http.StatusCreated, "")
	s.check()
}

func TestTwoMerchantsMayUseOneKey(t *testing.T) {
	t.Parallel()
	s := open(t, service.Options{})
	other := s.service.NewMerchant().Recorded(s.record)
	clients := []*service.Client{s.Client, other}
	orders := []string{s.CreateOrder(), other.CreateOrder()}
	first := service.AtOnce(2, func(i int) service.Response { return s.payAt(clients[i], orders[i], "pm_card_visa", "shared") })
	for i, resp := range first {
		service.Wants(t, "each merchant's own", resp, http.StatusCreated, "")
		if resp.Replayed() || resp.Field("order_id") != orders[i] {
			t.Errorf("merchant %d: got %s, want a payment of its own order", i, resp)
		}
		again := s.payAt(clients[i], orders[i], "pm_card_visa", "shared")
		if !again.Replayed() || !again.Same(resp) {
			t.Errorf("merchant %d again: got %s, want a replay of %s", i, again, resp)
		}
		stranger := clients[1-i].Get("/v1/payments/" + resp.Field("id"))
		service.Wants(t, "another merchant's payment", stranger, http.StatusNotFound, "not-found")
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
		answers := service.AtOnce(8, func(i int) (resp service.Response) {
			key := fmt.Sprintf("double-%d-%d", round, i)
			service.Until(t, key+" is answered", func() bool {
				resp = s.payAt([]*service.Client{s.Client, other}[i%2], order, "pm_card_visa", key)
				return resp.Status != http.StatusServiceUnavailable // eight wait for the order's lock; a busy machine may let one wait too long
			})
			return resp
		})
		var payment string
		for _, resp := range answers {
			if resp.Status == http.StatusCreated {
				payment = resp.Field("id")
			}
		}
		if count := service.Statuses(answers); count[201] != 1 || count[409] != 7 {
			t.Errorf("got the statuses %v, want one 201 and seven 409", count)
		}
		for _, resp := range answers {
			if resp.Status != http.StatusCreated && (resp.Code() != "order-not-payable" || !strings.Contains(string(resp.Body), "/v1/payments/"+payment)) {
				t.Errorf("got %s, want order-not-payable with a link to %s", resp, payment)
			}
		}
	}
	s.check()
	s.counts(5, 5)
}
