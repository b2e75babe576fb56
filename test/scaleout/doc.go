// Package scaleout runs payonce on the engines that carry it beyond one process each, for real: PgBouncer, Redis Cluster and
// Sentinel, PostgreSQL's streaming replication with a promotion, a read replica, and several replicas of the service. Each
// run is under load while something fails, and ends with the checker's verdict ([github.com/payonce/payonce/test/check]).
//
//	make scaleout        each run under load for 30 s
//	go test ./test/scaleout -run TestSynchronous -count=1 -v -args -for=1m -rate=200
//
// What a test needs and a machine lacks (pgbouncer, redis-server, redis-cli, pg_basebackup), is a reason to skip it; with
// CI=true it is a failure. docs/scaling.md says what the results mean.
package scaleout
