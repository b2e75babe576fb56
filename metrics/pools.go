package metrics

import (
	"database/sql"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/payonce/payonce/repository"
)

// Pools adds the figures of the connection pools, read when they are asked for.
func (m *Metrics) Pools(stats func() (fresh, reserved sql.DBStats), redis func() repository.RedisPool) {
	postgres := func(pool string, value func(sql.DBStats) float64, name, help string) {
		m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: name, Help: help, ConstLabels: prometheus.Labels{"pool": pool},
		}, func() float64 {
			fresh, reserved := stats()
			if pool == "reserved" {
				return value(reserved)
			}
			return value(fresh)
		}))
	}
	for _, pool := range []string{"fresh", "reserved"} {
		postgres(pool, func(s sql.DBStats) float64 { return float64(s.MaxOpenConnections) }, "payonce_postgres_connections_max", "Limit of the pool.")
		postgres(pool, func(s sql.DBStats) float64 { return float64(s.OpenConnections) }, "payonce_postgres_connections_open", "Open connections.")
		postgres(pool, func(s sql.DBStats) float64 { return float64(s.InUse) }, "payonce_postgres_connections_in_use", "Connections in use.")
		postgres(pool, func(s sql.DBStats) float64 { return s.WaitDuration.Seconds() }, "payonce_postgres_wait_seconds", "Time waited for a connection since the start.")
	}
	redisGauge := func(value func(repository.RedisPool) int, name, help string) {
		m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, func() float64 {
			return float64(value(redis()))
		}))
	}
	redisGauge(func(p repository.RedisPool) int { return p.Open }, "payonce_redis_connections_open", "Open connections to Redis.")
	redisGauge(func(p repository.RedisPool) int { return p.Idle }, "payonce_redis_connections_idle", "Idle connections to Redis.")
	redisGauge(func(p repository.RedisPool) int { return p.Timeouts }, "payonce_redis_pool_timeouts", "Waits for a connection to Redis that gave up.")
}
