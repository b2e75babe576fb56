package metrics

import (
	"database/sql"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/payonce/payonce/idempotency/redis"
)

// Pools adds the figures of the connection pools, read when they are asked for.
func (m *Metrics) Pools(stats func() (fresh, reserved sql.DBStats), cache func() redis.PoolStats) {
	m.postgresPool("fresh", func() sql.DBStats { fresh, _ := stats(); return fresh })
	m.postgresPool("reserved", func() sql.DBStats { _, reserved := stats(); return reserved })
	read := func(value func(redis.PoolStats) int) func() float64 {
		return func() float64 { return float64(value(cache())) }
	}
	m.factory.NewGaugeFunc(prometheus.GaugeOpts{Name: "payonce_redis_connections_open", Help: "Open connections to Redis."},
		read(func(p redis.PoolStats) int { return p.Open }))
	m.factory.NewGaugeFunc(prometheus.GaugeOpts{Name: "payonce_redis_connections_idle", Help: "Idle connections to Redis."},
		read(func(p redis.PoolStats) int { return p.Idle }))
	m.factory.NewCounterFunc(prometheus.CounterOpts{
		Name: "payonce_redis_pool_timeouts_total", Help: "Waits for a connection to Redis that gave up.",
	}, read(func(p redis.PoolStats) int { return p.Timeouts }))
}

func (m *Metrics) postgresPool(pool string, stats func() sql.DBStats) {
	labels := prometheus.Labels{"pool": pool}
	read := func(value func(sql.DBStats) float64) func() float64 { return func() float64 { return value(stats()) } }
	m.factory.NewGaugeFunc(prometheus.GaugeOpts{Name: "payonce_postgres_connections_max", Help: "Limit of the pool.", ConstLabels: labels},
		read(func(s sql.DBStats) float64 { return float64(s.MaxOpenConnections) }))
	m.factory.NewGaugeFunc(prometheus.GaugeOpts{Name: "payonce_postgres_connections_open", Help: "Open connections.", ConstLabels: labels},
		read(func(s sql.DBStats) float64 { return float64(s.OpenConnections) }))
	m.factory.NewGaugeFunc(prometheus.GaugeOpts{Name: "payonce_postgres_connections_in_use", Help: "Connections in use.", ConstLabels: labels},
		read(func(s sql.DBStats) float64 { return float64(s.InUse) }))
	m.factory.NewCounterFunc(prometheus.CounterOpts{
		Name: "payonce_postgres_waits_total", Help: "Times that no connection was free.", ConstLabels: labels,
	}, read(func(s sql.DBStats) float64 { return float64(s.WaitCount) }))
	m.factory.NewCounterFunc(prometheus.CounterOpts{
		Name: "payonce_postgres_wait_seconds_total", Help: "Time waited for a connection.", ConstLabels: labels,
	}, read(func(s sql.DBStats) float64 { return s.WaitDuration.Seconds() }))
}
