package metrics_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/payonce/payonce/idempotency"
	"github.com/payonce/payonce/internal/metrics"
	"github.com/payonce/payonce/models"
)

func serve(t *testing.T, m *metrics.Metrics) string {
	t.Helper()
	answer := httptest.NewRecorder()
	m.Handler().ServeHTTP(answer, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/metrics", nil))
	return answer.Body.String()
}

func wantLines(t *testing.T, m *metrics.Metrics, lines ...string) {
	t.Helper()
	text := serve(t, m)
	for _, line := range lines {
		if !strings.Contains(text, "\n"+line+"\n") {
			t.Errorf("want the line %s in:\n%s", line, text)
		}
	}
}

func TestWhatIsInNoListCountsAsOther(t *testing.T) {
	t.Parallel()
	m := metrics.New()
	m.Payment(models.PaymentSucceeded, "EUR")
	m.Payment(models.PaymentSucceeded, "ZZZ")
	m.Payment(models.PaymentSucceeded, "eur")
	m.Declined(models.OperationAuthorize, "insufficient_funds")
	m.Declined(models.OperationAuthorize, "invented")
	for _, method := range []string{"BREW", "POST", "post"} {
		m.Began()
		m.Ended("/v1/orders", method, http.StatusOK, "", time.Millisecond)
	}
	wantLines(t, m,
		`payonce_payments_total{currency="EUR",status="succeeded"} 1`, `payonce_payments_total{currency="other",status="succeeded"} 2`,
		`payonce_declines_total{code="insufficient_funds",operation="authorize"} 1`, `payonce_declines_total{code="other",operation="authorize"} 1`,
		`payonce_http_requests_total{method="POST",route="/v1/orders",status="200"} 1`,
		`payonce_http_requests_total{method="other",route="/v1/orders",status="200"} 2`)
}

func TestRequestsAreInFlightUntilTheyAreAnswered(t *testing.T) {
	t.Parallel()
	m := metrics.New()
	m.Began()
	m.Began()
	m.Ended("/v1/orders", "POST", http.StatusInternalServerError, "", time.Millisecond)
	wantLines(t, m, `payonce_http_requests_in_flight 1`, `payonce_http_internal_errors_total 1`)
}

func TestReplaysAreMeasuredBySource(t *testing.T) {
	t.Parallel()
	m := metrics.New()
	for _, source := range []idempotency.Source{idempotency.SourceRedis, idempotency.SourceFirst, "", "invented"} {
		m.Began()
		m.Ended("/v1/orders", "POST", http.StatusCreated, string(source), 200*time.Microsecond)
	}
	wantLines(t, m, `payonce_idempotency_request_duration_seconds_bucket{source="redis",le="0.0001"} 0`,
		`payonce_idempotency_request_duration_seconds_bucket{source="redis",le="0.00025"} 1`,
		`payonce_idempotency_request_duration_seconds_count{source="first"} 1`, `payonce_idempotency_request_duration_seconds_count{source="memory"} 0`)
}

// TestAlertsSeeTheFirstFailure: a rate over a series that begins with its first failure misses it.
func TestAlertsSeeTheFirstFailure(t *testing.T) {
	t.Parallel()
	m := metrics.New()
	m.Process("v1", "abc", func() int64 { return 7 })
	m.Breaker("provider", func() string { return "half-open" })
	wantLines(t, m, `payonce_http_internal_errors_total 0`, `payonce_provider_calls_total{operation="authorize",outcome="unauthorized"} 0`,
		`payonce_redis_failures_total{outcome="bad_value:signature"} 0`, `payonce_webhook_attempt_duration_seconds_count{outcome="internal"} 0`,
		`payonce_sessions_ended_total 0`, `payonce_log_lines_dropped_total 7`, `payonce_build_info{revision="abc",version="v1"} 1`,
		`payonce_breaker_state{breaker="provider",state="half-open"} 1`, `payonce_breaker_state{breaker="provider",state="open"} 0`)
}

// A replay takes some hundred microseconds, and counting it must stay far below one.
func TestCountingARequestAllocatesNothing(t *testing.T) {
	m := metrics.New()
	got := testing.AllocsPerRun(1000, func() {
		m.Began()
		m.Finished(t.Context(), idempotency.End{Label: string(idempotency.SourceRedis)})
		m.Ended("/v1/orders", "POST", http.StatusCreated, string(idempotency.SourceRedis), time.Millisecond)
	})
	if got > 0 {
		t.Errorf("got %.1f allocations, want none", got)
	}
}

func BenchmarkRequest(b *testing.B) {
	m := metrics.New()
	for b.Loop() {
		m.Began()
		m.Ended("/v1/orders", "POST", http.StatusCreated, string(idempotency.SourceRedis), time.Millisecond)
	}
}
