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
//	model                    code
//	send, enter, tell        Engine.attempt and runLeader, redis.Cache, replay                   fastpath.go
//	meet, marked             Engine.follow, Engine.answerMarked                                  refuse.go
//	sendInvalid, advises     Engine.refuse, Outcome.KeyUnused (safe_new_key)                     refuse.go
//	begin, seen              Store.Begin, Engine.tryClaim, transactAfterLookUp, answerFrom       first.go
//	commitFirst, resolve     Store.Claim, Store.Commit, Engine.resolve                           first.go
//	call, resend, wake       Operation.Call, operation.resend                                    provider.go
//	atWork, means, cancel    a provider that takes its time, interpretIntent, cancelUntried      onway.go
//	find                     Client.Find                                                         onway.go
//	complete, inspect, lose  Engine.complete, inspect and answerFromCurrent, Store.Complete      completion.go
//	release                  Engine.release, Store.Release                                       completion.go
//	takeOver, lookUp         Store.TakeOver and TakeOverDue, Engine.resume, Resumption.LookUp    recovery.go
//	giveUp                   giveUp.run in handlers, Store.Target and Store.Cancel                given_up.go
//	claimDue .. applyFound   Attempts.ClaimDue, Driver.check, missing, review, conclude          recovery.go
//	half                     a batch that arrives in part, and the job that ends its session     half.go
//	environment, faults      time, the network, a server that goes on; crashes, Redis, failover  environment.go, fault.go
//	check, ended             the promise: safety, liveness                                       check.go, live.go
//
// A first transaction is the claim transaction of an operation, or all of a local effect; the completion is the transaction that
// ends a claim. A marker stands in Redis before a key that is in flight.
//
// A process stands at a pc; the pc names the function that it calls next. Everything between two pcs is one step.
//
// # The model and the engine
//
// The model would prove nothing if the engine did something else. So traces of the model are replayed on the real
// idempotency.Engine (conform_test.go): its store, cache and provider are fakes whose calls wait until the trace goes on
// with them, in a bubble of testing/synctest. After each step both must agree on where each process stands (the call that it
// waits in), on records, payments, charges, Redis and L1, and on each answer: the outcome and what served it, or the refusal
// and whether the key is known to be free, and on what an observer saw last. So the engine makes no call that the model has
// no place for, and omits none. The fakes keep locks, guards and caches by rules of their own, and learn from the model only
// what happens without the engine: time, the network, checks, faults. Between the steps, calls fail that the engine makes
// again, and requests arrive that are refused: the model has no step for either, and nothing may change.
//
// Replayed are all short traces of small configurations, traces that take every transition of some, and long random ones of all
// standard configurations. A test shows that a wrong engine and a wrong model are noticed. What touches the engine's interfaces
// stands in conform_engine_test.go. Not compared, because the engine has no part in it: checks of an attempt after the 202
// (operations), which lookups see at the provider, and the stores themselves. The model has no limit of three runs, no durations
// and no transactions that are sent whole, so traces keep to three runs and the fakes offer none.
//
// # What is checked
//
// In every world: at most one charge per provider key, request, key, and order; at most one payment per key and one live
// payment per order; each charge belongs to a payment, each succeeded payment has its charge and one ledger entry, a failed
// one has neither; a record and its payment agree; whatever a client was told or a cache holds is committed, and all clients
// of a key were told the same. In every step: a record moves along a permitted arrow; the writer under a claim holds it;
// nothing is released after a takeover, taken over before its lease ends, taken for one's own without the claim id, or
// believed rolled back although it is committed or may be; the unique keys are nets that nothing ever falls into. In every
// answer: a copy of a request whose outcome is stored is replayed, unless a rate is exceeded or its replica executes the
// same key at that moment; and safe_new_key is said only where the key has no record and no transaction that could make one; that
// ends with the key's tombstone (IDEMPOTENCY_TOMBSTONE_RETENTION).
//
// After a promotion that lost commits (F13) the promise is weaker: one charge per request, rows that agree with each other,
// and one answer from then on. What the database lost is for reconciliation. It may be charged for again by a request that
// would have been refused before: the same key with another body, or another key for the same order.
//
// From every world, when the faults are over: each fair run brings every record, payment and process to its end, without
// any help of clients; and with clients that send again, every key to an outcome. The end of a payment is its outcome or, past
// RESEND_MAX_AGE, needs_review. Fair means: an actor that can move all the time does so in the end, time passes, and a
// process that waits for a lock gets it, because locks have queues. A strongly connected component in which a fair run could
// stay would be a counterexample, and so would a world that nothing leads out of; that includes what is often asked for
// alone, that an end can be reached from everywhere. Unfair and excluded are owners that oversleep one lease after the
// other for ever.
//
// # What is left to chance
//
// Free, in any number: the order of all steps; when leases, markers, replays and tombstones end, also while their owners
// live (that is SIGSTOP, and a clock that jumps); to which replica a client sends, and how often; what the provider says,
// how long it shows an intent on the way (untried, confirming), whether it goes on with an untried one at all, and whether
// it accepts one copy of a request and refuses the other; when a request or a batch in the network arrives, and whether.
// Counted as a fault: kill -9 of a replica; each lost, refused or timed-out call of Postgres, Redis or the provider, before
// and after it had its effect; a batch of which only the first part arrives and whose connection stays open; a lost race
// (40001); a Redis that is flushed, restored, or lies; a standby that falls behind (its promotion is free then); a provider
// that forgets a key, charges twice by its own mistake, or whose list can't be read any more; a store that refuses the
// provider's answer.
//
// # What is left out, and why that hides nothing
//
//   - Worlds that differ only in the names of replicas or of copies of one request are one (symmetry.go). A test compares
//     with a search that keeps them apart.
//   - A world is visited with the fewest faults that lead to it: what follows with more is possible with fewer.
//   - Neighbouring steps are one where what lies between them can't be told from before or after: FastPath.LookupAndMark and
//     Store.Begin (a marker only refuses, and a refusal changes nothing); a look at a record, and its takeover (losing that
//     race is a 409); the completion's commit, publish and answer (both read what never changes again; a crash in between is
//     a crash that the completion outlives); a lost claim and the look at the current record; a rolled-back first
//     transaction and its next run, which is a new arrival. The configurations "nothing merged" (Config.Fine) take each of
//     them apart.
//   - A refusal changes nothing, so it is a step only where it breaks a promise (refuse.go).
//   - The lease of an owner that is gone ends at once: until then every other one would only be refused.
//   - Redis and L1 stand in some configurations only. All that they can do is replay what is committed and refuse; each
//     of their steps can be taken without them.
//   - A row lock that is held within one batch is held for no time; a backend that still executes such a batch is a batch
//     that was executed before or after. The locks of a first transaction are held, and waited for, from Begin to COMMIT. A
//     batch that arrives in part holds all locks of its transaction until its session is ended: with fewer of them, others
//     wait for less. Halves are those of first transactions, completions, releases and Apply; half a Begin or half a
//     takeover holds one of the same locks.
//   - At most one batch per key is on its way to Postgres, and one request under each provider key to the provider. A second
//     one finds what the first left.
//   - Recovery and checks are one process per replica, which works on one operation at a time.
//   - The pause between two "not found" is no step: it may have passed at any moment.
//   - The states on the way are two, as the protocol treats them: what was not tried yet (requires_payment_method without an
//     error, requires_confirmation), which may stay so for ever and may be canceled, and what the provider ends by itself
//     (processing, and every unknown word).
//   - A look-up goes through the list, also where a reference is known: to ask by name fails less often.
//
// # What is taken for granted
//
// [Assumption] lists two facts about the provider and the network; a test shows for each what happens without it.
//
//   - The provider keeps keys (Stripe: 24 hours at least) for longer than RESEND_MAX_AGE (15 minutes). Without it a re-send
//     is a second charge.
//   - No request is in the network, or in a process that sleeps between its last look at the clock and its write, for as long
//     as the provider keeps keys. Without it that request is a second charge. A process that sleeps before that last look
//     needs no assumption: it finds its time over and sends nothing.
//
// That a claim id is kept in all runs of a request is a net under another one: with the isolation level pinned, what is
// resolved as rolled back is rolled back, and a new claim id per run would do no harm. Only when both are taken out is a
// request refused as in flight by its own record, until the lease ends; the money is safe even then. A test tries both.
//
// # What is not modelled
//
// Bytes of responses, streams that are cut, rate limits, Prefer: wait, connection pools, how long it takes to notice a
// revoked key or a promotion, what undoes a payment whose key was given up (operations/undo.go; here only keys that nothing is known
// of are given up), which keys are asked for first after Redis lost its values, earlier versions of the fingerprint,
// the circuit breakers (they refuse before anything has begun), requires_action, wrong amounts, captures, refunds and voids,
// webhooks, more than two keys. Windows and pages of the provider's list: a look-up reads all of it, or nothing. Two Postgres
// that both take writes. The limit of three runs after lost races, and all other durations: that half a batch is ended within
// 15 s, and P4's bound, are for tests of the running service; here both end at last.
//
// # Reading a trace
//
// Each line is one step: who, what, and the function in the code. [fault] marks what counts as one. The line below tells
// what changed in Postgres, at the provider, in Redis, and in what clients know; nothing of it means that only a process
// moved. K1 and K2 are Idempotency-Keys; "held by" is claim_id and fence; provider keys are numbered.
package model
