package scaleout

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/payonce/payonce/test/service"
)

// startRedis starts one redis-server on a port.
func startRedis(t *testing.T, port int, more ...string) *process {
	t.Helper()
	path := program(t, "redis-server", "redis-server")
	args := append([]string{"--port", strconv.Itoa(port), "--bind", "127.0.0.1", "--dir", t.TempDir(), "--save", "", "--appendonly", "no", "--repl-diskless-sync-delay", "0"}, more...)
	p := start(t, nil, path, args...)
	listens(t, port)
	return p
}

// connect returns a client of one server.
func connect(t *testing.T, port int) *redis.Client {
	t.Helper()
	client := redis.NewClient(&redis.Options{Addr: address(port)})
	t.Cleanup(func() { _ = client.Close() })
	return client
}

func address(port int) string { return "127.0.0.1:" + strconv.Itoa(port) }

// allShards reads a cluster like one server: a Scan goes through all primaries at once.
type allShards struct{ *redis.ClusterClient }

func (c allShards) Scan(ctx context.Context, _ uint64, match string, count int64) *redis.ScanCmd {
	var mu sync.Mutex
	var names []string
	err := c.ForEachMaster(ctx, func(ctx context.Context, shard *redis.Client) error {
		for each := shard.Scan(ctx, 0, match, count).Iterator(); ; {
			if !each.Next(ctx) {
				return each.Err()
			}
			mu.Lock()
			names = append(names, each.Val())
			mu.Unlock()
		}
	})
	return redis.NewScanCmdResult(names, 0, err)
}

// startCluster makes a cluster of three primaries with a replica each. The servers are in the order of their ports.
func startCluster(t *testing.T) (ports []int, servers []*process) {
	t.Helper()
	cli := program(t, "redis-cli", "redis-tools")
	ports = freePorts(t, 12)
	ports, bus := ports[:6], ports[6:]
	args := []string{"--cluster", "create"}
	for i, port := range ports {
		servers = append(servers, startRedis(t, port, "--cluster-enabled", "yes", "--cluster-port", strconv.Itoa(bus[i]), "--cluster-node-timeout", "1500"))
		args = append(args, address(port))
	}
	output(t, cli, append(args, "--cluster-replicas", "1", "--cluster-yes")...)
	service.Until(t, "the cluster works, each primary with a replica that holds its data", func() bool {
		following := 0
		for _, port := range ports {
			if follows(t, port) {
				following++
			}
		}
		return clusterWorks(t, ports[0]) && following == 3
	})
	return ports, servers
}

// follows reports whether a server is a replica that has its primary's data: one that never had them can't take its place.
func follows(t *testing.T, port int) bool {
	t.Helper()
	return strings.Contains(connect(t, port).Info(context.Background(), "replication").Val(), "master_link_status:up")
}

func clusterWorks(t *testing.T, port int) bool {
	t.Helper()
	return strings.Contains(connect(t, port).ClusterInfo(context.Background()).Val(), "cluster_state:ok")
}

// primaryOf is the number of a server that owns slots.
func primaryOf(t *testing.T, ports []int) int {
	t.Helper()
	for i, port := range ports {
		if connect(t, port).Info(t.Context(), "replication").Val() != "" &&
			strings.Contains(connect(t, port).Info(t.Context(), "replication").Val(), "role:master") {
			return i
		}
	}
	t.Fatal("no server is a primary")
	return 0
}

func TestRedisClusterLosesAPrimary(t *testing.T) {
	t.Parallel()
	ports, servers := startCluster(t)
	var nodes []string
	for _, port := range ports[:3] {
		nodes = append(nodes, address(port))
	}
	cache := redis.NewClusterClient(&redis.ClusterOptions{Addrs: nodes})
	t.Cleanup(func() { _ = cache.Close() })
	primary := startPrimary(t, nil)
	s := open(t, 2, service.Options{DatabaseURL: primary.URL(), RedisURL: "redis://" + strings.Join(nodes, ",")}, primary.URL(), allShards{cache})
	s.underLoad(func() {
		victim := primaryOf(t, ports)
		other := ports[(victim+1)%len(ports)]
		s.strike("a cluster's primary is killed", false, func() {
			servers[victim].kill()
			service.Until(t, "its replica owns the slots", func() bool {
				nodes := connect(t, other).ClusterNodes(context.Background()).Val()
				return strings.Contains(nodes, "master,fail ") && clusterWorks(t, other)
			})
		})
		s.redisIsBack()
	})
	s.verdict()
}

// redisIsBack waits until each replica uses Redis again, and answers from it.
func (s *shop) redisIsBack() {
	s.t.Helper()
	for i, r := range s.replicas {
		service.Until(s.t, fmt.Sprintf("replica %d uses Redis again", i), func() bool { return r.Metric("payonce_redis_away") == 0 })
	}
}

// startSentinels starts three sentinels that watch a primary, and waits until they know each other and its replica.
func startSentinels(t *testing.T, primary int) (ports []int) {
	t.Helper()
	path := program(t, "redis-server", "redis-server")
	ports = freePorts(t, 3)
	for _, port := range ports {
		config := filepath.Join(t.TempDir(), "sentinel.conf")
		text := fmt.Sprintf("port %d\nbind 127.0.0.1\nsentinel monitor shop 127.0.0.1 %d 2\nsentinel down-after-milliseconds shop 1000\n"+
			"sentinel failover-timeout shop 5000\n", port, primary)
		if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		start(t, nil, path, config, "--sentinel")
	}
	for _, port := range ports {
		sentinel := redis.NewSentinelClient(&redis.Options{Addr: address(port)})
		t.Cleanup(func() { _ = sentinel.Close() })
		service.Until(t, "the sentinels know each other and the replica", func() bool {
			known := sentinel.Master(context.Background(), "shop").Val()
			return known["num-other-sentinels"] == "2" && known["num-slaves"] == "1"
		})
	}
	return ports
}

func TestRedisSentinelFailsOver(t *testing.T) {
	t.Parallel()
	ports := freePorts(t, 2)
	first := startRedis(t, ports[0])
	startRedis(t, ports[1], "--replicaof", "127.0.0.1 "+strconv.Itoa(ports[0]))
	service.Until(t, "the replica has the primary's data", func() bool { return follows(t, ports[1]) })
	sentinels := startSentinels(t, ports[0])
	var hosts []string
	for _, port := range sentinels {
		hosts = append(hosts, address(port))
	}
	cache := redis.NewFailoverClient(&redis.FailoverOptions{MasterName: "shop", SentinelAddrs: hosts})
	t.Cleanup(func() { _ = cache.Close() })
	primary := startPrimary(t, nil)
	s := open(t, 2, service.Options{DatabaseURL: primary.URL(), RedisURL: "redis+sentinel://" + strings.Join(hosts, ",") + "/shop"}, primary.URL(), cache)
	s.underLoad(func() {
		s.strike("the primary of the sentinels is killed", false, func() {
			first.kill()
			service.Until(t, "the other one is the primary", func() bool {
				return strings.Contains(connect(t, ports[1]).Info(context.Background(), "replication").Val(), "role:master")
			})
		})
		s.redisIsBack()
		pause(time.Second) // what is cached now is cached in the new one
	})
	s.verdict()
}
