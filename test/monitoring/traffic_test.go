package monitoring

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"testing"

	"github.com/payonce/payonce/test/receiver"
	"github.com/payonce/payonce/test/service"
)

// shop is a service with every kind of traffic that the board shows.
type shop struct {
	*service.Service
	client *service.Client
	tries  int
}

// openShop starts a service whose merchant wants its events.
func openShop(t *testing.T) *shop {
	t.Helper()
	r := receiver.New(t, nil)
	s := service.Start(t, service.Options{Env: map[string]string{"WEBHOOK_ALLOW_LOOPBACK": "on", "RECOVERY_INTERVAL": "500ms", "CLEANUP_INTERVAL": "1s"}})
	client := s.NewMerchant()
	made := client.Post("/v1/webhook-endpoints", "hook", `{"url":"`+r.URL+`"}`)
	service.Wants(t, "the endpoint", made, http.StatusCreated, "")
	return &shop{Service: s, client: client}
}

// once makes one order after the other and pays each in another way; most requests are sent twice.
func (s *shop) once() {
	s.tries++
	for _, method := range []string{"pm_card_visa", "pm_card_chargeDeclined", "pm_card_authenticationRequired", "pm_sim_error_then_ok"} {
		key := fmt.Sprint(method, s.tries)
		order := s.client.Post("/v1/orders", "order-"+key, service.OrderBody).Field("id")
		s.client.Post("/v1/orders", "order-"+key, service.OrderBody)
		paid := s.client.Pay(order, method, key)
		s.client.Pay(order, method, key)
		if paid.Field("status") == "succeeded" {
			s.client.Post("/v1/payments/"+paid.Field("id")+"/refunds", "refund-"+key, `{"amount":100}`)
		}
	}
}

// keepOn makes traffic until the test ends.
func (s *shop) keepOn(t *testing.T) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	var group sync.WaitGroup
	group.Go(func() {
		for ctx.Err() == nil {
			s.once()
		}
	})
	t.Cleanup(func() { stop(); group.Wait() })
}
