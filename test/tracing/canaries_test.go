package tracing

import (
	"net/http"
	"strings"
	"testing"

	"github.com/payonce/payonce/test/receiver"
	"github.com/payonce/payonce/test/service"
	"github.com/payonce/payonce/test/wait"
)

// canary stands wherever a client may write, and in every secret.
const canary = "canary7f3a"

// Requests of all kinds, with a canary wherever a client can put one: nothing of it is exported, logged or counted.
func TestNothingThatAClientWroteIsExported(t *testing.T) {
	t.Parallel()
	c := collect(t, nil)
	env := quick(c)
	env["OTEL_EXPORTER_OTLP_HEADERS"], env["WEBHOOK_ALLOW_LOOPBACK"] = "authorization="+canary+"-collector", "on"
	env["PROVIDER_SECRET_KEY"] = "sk_test_" + canary + "_provider"
	s := service.Start(t, service.Options{Env: env})
	client, shop := s.NewMerchant(), receiver.New(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(canary + "-receiver")) })
	headers := []string{
		"Traceparent", clientParent, "Tracestate", "vendor=" + canary, "Baggage", "user=" + canary, "User-Agent", canary, "X-Forwarded-For", canary,
		"X-Request-Id", canary, "Referer", "http://" + canary,
	}
	body := `{"amount":1999,"currency":"EUR","reference":"` + canary + `","metadata":{"` + canary + `":"` + canary + `"}}`
	endpoint := client.Post("/v1/webhook-endpoints", canary+"-endpoint", `{"url":"`+shop.URL+`/`+canary+`?token=`+canary+`","description":"`+canary+`"}`, headers...)
	wants(t, endpoint, 201)
	order := client.Post("/v1/orders", canary+"-order", body, headers...)
	wants(t, order, 201)
	payment := `{"order_id":"` + order.Field("id") + `","payment_method":"pm_card_visa","description":"` + canary + `","metadata":{"a":"` + canary + `"}}`
	wants(t, client.Post("/v1/payments", canary+"-pay", payment, headers...), 201)
	wants(t, client.Post("/v1/payments", canary+"-pay", strings.Replace(payment, "visa", "debit", 1), headers...), 422)
	wants(t, client.Post("/v1/orders", canary+"-card", `{"amount":1,"currency":"EUR","metadata":{"card":"4242424242424242"}}`, headers...), 422)
	wants(t, client.Post("/v1/orders", canary+"-again", body, headers...), 409) // refused by PostgreSQL, which quotes the reference
	send := func(method, path string, status int) service.Response {
		t.Helper()
		resp := client.Send(t.Context(), method, path, canary+"-"+method, "", headers...)
		if resp.Status != status {
			t.Errorf("%s %s: got %s, want %d", method, path, resp, status)
		}
		return resp
	}
	send("GET", "/v1/idempotency-keys/"+canary+"-pay", 200)
	send("POST", "/v1/idempotency-keys/"+canary+"-spent/cancel", 200)
	send("GET", "/"+canary, 404)
	send("GET", "/v1/orders?"+canary+"="+canary, 400)
	send("GET", "/v1/orders?reference="+canary, 200)
	send(strings.ToUpper(canary), "/v1/orders", 405)
	wants(t, client.As(client.APIKey()+canary).Get("/v1/orders"), 401)
	s.Simulator.RefuseConnections()
	again := client.Post("/v1/orders", canary+"-order-2", `{"amount":1999,"currency":"EUR"}`)
	wants(t, client.Post("/v1/payments", canary+"-away", strings.Replace(payment, order.Field("id"), again.Field("id"), 1), headers...), 503)
	last := send("GET", "/v1/payments", 200)

	wait.Within(t, patience, "the events arrive", func() bool { return len(shop.All()) >= 2 })
	c.named("webhook delivery", clientTrace)
	c.of(requestID(last))
	metrics := s.Metrics()
	s.Stop()
	if len(c.all()) < 60 {
		t.Errorf("only %d spans have arrived: was anything measured at all?", len(c.all()))
	}
	_, secret, _ := strings.Cut(strings.TrimPrefix(client.APIKey(), "sk_test_"), "_")
	if strings.Contains(c.exported()+metrics, strings.ToUpper(canary)) {
		t.Error("a method that the client made up stands in the spans or in the metrics")
	}
	for where, text := range map[string]string{"the spans": c.exported(), "the log": s.Log() + s.Output(), "the metrics": metrics} {
		for what, secret := range map[string]string{
			"a canary": canary, "an API key": client.APIKey(), "its secret": secret, "SECRET_KEY": service.SecretKey, "a webhook's secret": endpoint.Field("secret"),
			"a card number": "4242424242424242", "the receiver's address": shop.Listener.Addr().String(), "the provider's secret": service.WebhookSecret,
			"SQL": "SELECT id",
		} {
			if at := strings.Index(text, secret); at >= 0 {
				t.Errorf("%s stands in %s: %.300q", what, where, text[max(0, at-150):])
			}
		}
	}
}
