package main

// engine has the mistakes in package idempotency but those about COMMITs, which stand in commits.
func engine() []sabotage {
	const (
		flow     = "idempotency/engine.go"
		local    = "idempotency/local.go"
		external = "idempotency/external.go"
		prints   = "idempotency/fingerprint.go"
	)
	return []sabotage{
		{
			name:   "publish before commit",
			breaks: "a copy is told of an order that may never have been made",
			edits: []edit{{
				local, `if err := e.store.Complete(ctx, tx, rec); err != nil {`,
				`rec.State = Completed; e.publish(ctx, rec); if err := e.store.Complete(ctx, tx, rec); err != nil {`,
			}},
			caught: catch{
				"idempotency", "TestAnOutcomeIsPublishedAfterItsCommitAndBeforeTheResponse", "publish what is not committed",
			},
		},
		{
			name:   "the request's context in T2",
			breaks: "a client that hangs up after the charge keeps it from being recorded until recovery comes by",
			edits: []edit{
				{flow, `ctx = context.WithoutCancel(ctx)`, `ctx = context.WithValue(context.WithoutCancel(ctx), "request", ctx)`},
				{
					external, `return e.settle(ctx, req, *claim, op, answer, LevelFirst)`,
					`return e.settle(ctx.Value("request").(context.Context), req, *claim, op, answer, LevelFirst)`,
				},
			},
			caught: catch{"idempotency", "TestAClientThatHangsUpDoesNotReachTheWork", "T2 heard of the client"},
		},
		{
			name:   "the request's context in the call",
			breaks: "a client that hangs up cuts its own charge off halfway",
			edits:  []edit{{flow, `ctx = context.WithoutCancel(ctx)`, `_ = ctx`}},
			caught: catch{"idempotency", "TestAClientThatHangsUpDoesNotReachTheWork", "the call heard of the client"},
		},
		{
			name:   "hint released always",
			breaks: "copies of a request whose COMMIT was not answered crowd at Postgres instead of being refused by the hint",
			edits:  []edit{{flow, `hinted = !open`, `hinted = true || open`}},
			caught: catch{
				"idempotency", "TestACommitThatCannotBeResolvedReleasesAndSendsNothing",
				`the gate was told ["enter" "leave"], want ["enter"]`,
			},
		},
		{
			name:   "a take-back after a takeover",
			breaks: "a refused connection of the second holder frees a key under which the first may have charged",
			edits: []edit{{
				"idempotency/recover.go", `return e.settle(ctx, req, claim, op, answer, LevelTakeover)`,
				`if answer.Refused != nil { return e.takeBack(ctx, req, claim, op, answer, true) }
				return e.settle(ctx, req, claim, op, answer, LevelTakeover)`,
			}},
			caught: catch{"idempotency", "TestAfterATakeoverNothingIsTakenBack", "effects [prepared undone]"},
		},
		{
			name:   "lease margin ignored before sending",
			breaks: "the provider is asked when no time is left to record its answer, and the next holder may be asking already",
			edits:  []edit{{external, `claim.Until.Add(-e.opt.CompletionBudget)`, `claim.Until`}},
			caught: catch{"idempotency", "TestNobodyIsAskedWhenTheLeaseIsNearlyOver", "1 calls"},
		},
		{
			name:   "path missing in the fingerprint",
			breaks: "one key used for two routes replays the answer of the other one instead of 422",
			edits:  []edit{{prints, `b = appendPrefixed(b, path)`, `_ = path`}},
			caught: catch{"idempotency", "TestRequestsThatDifferHaveDifferentFingerprints", "have one fingerprint"},
		},
		{
			name:   "fingerprint not compared",
			breaks: "a key used for another request shows the answer of the first",
			edits:  []edit{{flow, `case rec.Fingerprint != req.Fingerprint:`, `case false:`}},
			caught: catch{"idempotency", "TestAnotherFingerprintIsRefusedOnlyByACommittedRecord", "afterwards: <nil>"},
		},
		{
			name:   "waiting while holding a connection",
			breaks: "each copy that waits at another replica keeps a transaction open, and the pool is eaten by waiters",
			edits: []edit{{
				external, `if !found.Mine {`, `if !found.Mine { if req.Wait > 0 { time.Sleep(min(req.Wait, e.opt.MaxWait)) }`,
			}},
			caught: catch{"idempotency", "TestACopyThatWaitsAtAnotherReplicaKeepsNoTransactionOpen", "2 transactions are open"},
		},
		{
			name:   "a panic leaves its transaction open",
			breaks: "the key and a connection stay taken until Postgres ends the idle transaction",
			edits:  []edit{{local, `ended := false`, `ended := true`}},
			caught: catch{"idempotency", "TestAPanicRollsBackAndGoesOn", "the key is not free"},
		},
	}
}

// commits has the mistakes about what a COMMIT came to, in the engine and in the driver's errors.
func commits() []sabotage {
	const (
		local    = "idempotency/local.go"
		external = "idempotency/external.go"
		errs     = "repository/errors.go"
		resolve  = `out, rec, err = e.resolve(ctx, req, rec)`
	)
	return []sabotage{
		{
			name:   "a COMMIT error treated as rolled back",
			breaks: "the answer to a COMMIT is lost, and the request ends as if nothing had happened: a hint less, a client misled",
			edits:  []edit{{errs, `if commits && !unsent(err) {`, `if commits && !unsent(err) && false {`}},
			caught: catch{"repository", "TestACommitWhoseAnswerIsLostIsUnknownAndThenFound", "and no other, is unknown"},
		},
		{
			name:   "the driver's \"conn closed\" believed",
			breaks: "in exec mode pgx says so of a connection that broke behind a COMMIT, and calls it safe to retry",
			edits:  []edit{{errs, ` && !errors.Is(err, pgconn.ErrConnClosed)`, ``}},
			caught: catch{"repository", "TestACommitWhoseAnswerIsLostIsUnknownAndThenFound", "and no other, is unknown"},
		},
		{
			name:   "a COMMIT error treated as rolled back by the engine (an order)",
			breaks: "the order's first request is answered as a replay of itself, at best",
			edits:  []edit{{local, `return e.resolve(ctx, req, rec)`, `return Outcome{}, nil, ErrSerialization`}},
			caught: catch{"idempotency", "TestAnUnknownCommitOfALocalEffectIsResolved", "doubt 1: postgres"},
		},
		{
			name:   "a COMMIT error treated as rolled back by the engine (T1)",
			breaks: "the request meets its own claim and is refused until the lease ends",
			edits:  []edit{{external, resolve, `err = ErrSerialization`}},
			caught: catch{"idempotency", "TestAnUnknownCommitOfAClaimIsResolvedBeforeAnybodyIsAsked", "still running"},
		},
		{
			name:   "a COMMIT error treated as committed",
			breaks: "the provider is asked although nothing in Postgres may tell of it: a crash now, and nobody looks for the charge",
			edits:  []edit{{external, resolve, `err = errClaimed`}},
			caught: catch{"idempotency", "TestACommitThatCannotBeResolvedReleasesAndSendsNothing", "1 calls"},
		},
		{
			name:   "a cancellation of COMMIT treated as rolled back",
			breaks: "Postgres reports a cancellation that arrived during COMMIT after it has committed",
			edits:  []edit{{errs, `server.Code == "57014" {`, `server.Code == "nothing" {`}},
			caught: catch{"repository", "TestOnlyADefiniteRefusalIsTakenForARollback", "a cancellation at COMMIT"},
		},
		{
			name:   "a server's FATAL treated as rolled back",
			breaks: "a shutdown between COMMIT and its answer looks like a refusal",
			edits:  []edit{{errs, `definite := ok && (server.Severity`, `definite := ok && (true || server.Severity`}},
			caught: catch{"repository", "TestOnlyADefiniteRefusalIsTakenForARollback", "a shutdown at COMMIT"},
		},
		{
			name:   "a record found without looking at claim_id",
			breaks: "after an unknown COMMIT somebody else's claim is taken for one's own, and both ask the provider",
			edits: []edit{
				{local, `case rec.ClaimID == mine.ClaimID && rec.State == Completed:`, `case rec.State == Completed:`},
				{local, `case rec.ClaimID == mine.ClaimID && rec.State == InProgress:`, `case rec.State == InProgress:`},
			},
			caught: catch{
				"idempotency", "TestARecordFoundAfterAnUnknownCommitIsItsHoldersAndNotOurs", "somebody else's claim was taken for ours",
			},
		},
		{
			name:   "retry of 40001 without reading again",
			breaks: "the second run decides by rows that the transaction which won the race has changed",
			edits: []edit{{
				local, `if run >= runs || !pause.wait(ctx) {`,
				`work = &Local[T]{Run: work.Run, Once: work.Once}
				if run >= runs || !pause.wait(ctx) {`,
			}},
			caught: catch{"idempotency", "TestALostRaceIsRunAgainWithReadsOfItsOwn", "local: 1 reads for 3 runs"},
		},
		{
			name:   "retry of 40001 without reading again (T1)",
			breaks: "a payment reserves an order that another one has just taken",
			edits: []edit{
				{
					external, `claim, out, rec, err := e.runClaim(ctx, req, op)`,
					`claim, out, rec, err := e.runClaim(ctx, req, op)
					op = readOnce[T]{op}`,
				},
				{
					external, `// errGone: the claim's record does not exist.`,
					`type readOnce[T any] struct{ Operation[T] }

func (readOnce[T]) Reads(T) {}

// errGone: the claim's record does not exist.`,
				},
			},
			caught: catch{"idempotency", "TestALostRaceIsRunAgainWithReadsOfItsOwn", "external: 1 reads for 3 runs"},
		},
		{
			name:   "answered before the commit",
			breaks: "a client is told of an order whose COMMIT may still fail",
			edits: []edit{{
				local, `if err := e.store.Complete(ctx, tx, rec); err != nil {`,
				`go func() { _ = e.store.Complete(context.WithoutCancel(ctx), tx, newRecord(req)) }()
				if err := error(nil); err != nil {`,
			}},
			caught: catch{"idempotency", "TestALostRaceIsRunAgainAtMostThreeTimes", "1 races: 1 runs, <nil>"},
		},
	}
}
