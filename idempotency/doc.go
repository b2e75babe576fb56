// Package idempotency makes a request that is sent twice happen once.
//
// A client names each thing it wants done with a key of its own (the Idempotency-Key header) and sends the request again,
// under the same key, for as long as it has no answer. The engine sees to it that the thing is done once and that every
// copy gets the same answer. It knows no HTTP framework, no ORM and no cache: a [Store] alone decides, a [FastPath] may
// save it work, and package middleware translates to HTTP.
//
// # Glossary
//
//	tenant              the owner of keys; two tenants that send the same key never meet
//	key                 the client's name for one thing that is to be done; kept as its hash
//	fingerprint         a hash of all that decides what a request asks for; two requests under one key differ in it
//	copy                a request that is sent again with its key, by a client that has no answer or doubts it
//	record              what the store holds of one key: in progress, completed, expired or canceled
//	outcome             an answer that spends the key and is stored: 2xx and 402
//	replay              an outcome that is given once more; its source says where it was found
//	tombstone           an expired record: the response is gone, and that the key was used is still known
//	giving up           the request of a client that wants no effect of another key any more: the target
//	spent key           a target that no request had: a tombstone without a response, so that none will be executed
//	local effect        work in the store only: record, writes and response commit together
//	operation           an effect outside the store (a charge): claimed, called, completed
//	claim               the right to bring one record to its end, of one owner at a time
//	claim transaction   the first one of an operation: the record in progress, before the provider is asked
//	completion          the last one: the record completed, with all that follows from the answer
//	                    (also: the completion transaction)
//	lease               for how long a claim's owner is waited for
//	takeover            a claim whose lease is over gets another owner, who looks the operation up and completes it
//	fence               a number that grows with each takeover; a late owner's writes carry an old one and change nothing
//	release             a claim is given up, and its key free, because the call surely had no effect
//	fast path           a cache in front of the store (Redis): refuses, replays, and never lets a request execute
//	in-flight marker    what the fast path shows of a request that has begun; it lasts a second
//	local cache         completed records in the process (L1); the fast path is L2, the store L3
//	flight              a request that this process works on; its copies in the process wait for what it learns
//	leader              the first request of a flight, the only one of its process that asks the fast path and the store
//	single batch        a local effect, or a claim that reads nothing, that is sent in one round trip, without a look-up before it
//	primary             the store's server that takes writes: its clock and its timeline are those that count
//	timeline            changes when a standby becomes the primary and commits may be lost; caches forget then
//	step, span          a point of the protocol, and a part of it with a beginning and an end, as an [Observer] sees them
//
// # Guarantees
//
// For one tenant and one key, until the key's retention is over:
//
//   - P1: the effect happens exactly once, however many copies arrive, at however many replicas, whatever crashes.
//   - P2: once any client has an outcome (2xx or 402), every later copy gets the same status, bytes and replayed headers.
//   - P3: an external operation is asked for under one derived key with one request, so there is at most one charge.
//   - P4: no key stays stuck: after the last fault it reaches its outcome within the lease, the pause between two recoveries and
//     the deadline of a call, added up.
//   - P5: no request sees another tenant's responses, or that its keys exist.
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
//	(absent) --claim--> in_progress --completion--> completed --retention over--> expired --tombstone's retention over--> deleted
//	  ||  ^------release------|                         ^
//	  |\------------one transaction (Local)-------------/
//	  \--given up--> canceled --tombstone's retention over--> deleted
//
// No other arrow exists; in PostgreSQL a trigger says so.
//
// # Giving up
//
// A client whose request has no answer may want to be sure that it has no effect. It sends another request, under a key of its own,
// that gives the first key, the target, up ([Cancellations]). That one is a [Local] effect, replayed like any other, and
// in its transaction the target is
//
//	absent, its lock free    spent: a canceled record, committed with the response. The lock is held until then, so a request with the
//	                         target has committed before, and is found, or comes later, finds the record, and ends with a CanceledError
//	absent, its lock held    in flight: a transaction with the target, or another one that gives it up, has not ended
//	in progress              in flight, until its owner or recovery has completed it
//	completed or expired     for the caller to undo: in the same transaction, and marked with the time, or by an operation that is
//	                         executed in the Local's place ([Instead]). Response and replays stay
//	canceled                 spent already
//
// In flight the transaction ends without effect, like any that meets another one; a request that waits (Request.Wait) tries again. No
// lock of a second key is ever waited for, so requests that give up on each other's keys are both refused, and there is no deadlock.
// Row locks are taken in the order that holds everywhere: records first. A record in progress is never locked, because its owner must
// not wait.
//
// A spent key has no fingerprint: every request with it is refused, whatever it asks for. It is as unknown to other tenants as any key.
// The local cache and the fast path hold completed records only, and learn nothing: that a key is spent is always the
// store's word.
//
// # Two kinds of request
//
// A [Local] effect lives in the store. Its writes, the record and the response bytes commit together:
//
//	local cache  completed: replay. A copy of a request of this process waits for its look-up, or is in flight while it executes
//	bind         the route reads its work; a request that it refuses is looked up first, and leaves no marker
//	fast path    rate limit, look-up, in-flight marker. Completed: replay; another's marker: in flight, unless the store
//	             has an outcome
//	begin        try the key's lock, never wait; look the key up; the handler's conditional reads
//	commit       the handler's writes, the completed record
//	publish      to the local cache and the fast path, in the marker's place
//	answer       only now
//
// When the fast path knows nothing of the key, and the handler needs no reads, begin and commit travel as a single batch: the
// record is inserted first, by a statement that fails the transaction when the lock isn't free or the key is known. If the key was
// known after all, the two are taken apart, and for two seconds every key of this tenant that the fast path doesn't know is
// looked up first, by a read without a transaction. Work that must not run twice (Once) goes this way only if its one effect
// is the transaction (TxOnly): when the key is taken after all, it has run in vain, and its request is answered by the record.
//
// An [Operation] (a charge) can't commit with the store, so it is claimed, called and completed:
//
//	claim       the record in progress, with claim id, fence 1 and a lease; the operation's rows; commit
//	call        the provider, holding no connection, with a deadline that leaves the completion its part of the lease
//	completion  the record completed WHERE it is in progress AND claim id and fence are mine, with all that follows; commit
//
// A claim may find that something outside the store has to be ended first (a [PrerequisiteError]): its transaction ends without
// effect, that is done while no connection is held, and the work is begun once more.
//
// Every write after the claim transaction carries state, claim id and fence. A process that was paused for longer than its
// lease and wakes up changes nothing and answers with what was stored meanwhile. Leases run on the store's clock, deadlines on
// the process's monotonic clock; no wall clock of a replica decides anything.
//
// # Failures
//
//	what happens                      what is left                   what happens next
//	crash before the claim commits    nothing                        the client's retry runs as a first request
//	crash between claim and           in progress, 0 or 1 charge     when the lease is over, a retry or Recover looks the
//	completion                                                       operation up and completes it
//	crash after the completion        completed                      the retry is a replay
//	no clear answer to the call       completed with 202             the operation's own checks; the key keeps its 202
//	an answer that the store refuses  completed with 202             the operation's own checks, and a person: an alert is logged
//	the call surely had no effect     nothing: the first owner of    the client's retry runs as a first request
//	                                  the claim releases it
//	COMMIT without an answer: claim   unknown                        Resolve waits for the key's lock, then reads the record
//	or local effect
//	COMMIT without an answer:         unknown                        Inspect reads it under its row lock; still mine: complete it
//	completion                                                       again
//	COMMIT without an answer:         unknown                        Inspect: gone is done; still mine: release it again
//	release
//	deadlock, serialization failure   nothing                        run again, 3 times at most
//	a pause longer than the lease     what the next owner stored     the late owner answers with it
//	the handler panics                nothing, or in progress        as a crash at that point
//	the fast path is away, or wrong   nothing                        the store is asked for everything
//	the client hangs up               nothing changes                the work ends under the server's own deadlines
//	crash while a key is given up     nothing, or all of it          the client's retry gives it up, or is a replay
//
// The marker of a key is removed as soon as its request is known to have no outcome. It is left to end by itself (a second)
// when the key is taken, or may be. A COMMIT's error that is not a definite refusal by the server is never read as a rollback.
//
// # Use
//
// Make an [Engine] of a store with [New] and call [Engine.Do] with the request and its [Work], or [Engine.DoLazily] where the
// work has to be read from the request first, or put Gin handlers behind it with package middleware. [Engine.Run] does what
// is needed beside requests: [Engine.Recover] every few seconds where there are external operations, and its [Sweeper] every
// minute; a program that counts what it does may call those two itself, as payonce does. Package storetest holds a store to its obligations.
package idempotency
