package redis

import "github.com/redis/go-redis/v9"

// Client is a connection to Redis, Cluster or Sentinel, as Open makes it.
type Client = redis.UniversalClient

// PoolStats are the figures of the connections to Redis.
type PoolStats struct {
	Open, Idle int
	Timeouts   int // waits for a connection that gave up, since the start
}

// Pool reads the figures of the cache's connections.
func (c *Cache) Pool() PoolStats {
	stats := c.client.PoolStats()
	return PoolStats{Open: int(stats.TotalConns), Idle: int(stats.IdleConns), Timeouts: int(stats.Timeouts)}
}

// Breaker is the state of the circuit breaker: closed, half-open or open.
func (c *Cache) Breaker() string { return c.breaker.breaker.State().String() }
