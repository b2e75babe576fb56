// Package redis is the fast path of package idempotency: the look-up of completed responses, the in-flight marker, and the rate
// limit that all replicas share, in one round trip.
//
// # What Redis may do
//
//   - Replay a completed response. A value is served only when it authenticates itself: format version, tenant, key, fingerprint
//     and timeline, and an HMAC over all of it. What is over by the store's clock, or of another timeline, is a miss.
//   - Refuse a copy, when its key has a marker of another request, for a second at most, and unless the store says that the key is
//     completed.
//   - Count requests for the rate limit.
//
// Where it counts no requests, it is not asked about most keys of a tenant whose last keys it didn't know (misses.go): a first request
// saves a round trip, and repeated ones are answered by the store until Redis has known one, or the engine says that one was known.
//
// # What Redis may never do
//
//   - Let a request execute. A miss proves nothing, and the store decides.
//   - Stop the service. Each command has a deadline of its own, and a breaker stops asking a Redis that fails.
//
// # Failures
//
// The codes are those of the fault matrix (test/faults), which makes each of them happen at every step of a request;
// docs/guarantees.md has what clients see and what is left.
//
//	Redis                        what a request sees
//	refuses, breaks              nothing; after 5 failures in a row Redis is left alone for a second (F2). Look-ups that
//	                             wait at the same moment share a round trip; a connection that breaks is one failure
//	hangs                        at most 100 ms, until then (F3)
//	flushed, restarted           a miss, and no script: it is loaded again at once (F4)
//	failed over, lost writes     a miss; a left-over marker: 409 for a second at most (F5)
//	full, read-only, loading     as refusing (F6)
//	did it, the answer was lost  a miss; its own marker is never held against a request (F7)
//	returns a wrong value        a miss and a counter (F8)
package redis
