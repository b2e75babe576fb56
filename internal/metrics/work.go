package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// What the cleanup does with rows.
const (
	SweptExpired        = "expired"   // a record becomes a tombstone
	SweptForgotten      = "forgotten" // a tombstone is deleted
	SweptDeliveries     = "deliveries"
	SweptProviderEvents = "provider_event"
)

// What recovery can find held by a transaction.
const (
	LockedRecord  = "record"
	LockedAttempt = "attempt"
)

// workMetrics are about what no request does.
type workMetrics struct {
	rounds  *prometheus.CounterVec
	failing *prometheus.GaugeVec
	swept   *prometheus.CounterVec
	due     *prometheus.GaugeVec
	ended   prometheus.Counter
	locked  *prometheus.GaugeVec
}

func newWork(f promauto.Factory) workMetrics {
	w := workMetrics{
		rounds:  counters(f, "payonce_job_rounds_total", "Rounds of a background job that have ended; it is at 0 until the first one has.", "name"),
		failing: gauges(f, "payonce_job_failing", "1 while the last round of a background job has failed.", "name"),
		swept: counters(f, "payonce_cleanup_rows_total",
			"Records turned into tombstones, and tombstones, webhook deliveries and the provider's events deleted.", "kind"),
		due: gauges(f, "payonce_cleanup_oldest_due_seconds",
			"For how long the row that the cleanup owes longest is due; 0 when nothing is.", "kind"),
		ended:  counter(f, "payonce_sessions_ended_total", "Own PostgreSQL sessions that waited for the rest of a batch and were ended."),
		locked: gauges(f, "payonce_locked_due", "Records and provider attempts that are due and that a transaction holds, up to 1000.", "kind"),
	}
	series(w.swept.WithLabelValues, SweptExpired, SweptForgotten, SweptDeliveries, SweptProviderEvents)
	series(w.due.WithLabelValues, SweptExpired, SweptForgotten)
	series(w.locked.WithLabelValues, LockedRecord, LockedAttempt)
	return w
}

// Job notes how each round of a background job ended. Names come from the list of jobs.
func (m *Metrics) Job(name string) (ended func(failed bool)) {
	rounds := m.work.rounds.WithLabelValues(name)
	return func(failed bool) {
		m.work.failing.WithLabelValues(name).Set(one(failed))
		rounds.Inc()
	}
}

// Swept counts what the cleanup did; kind is one of the Swept constants.
func (m *Metrics) Swept(kind string, rows int) { m.work.swept.WithLabelValues(kind).Add(float64(rows)) }

// CleanupDue sets for how long a row of a kind is due to be cleaned up.
func (m *Metrics) CleanupDue(kind string, age time.Duration) {
	m.work.due.WithLabelValues(kind).Set(age.Seconds())
}

// SessionsEnded counts own PostgreSQL sessions that waited for the rest of a batch and were ended.
func (m *Metrics) SessionsEnded(sessions int) { m.work.ended.Add(float64(sessions)) }

// LockedDue sets how much is due and held by a transaction; kind is one of the Locked constants.
func (m *Metrics) LockedDue(kind string, rows int) {
	m.work.locked.WithLabelValues(kind).Set(float64(rows))
}
