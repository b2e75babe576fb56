// Package model checks the protocol of payonce by looking at every interleaving.
//
// The protocol (idempotency/doc.go, operations, repository) is written down a second time as a small state machine: two or
// three requests, two replicas with recovery, L1, Redis, Postgres and the provider. [Explore] visits every world that the
// machine can reach with up to three faults and checks the promise in each; [Complete] looks from each into the future
// without faults. Each protection of the protocol is a switch ([Sabotage]); without it the search has to find a broken
// world, and prints the shortest way there. `go run ./test/model/cmd` prints all of it as tables.
//
// # Reading code and model side by side
//
//	model                  code
//	send, enter, tell      Engine.once, Engine.lead, RedisGate.Enter and Publish, answer       gate.go
//	begin, seen            Store.Begin, Engine.runClaim, Engine.runLocal, Engine.seen          first.go
//	commitFirst, resolve   Store.Claim, Store.Complete, Engine.resolve                         first.go
//	call, resend           Operation.Call, Payments.resend                                     provider.go
//	settle, inspect, lose  Engine.settle, Store.Settle, Engine.inspect, Engine.winner          settle.go
//	takeBack               Engine.takeBack, Store.TakeBack                                     settle.go
//	takeOver, lookUp       Store.TakeOver and TakeOverDue, Engine.resume, Operation.LookUp     recovery.go
//	claimDue .. applyFound Attempts.ClaimDue, Payments.check, missing, conclude, giveUp        recovery.go
//	environment, faults    time, the network, a server that goes on; crashes, Redis, failover  environment.go, fault.go
//	check, ended           the promise: safety, liveness                                       check.go, live.go
//
// A process stands at a pc; the pc names the function that it calls next. Everything between two pcs is one step.
//
// # What is checked
//
// In every world: at most one charge a provider key, a request, a key, and an order; at most one payment a key and one live payment an
// order; each charge belongs to a payment, each succeeded payment has its charge and one ledger entry, a failed one has
// neither; a record and its payment agree; whatever a client was told or a cache holds is committed, and all clients of a
// key were told the same. In every step: a record moves along a permitted arrow; whoever writes under a claim holds it;
// nothing is taken back after a takeover, taken over before its lease ends, taken for one's own without the claim id, or
// believed rolled back while it may be committed; the unique keys are nets that nothing ever falls into.
//
// After a promotion that lost commits (F13) the promise is weaker: one charge a request, rows that agree with each other,
// and one answer from then on. What the database lost is for reconciliation. It may be charged for again by a request that
// would have been refused before: the same key with another body, or another key for the same order.
//
// From every world, when the faults are over: each fair run brings every record, payment and process to its end, without
// any help of clients; and with clients that send again, every key to an outcome. Fair means: an actor that can move all
// the time does so in the end, and a process that waits for a lock gets it, because locks have queues. A strongly connected
// component in which a fair run could stay would be a counterexample, and so would a world that nothing leads out of; that
// includes what is often asked for alone, that an end can be reached from everywhere. Unfair and excluded are holders that
// oversleep one lease after the other for ever.
//
// # What is left to chance
//
// Free, in any number: the order of all steps; when leases, hints, replays and tombstones end, also while their holders
// live (that is SIGSTOP, and a clock that jumps); to which replica a client sends, and how often; what the provider says;
// when a request or a batch in the network arrives, and whether. Counted as a fault: kill -9 of a replica; each lost,
// refused or timed-out call of Postgres, Redis or the provider, before and after it had its effect; a lost race (40001);
// a Redis that is flushed, restored, or lies; a standby that falls behind (its promotion is free then); a provider that
// forgets a key.
//
// # What is left out, and why that hides nothing
//
//   - Worlds that differ only in the names of replicas or of copies of one request are one (symmetry.go). A test compares
//     with a search that keeps them apart.
//   - A world is visited with the fewest faults that lead to it: what follows with more is possible with fewer.
//   - Neighbouring steps are one where what lies between them can't be told from before or after: Gate.Enter and
//     Store.Begin (a hint only refuses, and a refusal changes nothing); a look at a record, and its takeover (losing that
//     race is a 409); T2's commit, publish and answer (both read what never changes again; a crash in between is a crash that
//     T2 outlives); a lost claim and the look at the winner; a rolled-back T1 and its next run, which is a new arrival.
//     The configurations "nothing merged" (Config.Fine) take each of them apart.
//   - The lease of a holder that is gone ends at once: until then everybody would only be refused.
//   - Redis and L1 stand in some configurations only. All that they can do is replay what is committed and refuse; each
//     of their steps can be taken without them.
//   - A row lock that is held within one batch is held for no time; a backend that still executes such a batch is a batch
//     that was executed before or after. The locks of T1 are held, and waited for, from Begin to COMMIT.
//   - At most one batch a key is on its way to Postgres, and one request under each provider key to the provider. A second
//     one finds what the first left.
//   - Recovery and checks are one process a replica, which works on one operation at a time.
//   - The pause between two "not found" is no step: it may have passed at any moment.
//
// # What is taken for granted
//
// [Assumption] lists three facts about the provider and the network; a test shows for each what happens without it.
//
//   - What the provider refuses as a request (400, 404, 422) it refuses whenever a copy of it arrives. The bytes are the
//     same, so only a change at the provider between two copies could make the second one good. Without it a re-send that
//     is refused ends the payment as failed, and the first send, still in a network or in a process that sleeps, charges.
//   - The provider keeps keys (Stripe: 24 hours at least) for longer than RESEND_MAX_AGE (15 minutes). Without it a re-send
//     is a second charge.
//   - No request is on its way, in a network or in a process that sleeps between its look at the clock and its write, for as
//     long as the provider keeps keys. Without it that request is a second charge.
//
// # What is not modelled
//
// Bytes of responses, rate limits, Prefer: wait, connection pools, the circuit breakers (they refuse before anything has
// begun), requires_action, wrong amounts, captures, refunds and voids, webhooks, more than two keys. Two Postgres that
// both take writes. The limit of three runs after lost races, and all other durations.
//
// # Reading a trace
//
// Each line is one step: who, what, and the function in the code. [fault] marks what counts as one. The line below tells
// what changed in Postgres, at the provider, in Redis, and in what clients know; nothing of it means that only a process
// moved. K1 and K2 are Idempotency-Keys; "held by" is claim_id and fence; provider keys are numbered.
package model
