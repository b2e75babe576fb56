package main

// sessions has the mistakes in how PostgreSQL is spoken to: settings, half-sent batches, the watch, stale plans.
func sessions() []sabotage {
	return []sabotage{
		{
			name:   "no end for a half-sent batch",
			breaks: "a key and an order stay locked for as long as a half-open connection lives, hours by default",
			edits:  []edit{{"postgres.StuckSessions.look", `case now.Sub(since) >= stuckAfter:`, `case now.Sub(since) < 0:`}},
			caught: catch{"idempotency/postgres", "TestAHalfSentBatchIsEndedWithNothingDone", "sessions were ended within"},
		},
		{
			name:   "a batch on its way ended at once",
			breaks: "a transaction whose second half is a moment late is rolled back by the job that is to clean up",
			edits:  []edit{{"postgres.stuckAfter", `const stuckAfter = 5 * time.Second`, `const stuckAfter = 0`}},
			caught: catch{"idempotency/postgres", "TestABatchThatIsLateIsNotEnded", "ended 1 sessions"},
		},
		{
			name:   "the server's default isolation",
			breaks: "where the default is repeatable read, a COMMIT without an answer is taken for rolled back",
			edits:  []edit{{"session.Begin", `const Begin = "BEGIN " + Isolation`, `const Begin = "BEGIN"`}},
			caught: catch{"idempotency/postgres", "TestAnUnknownCommitIsFoundWhateverTheDefaultIsolation", "want the first one's outcome"},
		},
		{
			name:   "the claim id not kept",
			breaks: "a run that finds the claim of the run before it refuses its own client until the lease ends",
			edits:  []edit{{"idempotency.newRecord", `ClaimID: req.claimID, Fence: 1,`, `ClaimID: NewClaimID(), Fence: 1,`}},
			caught: catch{"idempotency", "TestACommitThatWasTakenForRolledBackIsKnownAgain", "a claim: got"},
		},
		{
			name:   "settings left to the database",
			breaks: "a database with another bytea_output or a short statement_timeout answers 500 and 503",
			edits:  []edit{{"session.New", "	maps.Copy(full.RuntimeParams, direct())\n", ""}},
			caught: catch{"idempotency/postgres/session", "TestSettingsOfADatabaseOrARoleHaveNoEffect", "bytea_output"},
		},
		{
			name:   "commits that are not on the disk",
			breaks: "where synchronous_commit is off, a crash of the server loses what was acknowledged",
			edits:  []edit{{"session.Durable", `set_config('synchronous_commit', 'on', true)`, `'off'`}},
			caught: catch{"idempotency/postgres/session", "TestWhatIsAcknowledgedIsOnTheDisk", "orders off"},
		},
		{
			name:   "a completion that is not on the disk",
			breaks: "where synchronous_commit is off, a crash of the server loses the outcome of a charge that was acknowledged",
			edits:  []edit{{"postgres.sqlComplete", "((SELECT count(*) FROM touched) * (` + durable + `)::int)", "(SELECT count(*) FROM touched)"}},
			caught: catch{"idempotency/postgres/session", "TestWhatIsAcknowledgedIsOnTheDisk", "idempotency_keys off"},
		},
		{
			name:   "a completion that reads first, and is not on the disk",
			breaks: "where synchronous_commit is off, a crash of the server loses the outcome of a capture or refund that was acknowledged",
			edits: []edit{{
				"postgres.opening", `return append([]statement{beginStatement(), {label: "durable", sql: "SELECT " + session.Durable}}, first...)`,
				`return append([]statement{beginStatement(), {label: "durable", sql: "SELECT 1"}}, first...)`,
			}},
			caught: catch{"test/e2e", "TestEachOperationIsOnTheDiskBeforeItIsAcknowledged", "without waiting for the disk"},
		},
		{
			name:   "a database of any encoding",
			breaks: "a name that the encoding doesn't have is a 500, long after the start",
			edits:  []edit{{"session.Check", `case encoding != "UTF8":`, `case encoding == "":`}},
			caught: catch{"idempotency/postgres/session", "TestADatabaseOfAnotherEncodingIsRefused", "want this database can't be used"},
		},
		{
			name:   "a blind watch believed",
			breaks: "while the watch's connections are silent a revoked key is accepted, and what a promotion lost is replayed",
			edits: []edit{{
				"postgres.PrimaryMonitor.current", `if last == nil || time.Since(last.began) > time.Duration(trustLooks*float64(m.interval)) {`, `if last == nil {`,
			}},
			caught: catch{"idempotency/postgres", "TestAMonitorBelievesNothingOld", "want nothing to be known"},
		},
		{
			name:   "a look counted from its answer",
			breaks: "an answer that was long on its way is believed for longer than the second that is promised",
			edits:  []edit{{"postgres.PrimaryMonitor.poll", `began: before, at: before.Add(trip / 2)}`, `began: time.Now(), at: before.Add(trip / 2)}`}},
			caught: catch{"idempotency/postgres", "TestAMonitorCountsFromBeforeItLooked", "want nothing to be known"},
		},
		{
			name:   "one connection for the watch",
			breaks: "a single silent connection makes every cache a miss, and every request look its API key up",
			edits:  []edit{{"postgres.monitorConns", `monitorConns = 2`, `monitorConns = 1`}},
			caught: catch{"idempotency/postgres", "TestAMonitorReadsPastASilentConnection", "known: false"},
		},
		{
			name:   "stale plans not sent again",
			breaks: "after a migration each connection answers 503 once for each of its statements",
			edits:  []edit{{"postgres.RetryStalePlan", `if err = do(); !stalePlan(err) {`, `if err = do(); true {`}},
			caught: catch{"repository", "TestAPlanThatAMigrationMadeStaleIsNotSeenByReaders", "cached plan must not change result type"},
		},
		{
			name:   "connections that have ended handed out",
			breaks: "after a restart of the database each connection in the pool answers one request with 503",
			edits:  []edit{{"session.reuse", `if closed(conn.PgConn().Conn()) {`, `if false {`}},
			caught: catch{"idempotency/postgres/session", "TestAPoolHandsOutNoConnectionThatHasEnded", "from a connection out of the pool"},
		},
	}
}
