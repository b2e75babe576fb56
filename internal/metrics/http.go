package metrics

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"github.com/payonce/payonce/idempotency"
)

// requestBuckets fit what is aimed for: a replay takes less than a millisecond, a first request a few of them.
func requestBuckets() []float64 {
	return []float64{.0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30}
}

// httpMetrics are about requests, whatever they want.
type httpMetrics struct {
	inFlight prometheus.Gauge
	requests *prometheus.CounterVec
	latency  *prometheus.HistogramVec
	internal prometheus.Counter
	known    known[requestLabels, requestSeries]
}

func newHTTP(f promauto.Factory) *httpMetrics {
	return &httpMetrics{
		inFlight: gauge(f, "payonce_http_requests_in_flight", "Requests that are being answered."),
		requests: counters(f, "payonce_http_requests_total", "Requests by route and status.", "route", "method", "status"),
		latency:  histograms(f, "payonce_http_request_duration_seconds", "Time to answer by route.", requestBuckets(), "route", "method"),
		internal: counter(f, "payonce_http_internal_errors_total", "Requests that were answered with 500, each of them a bug."),
	}
}

// keyMetrics are about requests with an idempotency key.
type keyMetrics struct {
	outcomes *prometheus.CounterVec
	steps    *prometheus.CounterVec
	latency  map[string]prometheus.Observer // by what served the outcome

	outcomeSeries known[string, prometheus.Counter]
	stepSeries    known[idempotency.Step, prometheus.Counter]
}

func newKeys(f promauto.Factory) *keyMetrics {
	latency := histograms(f, "payonce_idempotency_request_duration_seconds",
		"Time to answer requests with a key that have an outcome, by what served it: first is its execution, all others are replays.",
		requestBuckets(), "source")
	k := &keyMetrics{
		outcomes: counters(f, "payonce_idempotency_outcomes_total",
			"Ends of requests with a key: executed first, replayed by level, taken over, recovered, or refused.", "outcome"),
		steps: counters(f, "payonce_idempotency_steps_total", "Steps of the protocol.", "step"),
		latency: series(latency.WithLabelValues, string(idempotency.SourceFirst), string(idempotency.SourceMemory),
			string(idempotency.SourceRedis), string(idempotency.SourcePostgres), string(idempotency.SourceTakeover)),
	}
	series(k.outcomes.WithLabelValues, idempotency.Labels()...)
	series(k.steps.WithLabelValues, idempotency.Steps()...)
	return k
}

// Step implements [idempotency.Observer].
func (m *Metrics) Step(_ context.Context, step idempotency.Step) {
	m.keys.stepSeries.of(step, func(step idempotency.Step) prometheus.Counter { return m.keys.steps.WithLabelValues(string(step)) }).Inc()
}

// Finished implements [idempotency.Observer].
func (m *Metrics) Finished(_ context.Context, end idempotency.End) {
	m.keys.outcomeSeries.of(end.Label, func(label string) prometheus.Counter { return m.keys.outcomes.WithLabelValues(label) }).Inc()
}

// Began counts a request that has arrived; Ended follows.
func (m *Metrics) Began() { m.http.inFlight.Inc() }

// Ended counts a request that was answered. servedBy is the [idempotency.Source] of its outcome; it is empty where there is none.
func (m *Metrics) Ended(route, method string, status int, servedBy string, elapsed time.Duration) {
	m.http.inFlight.Dec()
	found := m.http.known.of(requestLabels{route, knownMethod(method), status}, func(l requestLabels) requestSeries {
		return requestSeries{
			m.http.requests.WithLabelValues(l.route, l.method, strconv.Itoa(l.status)), m.http.latency.WithLabelValues(l.route, l.method),
		}
	})
	found.count.Inc()
	found.latency.Observe(elapsed.Seconds())
	if source, ok := m.keys.latency[servedBy]; ok {
		source.Observe(elapsed.Seconds())
	}
	if status == http.StatusInternalServerError {
		m.http.internal.Inc()
	}
}

// knownMethod keeps clients from making series of their own.
func knownMethod(method string) string {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions:
		return method
	}
	return other
}

// other stands for every label value that is in no list.
const other = "other"
