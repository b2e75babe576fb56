package monitoring

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/payonce/payonce/test/service"
)

// inventive is a provider that declines each payment with a code that it has never used before.
func inventive(t *testing.T) (url string, declined *atomic.Int64) {
	t.Helper()
	declined = &atomic.Int64{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusPaymentRequired)
		_, _ = fmt.Fprintf(w, `{"error":{"type":"card_error","code":"card_declined","decline_code":"canary_%c","message":"no"}}`, 'a'+declined.Add(1)%26)
	}))
	t.Cleanup(server.Close)
	return server.URL, declined
}

// oddities sends what clients and the provider may invent: methods, paths, currencies, keys, statuses and decline codes.
func oddities(client *service.Client, from, to int) {
	ctx := context.Background()
	for i := from; i < to; i++ {
		odd := fmt.Sprintf("CANARY%c%c", 'A'+i%26, 'A'+i/26)
		client.Send(ctx, odd, "/v1/orders", "", "")
		client.Send(ctx, odd, "/"+odd, "", "")
		client.Get("/" + odd + "?" + odd + "=" + odd)
		client.Get("/v1/orders/" + odd)
		client.Get("/v1/idempotency-keys/" + odd)
		client.Get("/v1/payments?status=" + odd)
		client.Get("/problems/" + odd)
		client.Post("/v1/orders", "currency-"+odd, `{"amount":1,"currency":"`+odd[len(odd)-3:]+`"}`)
		client.Post("/v1/orders", "currency-"+odd, `{"amount":1,"currency":"`+odd+`"}`)
		order := client.Post("/v1/orders", "order-"+odd, service.OrderBody).Field("id")
		client.Pay(order, "pm_card_visa", "pay-"+odd)
		client.As(strings.ToLower("sk_test_" + odd)).Get("/v1/orders")
	}
}

// series counts what /metrics serves.
func series(text string) (n int) {
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(line, "#") {
			n++
		}
	}
	return n
}

func TestLabelsAreBoundedWhateverClientsAndTheProviderInvent(t *testing.T) {
	t.Parallel()
	url, declined := inventive(t)
	s := service.Start(t, service.Options{ProviderURL: url})
	client := s.NewMerchant()
	oddities(client, 0, 3)
	before := s.Metrics()
	oddities(client, 3, 60)
	after := s.Metrics()
	if got, want := series(after), series(before); got != want {
		t.Errorf("got %d series after 60 rounds, want %d as after 3", got, want)
	}
	if got, want := s.Metric(`payonce_declines_total{code="other",operation="authorize"}`), declined.Load(); want != 60 || got != float64(want) {
		t.Errorf("got %.0f declines with an unknown code, want the %d that were made, and 60", got, want)
	}
	if at := strings.Index(strings.ToLower(after), "canary"); at >= 0 {
		t.Errorf("what was invented is served: %.200s", after[max(0, at-100):])
	}
}
