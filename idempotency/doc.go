// Package idempotency makes a request that is sent twice happen once.
//
// A client names each thing it wants done with a key of its own (the Idempotency-Key header) and sends the request again,
// under the same key, for as long as it has no answer. The engine sees to it that the thing is done once and that every
// copy gets the same answer. It knows no HTTP framework, no ORM and no cache: a [Store] is the authority, a [Gate] may
// save it work, and package middleware translates to HTTP.
//
// # Guarantees
//
// For one tenant and one key, until the key's retention is over:
//
//   - P1: the effect happens exactly once, however many copies arrive, at however many replicas, whatever crashes.
//   - P2: once any client has an outcome (2xx or 402), every later copy gets the same status, bytes and replayed headers.
//   - P3: an external operation is asked for under one derived key with one request, so there is at most one charge.
//   - P4: no key stays stuck: after the last fault it reaches its outcome within lease + recovery interval + call time-out.
//   - P5: nobody sees another tenant's responses, or that its keys exist.
//   - P6: what could not be stored is never executed again: in doubt the answer is 503 or 409, never a second effect.
//
// After the retention the key answers that it has expired; it is never executed again while its tombstone is kept.
//
// # Not guaranteed
//
//   - Freshness of a replay: it is the first answer. The present state is at the resource's own address.
//   - Once-only effects of a plain handler outside the transaction it was given: they may happen again after a crash.
//   - That a request is executed at all. A refusal (4xx other than 402, 5xx) spends no key and stores nothing.
//
// # The life of a record
//
//	(absent) --T1--> in_progress --T2--> completed --retention over--> expired --tombstone's retention over--> deleted
//	   |  ^-----taken back-----|            ^
//	   \------one transaction (Local)-------/
//
// No other arrow exists; in PostgreSQL a trigger says so.
//
// # Two kinds of request
//
// A [Local] effect lives in the store. Its writes, the record and the response bytes commit together:
//
//	gate    rate limit, look-up, hint            completed: replay; another's fresh hint: in flight
//	begin   try the key's lock, never wait; look the key up; the handler's guarded reads
//	commit  the handler's writes, the completed record
//	gate    publish
//	answer  only now
//
// When the gate knows nothing of the key, and the handler needs no reads, begin and commit travel together: the lock is
// tried and the key looked up by a guard that fails the transaction before anything is written. Then the two are taken
// apart, and for two seconds every key that the gate doesn't know is looked up first, by a read without a transaction.
//
// An external [Operation] (a charge) can't commit with the store, so it is claimed, called and settled:
//
//	T1      the record in progress, with claim id, fence 1 and a lease; the operation's rows; commit
//	call    the provider, holding no connection, with a deadline that leaves T2 its part of the lease
//	T2      the record completed WHERE it is in progress AND claim id and fence are mine, with all that follows; commit
//
// Every write after T1 carries state, claim id and fence. A process that was paused for longer than its lease and wakes
// up changes nothing and answers with what was stored meanwhile. Leases run on the store's clock, deadlines on the
// process's monotonic clock; no wall clock of a replica decides anything.
//
// # Failures
//
//	what happens                     what is left                    who goes on
//	crash before T1's commit         nothing                         the client's retry, as a first request
//	crash between T1 and T2          in progress, 0 or 1 charge      a retry or Recover, when the lease is over: look up, T2
//	crash after T2                   completed                       the retry replays
//	no clear answer to the call      completed with 202              the operation's own checks; the key keeps its 202
//	an answer the store refuses      completed with 202              the operation's own checks, and a person: an alert is logged
//	the call surely had no effect    nothing: the claim is taken     the client's retry, as a first request
//	                                 back by its first holder only
//	COMMIT sent, no answer (T1)      unknown                         Resolve waits for the key's lock, then reads the record
//	COMMIT sent, no answer (T2)      unknown                         Inspect reads it under its row lock; T2 again if still mine
//	COMMIT sent, no answer           unknown                         Inspect: gone is done, still mine is taken back again
//	(take-back)
//	deadlock, serialization failure  nothing                         run again, at most 3 times
//	the process sleeps past its      what the next holder stored     the sleeper answers with it
//	lease
//	the handler panics               nothing, or in progress         as a crash at that point
//	the gate is away, or lies        nothing                         everything passes to the store
//	the client hangs up              nothing changes                 the work ends under the server's own deadlines
//
// A hint before a key is removed as soon as its request is known to have no outcome. It is left to end by itself (a second)
// when the key is taken, or may be. A COMMIT's error that is not a definite refusal by the server is never read as a rollback.
//
// # Use
//
// Make an [Engine] of a store with [New] and call [Engine.Do] with the request and its [Work], or put Gin handlers behind
// it with package middleware. Call [Engine.Recover] every few seconds where there are external operations, and a
// [Sweeper] every minute. Package storetest holds a store to its obligations.
package idempotency
