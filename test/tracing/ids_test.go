package tracing

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/payonce/payonce/test/service"
	"github.com/payonce/payonce/test/wait"
)

// line is the log line of a request.
func line(t *testing.T, s *service.Service, id string) (fields map[string]any) {
	t.Helper()
	wait.Within(t, patience, "the request is in the log", func() bool {
		for text := range strings.Lines(s.Log()) {
			if strings.Contains(text, `"msg":"request"`) && strings.Contains(text, id) {
				return json.Unmarshal([]byte(text), &fields) == nil
			}
		}
		return false
	})
	return fields
}

func TestTheTracesIDIsInLogLinesAndProblems(t *testing.T) {
	t.Parallel()
	c := collect(t, nil)
	s := service.Start(t, service.Options{Env: map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": c.URL}})
	client := s.NewMerchant()
	missing := client.Get("/v1/orders/ord_0198c5a0b3a07e9abf0a4a4a4a4a4a4a")
	wants(t, missing, 404)
	var problem struct {
		TraceID  string `json:"trace_id"`
		Instance string `json:"instance"`
	}
	missing.JSON(t, &problem)
	span := c.of(requestID(missing))
	if problem.TraceID != span.trace || problem.Instance != requestID(missing) {
		t.Errorf("got the problem %s, want trace_id %s and instance %s", missing, span.trace, requestID(missing))
	}
	if got := line(t, s, requestID(missing))["trace_id"]; got != span.trace {
		t.Errorf("got trace_id %v in the log, want %s", got, span.trace)
	}
	// A stored problem is the same for each of its readers, so it names no request's trace.
	declined := client.Pay(client.CreateOrder(), "pm_card_chargeDeclined", "declined")
	wants(t, declined, 402)
	if strings.Contains(string(declined.Body), "trace_id") {
		t.Errorf("got %s, want no trace_id in what is replayed", declined)
	}
}

func TestWithoutACollectorNothingIsTraced(t *testing.T) {
	t.Parallel()
	provider := beforeSimulator(t)
	s := service.Start(t, service.Options{ProviderURL: provider.URL})
	client := s.NewMerchant()
	wants(t, client.Pay(client.CreateOrder(), "pm_card_visa", "pay", "Traceparent", clientParent), 201)
	if got := provider.last(t).Get("Traceparent"); got != "" {
		t.Errorf("the provider got traceparent %q, want none", got)
	}
	missing := client.Get("/v1/orders/ord_0198c5a0b3a07e9abf0a4a4a4a4a4a4a")
	wants(t, missing, 404)
	if _, named := line(t, s, requestID(missing))["trace_id"]; named || strings.Contains(string(missing.Body), "trace_id") {
		t.Errorf("got a trace_id in the log or in %s, want none", missing)
	}
}

// The sampler is the operator's; a client's choice counts only with a parentbased one.
func TestASamplerDecidesWhatIsExported(t *testing.T) {
	t.Parallel()
	c := collect(t, nil)
	s := service.Start(t, service.Options{Env: map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": c.URL, "OTEL_TRACES_SAMPLER": "parentbased_always_off"}})
	client := s.NewMerchant()
	wants(t, client.Get("/v1/orders"), 200)
	chosen := client.Send(t.Context(), "GET", "/v1/orders", "", "", "Traceparent", clientParent)
	wants(t, chosen, 200)
	c.of(requestID(chosen))
	for _, span := range c.all() {
		if span.trace != clientTrace {
			t.Errorf("got %s in trace %s, which nothing has chosen", span.name, span.trace)
		}
	}
}
