package main

// requests has the mistakes between the socket and the engine.
func requests() []sabotage {
	return []sabotage{
		{
			name:   "copies of a storm all come at once",
			breaks: "a thousand copies of one request keep every other request waiting",
			edits:  []edit{{"middleware.pacer.enter", `c.here > freeCopies`, `c.here > 100*freeCopies`}},
			caught: catch{"middleware", "TestCopiesOfAStormComeOneAfterTheOther", "want them one after the other"},
		},
		{
			name:   "the body re-encoded on replay",
			breaks: "a copy gets other bytes than the first: a client that compares or verifies them is lost",
			edits: []edit{
				{
					"middleware.render", `c.Writer.WriteHeader(out.Response.Status)`,
					`if decoded := any(nil); out.Replayed() && json.Unmarshal(out.Response.Body, &decoded) == nil {
						out.Response.Body, _ = json.Marshal(decoded)
					}
					c.Writer.WriteHeader(out.Response.Status)`,
				},
			},
			imports: []string{"encoding/json"},
			caught:  catch{"middleware", "TestAPlainHandlerRunsOnceAndIsReplayed", "again: "},
		},
		{
			name:   "the socket written before the commit",
			breaks: "a client has a success in its hands whose COMMIT fails",
			edits:  []edit{{"middleware.Idempotency.runPlain", `c.Writer, c.Request = held, c.Request.WithContext(ctx)`, `c.Request = c.Request.WithContext(ctx)`}},
			caught: catch{"middleware", "TestNothingOfAProtectedResponseLeavesBeforeTheCommit", "200 early"},
		},
		{
			name:   "a cookie replayed",
			breaks: "a copy gets the session of the first one's sender",
			edits:  []edit{{"middleware.newReplayed", `"Last-Modified": true}`, `"Last-Modified": true, "Set-Cookie": true}`}},
			caught: catch{"middleware", "TestAPlainHandlerRunsOnceAndIsReplayed", "was replayed: "},
		},
		{
			name:   "a refusal stored",
			breaks: "a request that was refused for the moment is refused for a day",
			edits:  []edit{{"middleware.Idempotency.runPlain", `if failed || !idempotency.Storable(held.final()) {`, `if held.final() >= 500 {`}},
			caught: catch{"middleware", "TestAStatusThatIsNoOutcomeIsSentAndForgotten", "500 "},
		},
		{
			name:   "the first answer's headers dropped",
			breaks: "a compressed body arrives without Content-Encoding, a login without its cookie",
			edits:  []edit{{"middleware.Idempotency.run", `if held != nil && held.finished && out.Source == idempotency.SourceFirst {`, `if held != nil && false {`}},
			caught: catch{"middleware", "TestPlainHandlersAnswerAsWithoutProtectionAndAreReplayed/Protect", "cookies and headers of its own: the first answer"},
		},
		{
			name:   "CloseNotify inherited",
			breaks: "half a stream is committed when its client hangs up, and replayed as a whole 200",
			edits:  []edit{{"middleware.heldWriter.CloseNotify", `return make(chan bool) }`, `return w.real.CloseNotify() }`}},
			caught: catch{"middleware", "TestPlainStreamGoesOnWhenTheClientHangsUp", "want the whole stream"},
		},
		{
			name:   "a header of the middleware around stored",
			breaks: "a body that was compressed on its way out is replayed with a Content-Encoding that it hasn't",
			edits:  []edit{{"middleware.replayed.of", `(!w.changed(name) && values != nil)`, `false`}},
			caught: catch{"middleware", "TestPlainCopiesAreNotSaidToBeCompressedByTheMiddlewareAround", `which takes "": got Content-Encoding "gzip"`},
		},
		{
			name:   "the real writer handed out",
			breaks: "a handler that unwraps the writer sends before the commit",
			edits: []edit{{
				"middleware.heldWriter.Status", `func (w *heldWriter) Status() int   {`,
				"func (w *heldWriter) Unwrap() http.ResponseWriter { return w.real }\nfunc (w *heldWriter) Status() int {",
			}},
			caught: catch{"middleware", "TestHeldWriterLetsNoMethodReachTheClient", "has Unwrap"},
		},
		{
			name:   "a copy answered by work that ran in vain",
			breaks: "a handler that ran before its key was looked up answers a copy with an answer of its own",
			edits: []edit{{
				"idempotency.Engine.answerAfterRun", `		return e.answerFrom(ctx, req, found.Record)
	case !found.Mine:`, `		return failed(cause)
	case !found.Mine:`,
			}},
			caught: catch{"idempotency", "TestTxOnlyWorkOfATakenKeyIsAnsweredByItsRecord", "want the first response"},
		},
		{
			name:   "a plain handler run again after a lost race",
			breaks: "a handler that has consumed its request runs twice for it",
			edits: []edit{{
				"idempotency.Engine.runLocal", `case r.keyUnread && work.Once:`, `case r.keyUnread && false:`,
			}, {"idempotency.Engine.runLocal", "\t\truns = 1\n", "\t\truns = maxRuns\n"}},
			caught: catch{"idempotency", "TestTxOnlyWorkThatLosesARaceRunsOnce", "after 2 runs, want ErrUnavailable after 1"},
		},
		{
			name:   "a waiter's plain handler run again",
			breaks: "an empty transaction is committed with the response of a handler whose writes were rolled back",
			edits:  []edit{{"idempotency.Engine.runLocal", `if *req.ran {`, `if false {`}},
			caught: catch{"middleware", "TestPlainHandlerOfAWaiterIsNotStoredWithoutItsWrites", "want 503, one call and nothing stored"},
		},
		{
			name:   "a goroutine's statements let pass behind the COMMIT",
			breaks: "what a handler's goroutine writes late is committed by itself",
			edits:  []edit{{"postgres.ormLife.enter", `if l.over.Err() != nil {`, `if false {`}, {"postgres.ormLife.enter", "context.AfterFunc(l.over, cancel)", "_ = cancel"}},
			caught: catch{"middleware", "TestStatementsOfAGoroutineEndWithTheTransaction", "outside of a request's transaction"},
		},
		{
			name:   "a plain handler's read without its key's guard",
			breaks: "a handler that reads before the key was looked up does its work beside another one with the same key",
			edits:  []edit{{"postgres.Tx.open", `append(slices.Clone(begins.first), tx.queue...), nil`, `append(opening(), tx.queue...), nil`}},
			caught: catch{"idempotency/postgres", "TestATxBegunByItsFirstReadChecksItsKey/cache_statement", "the key is granted to another one"},
		},
		{
			name:   "the provider's signature not checked",
			breaks: "any client can play the provider: each forged notification costs a look-up, and the inbox fills",
			edits:  []edit{{"internal/inbox.Inbox.Receive", `if err := provider.Verify(signature, body, i.secrets, i.now()); err != nil {`, `if err := provider.Verify(signature, body, i.secrets, i.now()); err != nil && signature == "" {`}},
			caught: catch{".", "TestANotificationThatIsNotTheProvidersIsRefused", "an altered body: got 200"},
		},
		{
			name:   "an inbox that takes the same notification again",
			breaks: "a notification that is sent twice counts twice",
			edits:  []edit{{"repository.ProviderEvents.Store", `VALUES ($1, $2, $3, $4`, `VALUES ($1, $2::text || gen_random_uuid()::text, $3, $4`}},
			caught: catch{".", "TestTheSameNotificationAHundredTimesAtOnceCountsOnce", "100 events are stored, want 1"},
		},
		{
			name:   "a reader of events that passes open transactions",
			breaks: "an event whose transaction commits late is never shown to a poller",
			edits:  []edit{{"repository.Events.After", `pg_snapshot_xmin(pg_current_snapshot())`, `pg_snapshot_xmax(pg_current_snapshot())`}},
			caught: catch{"repository", "TestEventsOfATransactionThatCommitsLateAreNotSkipped", "the events are not those expected"},
		},
		{
			name:   "scopes not checked",
			breaks: "a key that may only read moves money",
			edits:  []edit{{"middleware.RequireScope", `if scopes == nil || !scopes.Allow(scope) {`, `if scopes == nil {`}},
			caught: catch{".", "TestAnAPIKeyOpensTheRoutesOfItsScopesAndNoOthers", "the key lacks"},
		},
		{
			name: "L1 serving before authentication",
			breaks: "the memory is asked behind the check of the API key, because the merchant comes from it; what can be skipped is " +
				"the look at revocations, and then a revoked key gets replays",
			edits:  []edit{{"repository.knownKey.believed", `return k.epoch == epoch && age < keyAge`, `return age < keyAge`}},
			caught: catch{".", "TestARevokedKeyIsRefusedWithinASecondAlsoOnReplays", "still accepted"},
		},
	}
}
