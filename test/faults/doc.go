// Package faults makes every fault happen at every step of a request that it can happen at, and holds what is seen
// afterwards to the promise. The table in matrix_test.go says which faults and steps those are, and why not the others;
// a run ends with that table and the number of hits in each cell, and fails when a cell has none.
//
// The steps of a first payment:
//
//	S1  authenticated, parsed, valid             S6   the provider has acted, nothing about it is in Postgres
//	S2  Redis: rate limit, look-up, hint         S7   T2 before its COMMIT
//	S3  T1 before its COMMIT                     S8   T2's COMMIT
//	S4  T1's COMMIT                              S9   publishing to Redis
//	S5  the provider is being called             S10  writing to the socket
//
// Captures, voids, refunds, and giving up the key of a payment, which refunds it, pass the same steps. An order, whose effect is in
// the database alone, has S1, S2, S4, S9 and S10: its one transaction is T1, sent whole. Which faults happen to which of them the
// matrix says in its legend: those that end a process, a store or a call to all, the others to payments and orders.
//
// What a fault leaves of one request falls into a class, and the class says what the retry must see (judge_test.go):
//
//	               the client saw               Postgres                    provider      a retry gives
//	notStarted     503, 4xx, or nothing         nothing of the key          nothing       201, as a first request
//	pending        nothing, 202 or 503          in progress, or 202 stored  0 or 1 charge 409 until the lease ends, then
//	                                                                                      the outcome
//	commitUnknown  201, 503 or nothing          all or nothing              as it was     as one of the others
//	done           nothing                      completed, effect once      1 charge      a replay
//	answered       the response                 completed, effect once      1 charge      the same replay
//
// Two more are for requests that a copy overtook, and for what outlasted its own transaction on a busy machine.
//
// Most tests hold one request of each kind at each place of those steps in one process, make the fault happen to all of
// them at once, and look at each (held_test.go, kinds_test.go). The others send through proxies that break a connection at a chosen
// message (package proxy).
package faults
