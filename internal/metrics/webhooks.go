package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"github.com/payonce/payonce/notifications"
)

// webhookMetrics are about the events that are sent to merchants.
type webhookMetrics struct {
	attempts  map[string]prometheus.Observer
	delivered prometheus.Histogram
	pending   prometheus.Gauge
	oldest    prometheus.Gauge
}

func newWebhooks(f promauto.Factory) webhookMetrics {
	attempts := histograms(f, "payonce_webhook_attempt_duration_seconds", "Attempts to deliver events, by outcome.",
		[]float64{.005, .025, .1, .5, 1, 5, 15}, "outcome")
	return webhookMetrics{
		attempts: series(attempts.WithLabelValues, notifications.Outcomes()...),
		delivered: f.NewHistogram(prometheus.HistogramOpts{
			Name:    "payonce_webhook_delivery_duration_seconds",
			Help:    "From an event to its receiver's answer, of events that the first attempt delivered.",
			Buckets: []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 15, 60, 300},
		}),
		pending: gauge(f, "payonce_webhook_deliveries_pending", "Deliveries that have not ended, up to 10000."),
		oldest:  gauge(f, "payonce_webhook_oldest_pending_seconds", "For how long the delivery that waits longest beyond its time is due."),
	}
}

// Delivery implements [notifications.Observer].
func (m *Metrics) Delivery(outcome string, elapsed time.Duration) {
	m.webhooks.attempts[outcome].Observe(elapsed.Seconds())
}

// Delivered implements [notifications.Observer].
func (m *Metrics) Delivered(age time.Duration) { m.webhooks.delivered.Observe(age.Seconds()) }

// Deliveries sets how many deliveries have not ended, and for how long one of them has been due.
func (m *Metrics) Deliveries(pending int, oldest time.Duration) {
	m.webhooks.pending.Set(float64(pending))
	m.webhooks.oldest.Set(oldest.Seconds())
}
