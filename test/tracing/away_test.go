package tracing

import (
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/payonce/payonce/test/service"
	"github.com/payonce/payonce/test/wait"
)

// unreachable is an address on which nothing listens.
func unreachable(t *testing.T) string {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	return "http://" + listener.Addr().String()
}

// More requests than the queue has room for, while the collector is away, is silent, or refuses. Each is answered, none waits for
// the collector, the log says it once, and the process ends in time.
func TestACollectorThatTakesNothingCostsNothing(t *testing.T) {
	t.Parallel()
	silent := func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }
	refuses := func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) }
	for name, endpoint := range map[string]string{
		"away": unreachable(t), "silent": collect(t, silent).URL, "refuses": collect(t, refuses).URL,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := service.Start(t, service.Options{Env: map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint, "OTEL_BSP_MAX_QUEUE_SIZE": "1"}})
			client := s.NewMerchant()
			wants(t, client.Pay(client.CreateOrder(), "pm_card_visa", "pay"), 201)
			wants(t, client.Post("/v1/orders", "order", `{"amount":1999,"currency":"EUR"}`), 201)
			slowest, began := time.Duration(0), time.Now()
			const requests = 3000 // with two spans each
			for range requests {
				replayed := client.Post("/v1/orders", "order", `{"amount":1999,"currency":"EUR"}`)
				wants(t, replayed, 201)
				slowest = max(slowest, replayed.Took)
			}
			if mean := time.Since(began) / requests; mean > 200*time.Millisecond || slowest > 8*time.Second {
				t.Errorf("requests took %s, the slowest %s", mean, slowest)
			}
			if name != "silent" { // there the first batch takes its time-out of 10 s
				wait.Within(t, patience, "the log says so", func() bool { return strings.Contains(s.Log(), "traces are not taken") })
			}
			began = time.Now()
			if code := s.Stop(); code != 0 {
				t.Errorf("the service ended with %d", code)
			}
			if took := time.Since(began); took > 20*time.Second {
				t.Errorf("the service took %s to end", took)
			}
			if lines := strings.Count(s.Log(), "traces are not taken"); lines > 1 {
				t.Errorf("the log says it %d times, want once", lines)
			}
			if printed := s.Output() + s.Log(); strings.Contains(printed, "traces export") {
				t.Errorf("OpenTelemetry printed past the log: %s", printed)
			}
		})
	}
}

// What was measured right before SIGTERM arrives, and a collector that comes late is found.
func TestTheEndOfTheProcessSendsWhatWaits(t *testing.T) {
	t.Parallel()
	c := collect(t, nil)
	s := service.Start(t, service.Options{Env: map[string]string{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": c.URL + "/v1/traces"}})
	client := s.NewMerchant()
	last := client.Get("/v1/orders")
	wants(t, last, 200)
	if code := s.Stop(); code != 0 {
		t.Errorf("the service ended with %d", code)
	}
	for _, span := range c.all() {
		if span.attrs["payonce.request_id"] == requestID(last) {
			return
		}
	}
	t.Errorf("the last request's span is not among the %d that arrived", len(c.all()))
}
