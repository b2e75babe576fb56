// Command baseline is what the benchmarks compare payonce with: plain handlers that do the same work without idempotency.
//
// It is put together by the same package app, so that it has the same settings, pools, listeners, log, metrics and jobs as
// the service. Only its routes differ:
//
//	/bare        the response's bytes and nothing else: Gin without middleware; the body is not read
//	/edge        the same behind payonce's edge: request id, access log, panics, headers, body, API key, rate limit
//	/get         edge, and one GET from Redis for the bytes
//	/select      edge, and one SELECT by primary key for the bytes, built by GORM
//	/select-sql  the same in SQL, through database/sql
//	/orders      edge, and what a first order writes (order, event), in a GORM transaction
//	/payments    edge, and what a first payment does: the writes of T1 in a GORM transaction, the provider's call, the
//	             writes of T2 in another; all but the record of the key
//	/payments-1  edge, the provider's call first, and then all rows in one GORM transaction: the code of a
//	             programmer who doesn't think of a crash in between
//	/payments/{id}/capture, /payments/{id}/refunds
//	             edge, and what a first capture or refund does, as /payments
//
// A test of the benchmark compares the rows that they write with the service's.
//
// With the argument "simulator" it is the payment provider's stand-in with its book in memory: it answers at once. With
// "copies" it is the crowd that sends one request a thousand times.
package main
