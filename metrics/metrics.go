// Package metrics counts what the service does, for Prometheus. Names of outcomes come from constant lists, so that
// every series exists from the start and none is made of what clients send.
package metrics

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/payonce/payonce/idempotency"
	"github.com/payonce/payonce/provider"
	"github.com/payonce/payonce/repository"
)

// Metrics is what the service counts. It hears the engine, the Redis gate, the provider's client and the access log.
type Metrics struct {
	registry   *prometheus.Registry
	requests   *prometheus.CounterVec
	latency    *prometheus.HistogramVec
	outcomes   *prometheus.CounterVec
	steps      *prometheus.CounterVec
	redis      *prometheus.CounterVec
	redisAway  prometheus.Gauge
	provider   *prometheus.HistogramVec
	swept      *prometheus.CounterVec
	unresolved prometheus.Gauge

	stepSeries    known[idempotency.Step, prometheus.Counter]
	outcomeSeries known[string, prometheus.Counter]
	requestSeries known[requestLabels, requestSeries]
}

var (
	_ idempotency.Observer    = (*Metrics)(nil)
	_ repository.GateObserver = (*Metrics)(nil)
)

// New returns metrics in a registry of their own.
func New() *Metrics {
	m := &Metrics{registry: prometheus.NewRegistry()}
	m.requests = counter("payonce_http_requests_total", "Requests by route and status.", "route", "method", "status")
	m.latency = prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "payonce_http_request_seconds", Help: "Time to answer by route.",
		Buckets: []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30},
	}, []string{"route", "method"})
	m.outcomes = counter("payonce_idempotency_outcomes_total",
		"Ends of requests with a key: executed first, replayed by level, taken over, recovered, or refused.", "outcome")
	m.steps = counter("payonce_idempotency_steps_total", "Steps of the protocol.", "step")
	m.redis = counter("payonce_redis_failures_total", "What Redis failed to do, by named outcome.", "outcome")
	m.redisAway = gauge("payonce_redis_away", "1 while the circuit breaker keeps Redis from being asked.")
	m.provider = prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "payonce_provider_call_seconds", Help: "Calls to the payment provider by operation and outcome.",
		Buckets: []float64{.001, .005, .025, .1, .25, .5, 1, 2.5, 5, 10, 30},
	}, []string{"operation", "outcome"})
	m.swept = counter("payonce_cleanup_rows_total", "Records turned into tombstones, and tombstones deleted.", "kind")
	m.unresolved = gauge("payonce_oldest_unresolved_seconds", "Age of the oldest call to the provider without a known outcome.")
	m.registry.MustRegister(m.requests, m.latency, m.outcomes, m.steps, m.redis, m.redisAway, m.provider, m.swept, m.unresolved,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	m.start()
	return m
}

func counter(name, help string, labels ...string) *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
}

func gauge(name, help string) prometheus.Gauge {
	return prometheus.NewGauge(prometheus.GaugeOpts{Name: name, Help: help})
}

// start makes every series whose labels are known, at zero: a rate over a series that appears later misses its first step.
func (m *Metrics) start() {
	for _, label := range idempotency.Labels() {
		m.outcomes.WithLabelValues(label)
	}
	for _, step := range idempotency.Steps() {
		m.steps.WithLabelValues(string(step))
	}
	for _, outcome := range repository.RedisOutcomes() {
		m.redis.WithLabelValues(outcome)
	}
	m.swept.WithLabelValues("expired")
	m.swept.WithLabelValues("forgotten")
}

// Handler serves /metrics.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{Registry: m.registry})
}

// Step implements [idempotency.Observer].
func (m *Metrics) Step(_ context.Context, step idempotency.Step) {
	m.stepSeries.of(step, func(step idempotency.Step) prometheus.Counter { return m.steps.WithLabelValues(string(step)) }).Inc()
}

// Finished implements [idempotency.Observer].
func (m *Metrics) Finished(_ context.Context, label string) {
	m.outcomeSeries.of(label, func(label string) prometheus.Counter { return m.outcomes.WithLabelValues(label) }).Inc()
}

// Request counts a finished HTTP request.
func (m *Metrics) Request(route, method string, status int, elapsed time.Duration) {
	method = knownMethod(method)
	series := m.requestSeries.of(requestLabels{route, method, status}, func(l requestLabels) requestSeries {
		return requestSeries{m.requests.WithLabelValues(l.route, l.method, strconv.Itoa(l.status)), m.latency.WithLabelValues(l.route, l.method)}
	})
	series.count.Inc()
	series.latency.Observe(elapsed.Seconds())
}

// knownMethod keeps clients from making series of their own.
func knownMethod(method string) string {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions:
		return method
	}
	return "other"
}

// Redis implements repository.GateObserver.
func (m *Metrics) Redis(outcome string) { m.redis.WithLabelValues(outcome).Inc() }

// RedisAway implements repository.GateObserver.
func (m *Metrics) RedisAway(away bool) {
	value := 0.0
	if away {
		value = 1
	}
	m.redisAway.Set(value)
}

// Provider counts a call to the provider.
func (m *Metrics) Provider(operation string, outcome provider.Outcome, elapsed time.Duration) {
	m.provider.WithLabelValues(operation, outcome.String()).Observe(elapsed.Seconds())
}

// Swept counts what the cleanup did.
func (m *Metrics) Swept(kind string, rows int) { m.swept.WithLabelValues(kind).Add(float64(rows)) }

// Unresolved tells the age of the oldest call without a known outcome.
func (m *Metrics) Unresolved(age time.Duration) { m.unresolved.Set(age.Seconds()) }
