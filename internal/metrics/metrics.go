// Package metrics counts what the service does, for Prometheus. Names of outcomes come from constant lists, so that
// every series exists from the start and none is made of what clients send.
//
// Names follow Prometheus's conventions: counters end in _total, times are in seconds, histograms of times end in
// _duration_seconds. docs/monitoring.md lists them.
package metrics

import (
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promauto"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/payonce/payonce/idempotency"
	"github.com/payonce/payonce/idempotency/redis"
	"github.com/payonce/payonce/notifications"
	"github.com/payonce/payonce/operations"
	"github.com/payonce/payonce/provider"
)

// Metrics is what the service counts. Its events come from the engine, the Redis cache, the provider's client, the operations, the
// webhooks and the access log. Safe for concurrent use.
type Metrics struct {
	idempotency.NoSpans

	registry *prometheus.Registry
	factory  promauto.Factory
	http     *httpMetrics
	keys     *keyMetrics
	payments paymentMetrics
	webhooks webhookMetrics
	work     workMetrics
	redis    redisMetrics
}

var (
	_ idempotency.Observer   = (*Metrics)(nil)
	_ redis.Observer         = (*Metrics)(nil)
	_ operations.Observer    = (*Metrics)(nil)
	_ notifications.Observer = (*Metrics)(nil)
)

// New returns metrics in a registry of their own.
func New() *Metrics {
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	f := promauto.With(registry)
	return &Metrics{
		registry: registry, factory: f, http: newHTTP(f), keys: newKeys(f), payments: newPayments(f), webhooks: newWebhooks(f),
		work: newWork(f), redis: newRedis(f),
	}
}

// Handler serves /metrics.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{Registry: m.registry})
}

// Process adds what is known of the process: which build it is, and how many lines of its log were dropped because its reader was
// stuck. It is called once.
func (m *Metrics) Process(version, revision string, dropped func() int64) {
	m.factory.NewGauge(prometheus.GaugeOpts{
		Name: "payonce_build_info", Help: "1, with the version and the commit that the binary was built from.",
		ConstLabels: prometheus.Labels{"version": version, "revision": revision},
	}).Set(1)
	m.factory.NewCounterFunc(prometheus.CounterOpts{
		Name: "payonce_log_lines_dropped_total", Help: "Lines of the log that its reader did not take in time.",
	}, func() float64 { return float64(dropped()) })
}

func counters(f promauto.Factory, name, help string, labels ...string) *prometheus.CounterVec {
	return f.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
}

func counter(f promauto.Factory, name, help string) prometheus.Counter {
	return f.NewCounter(prometheus.CounterOpts{Name: name, Help: help})
}

func gauges(f promauto.Factory, name, help string, labels ...string) *prometheus.GaugeVec {
	return f.NewGaugeVec(prometheus.GaugeOpts{Name: name, Help: help}, labels)
}

func gauge(f promauto.Factory, name, help string) prometheus.Gauge {
	return f.NewGauge(prometheus.GaugeOpts{Name: name, Help: help})
}

func histograms(f promauto.Factory, name, help string, buckets []float64, labels ...string) *prometheus.HistogramVec {
	return f.NewHistogramVec(prometheus.HistogramOpts{Name: name, Help: help, Buckets: buckets}, labels)
}

// series of a vector, one for each value of its only label. They exist from the start: a rate over a series that appears later
// misses its first step, and an alert on that rate the first failure.
func series[S any, L ~string](of func(...string) S, values ...L) map[L]S {
	all := make(map[L]S, len(values))
	for _, value := range values {
		all[value] = of(string(value))
	}
	return all
}

// redisMetrics count what Redis failed to do, and what it was not asked.
type redisMetrics struct {
	skipped  prometheus.Counter
	failures *prometheus.CounterVec
	away     prometheus.Gauge
}

func newRedis(f promauto.Factory) redisMetrics {
	r := redisMetrics{
		skipped: counter(f, "payonce_redis_lookups_skipped_total",
			"Requests whose key was taken for new without a look-up, because Redis had not known their merchant's last keys."),
		failures: counters(f, "payonce_redis_failures_total", "What Redis failed to do, by named outcome.", "outcome"),
		away:     gauge(f, "payonce_redis_away", "1 while Redis can't be used: it is not reached, or it refuses."),
	}
	series(r.failures.WithLabelValues, redis.Outcomes()...)
	return r
}

// Redis implements redis.Observer.
func (m *Metrics) Redis(outcome string) { m.redis.failures.WithLabelValues(outcome).Inc() }

// RedisSkipped implements redis.Observer.
func (m *Metrics) RedisSkipped() { m.redis.skipped.Inc() }

// RedisAway implements redis.Observer.
func (m *Metrics) RedisAway(away bool) { m.redis.away.Set(one(away)) }

// one is 1 for true.
func one(yes bool) float64 {
	if yes {
		return 1
	}
	return 0
}

// breakerStates are the names that gobreaker gives its states.
func breakerStates() []string { return []string{"closed", "half-open", "open"} }

// Breaker adds a circuit breaker, whose state is read when it is asked for.
func (m *Metrics) Breaker(name string, state func() string) {
	for _, value := range breakerStates() {
		m.factory.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "payonce_breaker_state", Help: "1 for the state that the circuit breaker is in.",
			ConstLabels: prometheus.Labels{"breaker": name, "state": value},
		}, func() float64 { return one(state() == value) })
	}
}

// outcomes of calls to the provider.
func outcomes() []provider.Outcome {
	return []provider.Outcome{
		provider.Unknown, provider.Answered, provider.Declined, provider.NotSent, provider.Refused, provider.Unauthorized, provider.NotFound,
	}
}
