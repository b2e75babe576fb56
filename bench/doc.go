// Command bench measures what idempotency costs: payonce beside the same handlers without it, on a real PostgreSQL with
// durable settings and a real Redis, over HTTP on loopback.
//
//	go run ./bench            the table, and which aims are reached
//	go run ./bench --growth   the same paths with many records in the table beside an empty one, and cleanup under load
//	go run ./bench --days 6   an hour in which records come, expire, become tombstones and are archived at the same rate
//	go run ./bench --protections   what each protection of a first request costs, in builds that leave one out
//	go run ./bench --help     all flags
//
// Everything takes turns: in each round every variant gets a short slice, one after the other, and the order moves on by
// one from round to round. A machine that gets slower or busier does so for all of them. A ratio is taken within a
// round, and what is reported is the median over the rounds, with the quartiles beside it: they show how far to trust it.
//
// The service is the real binary as a process of its own, the baselines are another one (see bench/baseline), the provider's
// stand-in a third, and the load comes from this process; on one machine they share the processors. Round trips are counted
// in a pass of its own, because the proxies that count them cost time.
package main
