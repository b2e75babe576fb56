package repository

import "github.com/redis/go-redis/v9"

// RedisClient is a connection to Redis, Cluster or Sentinel, as OpenRedis makes it.
type RedisClient = redis.UniversalClient

// RedisPool are the figures of the connections to Redis.
type RedisPool struct {
	Open, Idle int
	Timeouts   int // waits for a connection that gave up, since the start
}

// Pool reads the figures of the gate's connections.
func (g *RedisGate) Pool() RedisPool {
	stats := g.client.PoolStats()
	return RedisPool{Open: int(stats.TotalConns), Idle: int(stats.IdleConns), Timeouts: int(stats.Timeouts)}
}
