package main

// engine has the mistakes in package idempotency but those about COMMITs, which stand in commits.
func engine() []sabotage {
	return []sabotage{
		{
			name:   "publish before commit",
			breaks: "a copy is told of an order that may never have been made",
			edits: []edit{{
				"idempotency.Engine.commit", `if err := e.store.Commit(ctx, tx, rec); err != nil {`,
				`rec.State = Completed; e.publish(ctx, rec); if err := e.store.Commit(ctx, tx, rec); err != nil {`,
			}},
			caught: catch{
				"idempotency", "TestAnOutcomeIsPublishedAfterItsCommitAndBeforeTheResponse", "publish what is not committed",
			},
		},
		{
			name:   "the request's context in T2",
			breaks: "a client that hangs up after the charge keeps it from being recorded until recovery comes by",
			edits: []edit{
				{"idempotency.Engine.runLeader", `ctx = context.WithoutCancel(ctx)`, `ctx = context.WithValue(context.WithoutCancel(ctx), "request", ctx)`},
				{
					"idempotency.Engine.runExternal", `return e.complete(ctx, req, claim, op, answer, SourceFirst)`,
					`return e.complete(ctx.Value("request").(context.Context), req, claim, op, answer, SourceFirst)`,
				},
			},
			caught: catch{"idempotency", "TestAClientThatHangsUpDoesNotReachTheWork", "T2 heard of the client"},
		},
		{
			name:   "the request's context in the call",
			breaks: "a client that hangs up cuts its own charge off halfway",
			edits:  []edit{{"idempotency.Engine.runLeader", `ctx = context.WithoutCancel(ctx)`, `_ = ctx`}},
			caught: catch{"idempotency", "TestAClientThatHangsUpDoesNotReachTheWork", "the call heard of the client"},
		},
		{
			name:   "hint released always",
			breaks: "copies of a request whose COMMIT was not answered crowd at Postgres instead of being refused by the hint",
			edits:  []edit{{"idempotency.Engine.runLeader", `marked = !answer.keyTaken`, `marked = true`}},
			caught: catch{
				"idempotency", "TestACommitThatCannotBeResolvedReleasesAndSendsNothing",
				`the gate was told ["enter" "leave"], want ["enter"]`,
			},
		},
		{
			name:   "a take-back after a takeover",
			breaks: "a refused connection of the second holder frees a key under which the first may have charged",
			edits: []edit{{
				"idempotency.Engine.resume", `return e.complete(ctx, req, claim, op, answer, SourceTakeover)`,
				`if whole, ok := op.(Operation[T]); ok && answer.Refused != nil { return e.release(ctx, req, claim, whole, answer, true) }
				return e.complete(ctx, req, claim, op, answer, SourceTakeover)`,
			}},
			caught: catch{"idempotency", "TestAfterATakeoverNoClaimIsReleased", "effects [prepared undone]"},
		},
		{
			name:   "lease margin ignored before sending",
			breaks: "the provider is asked when no time is left to record its answer, and the next holder may be asking already",
			edits:  []edit{{"idempotency.Engine.call", `claim.Until.Add(-e.opt.CompletionBudget)`, `claim.Until`}},
			caught: catch{"idempotency", "TestTheProviderIsNotAskedWhenTheLeaseIsNearlyOver", "1 calls"},
		},
		{
			name:   "path missing in the fingerprint",
			breaks: "one key used for two routes replays the answer of the other one instead of 422",
			edits:  []edit{{"idempotency.computation.fingerprint", `b = appendPrefixed(b, request.path)`, ``}},
			caught: catch{"idempotency", "TestFingerprintsDecideWhatIsOneRequest", "another path: one request is true"},
		},
		{
			name:   "fingerprint not compared",
			breaks: "a key used for another request shows the answer of the first",
			edits:  []edit{{"idempotency.replay", `case !req.same(rec.Fingerprint):`, `case false:`}},
			caught: catch{"idempotency", "TestAnotherFingerprintIsRefusedOnlyByACommittedRecord", "afterwards: <nil>"},
		},
		{
			name:   "waiting while holding a connection",
			breaks: "each copy that waits at another replica keeps a transaction open, and the pool is eaten by waiters",
			edits: []edit{{
				"idempotency.Engine.claimAfterLookUp", `if !found.Mine {`, `if !found.Mine { if req.Wait > 0 { time.Sleep(min(req.Wait, e.opt.MaxWait)) }`,
			}},
			caught: catch{"idempotency", "TestACopyThatWaitsAtAnotherReplicaKeepsNoTransactionOpen", "2 transactions are open"},
		},
		{
			name:   "the own first transaction taken for a copy",
			breaks: "giving a key up is 409, although no copy runs, when the rollback of its first transaction is slow",
			edits:  []edit{{"idempotency.Engine.runInstead", `if r.inFlight() == nil ||`, `if true || r.inFlight() == nil ||`}},
			caught: catch{"idempotency", "TestAnOperationInsteadOfALocalEffectIsNotRefusedByTheLocalsOwnLock", "0 calls"},
		},
		{
			name:   "a panic leaves its transaction open",
			breaks: "the key and a connection stay taken until Postgres ends the idle transaction",
			edits:  []edit{{"idempotency.Engine.transactAfterLookUp", `ended := false`, `ended := true`}},
			caught: catch{"idempotency", "TestAPanicRollsBackAndGoesOn", "the key is not free"},
		},
	}
}

// copies has the mistakes about what a request is told of a key that others use or used.
func copies() []sabotage {
	return []sabotage{
		{
			name:   "a copy refused while the first one looks the key up",
			breaks: "most copies of a key that was completed long ago get 409",
			edits:  []edit{{"idempotency.Engine.follow", `if !e.flights.ended(patience, running) {`, `if e.flights.ended(patience, running); true {`}},
			caught: catch{"idempotency", "TestCopiesOfACompletedKeyAreAllReplayedAndTheStoresAreAskedOnce", "want map[replayed:"},
		},
		{
			name:   "a look-up that began before a copy came decides for it",
			breaks: "a client that has its answer sends a copy to another replica and is told that the key is in flight",
			edits:  []edit{{"idempotency.Engine.follow", `case here && conclusive(err):`, `case (here || true) && conclusive(err):`}},
			caught: catch{"idempotency", "TestACopyThatCameDuringALookUpIsNotRefusedByIt", "want map[replayed:20]"},
		},
		{
			name:   "copies that wait for a look-up without a bound",
			breaks: "a database that hangs gathers requests until the memory is full",
			edits:  []edit{{"idempotency.flights.room", `if f.following >= maxFollowers {`, `if false {`}},
			caught: catch{"idempotency", "TestCopiesThatWaitForALookUpAreBounded", "want map[in flight:903 replayed:4097]"},
		},
		{
			name:   "a hint believed over a completed key",
			breaks: "while one replica looks a completed key up, the others refuse it as in flight",
			edits:  []edit{{"idempotency.Engine.answerMarked", `if err != nil || rec == nil || rec.State == InProgress`, `if true || err != nil || rec == nil || rec.State == InProgress`}},
			caught: catch{"idempotency", "TestAMarkerOverACompletedKeyRefusesNoRequest", "want a replay"},
		},
		{
			name:   "the schema's refusal before the look-up",
			breaks: "a release with a stricter rule turns the replay of a charge into a 422 that looks final",
			edits: []edit{{
				"idempotency.Engine.refuse", `	known := e.opt.FastPath.Lookup(looked, req)`,
				`	if refusal != nil { return result{outcome: Outcome{KeyUnused: true}, err: refusal} }
	known := e.opt.FastPath.Lookup(looked, req)`,
			}},
			caught: catch{"idempotency", "TestARefusalComesAfterALookUp", "got refused, key unused true"},
		},
		{
			name:   "a miss in Redis taken for a look-up",
			breaks: "after a flush a client is told that a new key is safe, over a key that was used",
			edits: []edit{{
				"idempotency.Engine.refuse", `rec, busy, err := e.store.Probe(ctx, req.Tenant, req.KeyHash)`,
				`rec, busy, err := (*Record)(nil), false, ctx.Err()`,
			}},
			caught: catch{"idempotency", "TestARefusalComesAfterALookUp", "got refused, key unused true"},
		},
		{
			name:   "a key in use taken for an unused one",
			breaks: "a client is told that a new key is safe while a copy under the old one is about to commit",
			edits:  []edit{{"idempotency.Engine.refuse", `case busy, known.InFlight:`, `case false && busy:`}},
			caught: catch{"idempotency", "TestARefusalComesAfterALookUp", "held by a transaction: got refused"},
		},
		{
			name:   "`safe_new_key` by code",
			breaks: "429 over a payment that is running says that a new key is safe, and the customer is charged twice",
			edits:  []edit{{"problem.New", `SafeNewKey: f.newKey == always,`, `SafeNewKey: f.newKey != never,`}},
			caught: catch{"internal/problem", "TestEveryCodePromisesWhatTheTableSays", "order-not-payable"},
		},
		{
			name:   "what is known of a key lost on the way",
			breaks: "no refusal ever says that a new key is safe",
			edits:  []edit{{"middleware.Idempotency.run", `state.keyUnused = out.KeyUnused`, ``}},
			caught: catch{".", "TestSafeNewKeyIsWhatIsKnownOfTheKey", "safe_new_key is false, want true"},
		},
		{
			name:   "an earlier release's fingerprint taken for another request's",
			breaks: "an upgrade turns replays into 422 idempotency-key-reused",
			edits:  []edit{{"idempotency.Request.same", `r.Earlier != nil && slices.Contains(r.Earlier(), recorded)`, `r.Earlier != nil && slices.Contains(r.Earlier()[:0], recorded)`}},
			caught: catch{"idempotency", "TestARecordUnderAnEarlierFingerprintIsItsRequests", "computed as then: got reused"},
		},
		{
			name:   "one merchant's reused keys slow all others",
			breaks: "after one wrong guess every merchant's requests cost a round trip more",
			edits:  []edit{{"idempotency.cacheTrust.suspected", `return now < c.suspects[tenant]`, `return now < c.last.Load()`}},
			caught: catch{"idempotency", "TestAWrongGuessSlowsItsOwnTenantOnly", "tenant 2: 1 look-ups"},
		},
		{
			name:   "a replay from the store is published to a cache that is not asked",
			breaks: "while Redis knows none of a merchant's keys, each replay costs a write there that nobody reads",
			edits:  []edit{{"idempotency.Engine.findBeforeWrite", `r.cachedHere = req.assumed && r.record == rec`, ``}},
			caught: catch{"idempotency", "TestAKeyThatTheFastPathWasNotAskedForIsReadAndKeptHere", "the gate was told [\"enter\" \"publish\"]"},
		},
		{
			name:   "a look-up that meets a key which was taken for new is not told",
			breaks: "a client that sends its payments again reaches PostgreSQL with each of them, although Redis has the answers",
			edits:  []edit{{"idempotency.Engine.answerFound", `e.notNew(req, rec)`, ``}},
			caught: catch{"idempotency", "TestAFastPathThatAssumedHearsOfALookUpThatMeetsTheKey", "want [\"enter\" \"known\" \"publish\"]"},
		},
		{
			name:   "an escape of a path taken for another request",
			breaks: "a client that sends its request again through another library gets 422 instead of its answer",
			edits:  []edit{{"idempotency.oneSpelling", `s.path = plainUnreserved(s.path)`, ``}},
			caught: catch{"idempotency", "TestFingerprintsDecideWhatIsOneRequest", "unreserved characters escaped: one request is false"},
		},
	}
}

// commits has the mistakes about what a COMMIT came to, in the engine and in the driver's errors.
func commits() []sabotage {
	const resolve = `r = e.resolve(ctx, req)`
	return []sabotage{
		{
			name:   "a COMMIT error treated as rolled back",
			breaks: "the answer to a COMMIT is lost, and the request ends as if nothing had happened: a hint less, a client misled",
			edits:  []edit{{"postgres.classify", `if commits && !unsent(err) {`, `if commits && !unsent(err) && false {`}},
			caught: catch{"idempotency/postgres", "TestACommitWhoseAnswerIsLostIsUnknownAndThenFound", "and no other, is unknown"},
		},
		{
			name:   "the driver's \"conn closed\" believed",
			breaks: "in exec mode pgx says so of a connection that broke behind a COMMIT, and calls it safe to retry",
			edits:  []edit{{"postgres.unsent", ` && !errors.Is(err, pgconn.ErrConnClosed)`, ``}},
			caught: catch{"idempotency/postgres", "TestACommitWhoseAnswerIsLostIsUnknownAndThenFound", "and no other, is unknown"},
		},
		{
			name:   "a COMMIT error treated as rolled back by the engine (an order)",
			breaks: "the order's first request is answered as a replay of itself, at best",
			edits: []edit{
				{"idempotency.Engine.runLocal", resolve, `r.err = ErrSerialization`},
				{"idempotency.newRecord", `ClaimID: req.claimID`, `ClaimID: NewClaimID()`}, // which would find it again
			},
			caught: catch{"idempotency", "TestAnUnknownCommitOfALocalEffectIsResolved", "doubt 1: postgres"},
		},
		{
			name:   "a COMMIT error treated as rolled back by the engine (T1)",
			breaks: "the request meets its own claim and is refused until the lease ends",
			edits:  []edit{{"idempotency.Engine.claim", resolve, `r.err = ErrSerialization`}, {"idempotency.newRecord", `ClaimID: req.claimID`, `ClaimID: NewClaimID()`}},
			caught: catch{"idempotency", "TestAnUnknownCommitOfAClaimIsResolvedBeforeAnybodyIsAsked", "still running"},
		},
		{
			name:   "a COMMIT error treated as committed",
			breaks: "the provider is called although Postgres may have no record of it: after a crash no job looks for the charge",
			edits:  []edit{{"idempotency.Engine.claim", resolve, `r = result{claim: newRecord(req).claimed(time.Now().Add(e.opt.Lease))}`}},
			caught: catch{"idempotency", "TestACommitThatCannotBeResolvedReleasesAndSendsNothing", "1 calls"},
		},
		{
			name:   "a cancellation of COMMIT treated as rolled back",
			breaks: "Postgres reports a cancellation that arrived during COMMIT after it has committed",
			edits:  []edit{{"postgres.classify", `server.Code == "57014" {`, `server.Code == "nothing" {`}},
			caught: catch{"idempotency/postgres", "TestOnlyADefiniteRefusalIsTakenForARollback", "a cancellation at COMMIT"},
		},
		{
			name:   "a server's FATAL treated as rolled back",
			breaks: "a shutdown between COMMIT and its answer looks like a refusal",
			edits:  []edit{{"postgres.classify", `definite := ok && (server.Severity`, `definite := ok && (true || server.Severity`}},
			caught: catch{"idempotency/postgres", "TestOnlyADefiniteRefusalIsTakenForARollback", "a shutdown at COMMIT"},
		},
		{
			name:   "a record found without looking at claim_id",
			breaks: "after an unknown COMMIT a request takes another one's claim for its own, and both call the provider",
			edits:  []edit{{"idempotency.Request.committed", `return rec.ClaimID == r.claimID && rec.Fence == 1`, `return true`}},
			caught: catch{
				"idempotency", "TestARecordFoundAfterAnUnknownCommitIsItsOwnersAndNotOurs", "another request's claim was taken for ours",
			},
		},
		{
			name:   "retry of 40001 without reading again",
			breaks: "the second run decides by rows that the transaction which won the race has changed",
			edits: []edit{{
				"idempotency.Engine.runLocal", `case run >= runs || !pause.wait(ctx):`,
				`case func() bool { work = &Local[T]{Run: work.Run, Once: work.Once}; return false }():
				case run >= runs || !pause.wait(ctx):`,
			}},
			caught: catch{"idempotency", "TestALostRaceIsRunAgainWithReadsOfItsOwn", "local: 1 reads for 3 runs"},
		},
		{
			name:   "retry of 40001 without reading again (T1)",
			breaks: "a payment reserves an order that another one has just taken",
			edits: []edit{
				{
					"idempotency.Engine.claim", `r = e.tryClaim(ctx, req, op)`,
					`r = e.tryClaim(ctx, req, op)
					op = readOnce[T]{op}`,
				},
				{
					"idempotency.Engine.call", "func (e *Engine[T]) call(ctx context.Context, claim Claim, op Operation[T]) (answer Answer, sent bool) {",
					`type readOnce[T any] struct{ Operation[T] }

func (readOnce[T]) Reads(T) {}

func (e *Engine[T]) call(ctx context.Context, claim Claim, op Operation[T]) (answer Answer, sent bool) {`,
				},
			},
			caught: catch{"idempotency", "TestALostRaceIsRunAgainWithReadsOfItsOwn", "external: 1 reads for 3 runs"},
		},
		{
			name:   "answered before the commit",
			breaks: "a client is told of an order whose COMMIT may still fail",
			edits: []edit{{
				"idempotency.Engine.commit", `if err := e.store.Commit(ctx, tx, rec); err != nil {`,
				`kept := *rec
				go func() { _ = e.store.Commit(context.WithoutCancel(ctx), tx, &kept) }()
				if err := error(nil); err != nil {`,
			}},
			caught: catch{"idempotency", "TestALostRaceIsRunAgainAtMostThreeTimes", "1 races: 1 runs, <nil>"},
		},
	}
}
