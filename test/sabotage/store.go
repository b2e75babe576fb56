package main

const (
	recordsDDL = "idempotency/postgres/schema/idempotency_keys.sql"
	rulesDDL   = "idempotency/postgres/schema/idempotency_keys_4.sql" // what every record keeps to, and how it may change
)

// store has the mistakes in how records and units are read and written.
func store() []sabotage {
	return []sabotage{
		{
			name:   "no fence in T2",
			breaks: "of the two things that tell a holder from its successor one is gone; the claim id still does",
			edits:  []edit{{"postgres.whereClaim", ` AND fence = $4`, ` AND $4::bigint > 0`}},
			caught: kept("neither claim id nor fence alone is the claim", "written under a wrong claim"),
		},
		{
			name:   "neither fence nor claim id in T2",
			breaks: "a process that slept beyond its lease ends the record under the hands of its successor",
			edits:  []edit{{"postgres.whereClaim", ` AND claim_id = $3 AND fence = $4`, ` AND $3::uuid IS NOT NULL AND $4::bigint > 0`}},
			caught: catch{"test/e2e", "TestAFrozenProcessLeavesTheRecordToItsSuccessor", "the late process ended what its successor holds"},
		},
		{
			name:   "no state in T2",
			breaks: "a record is settled a second time; made real by taking its state out of the trigger idempotency_guard, too",
			edits: []edit{
				{"postgres.whereClaim", ` AND state = 'in_progress' AND claim_id`, ` AND claim_id`},
				{rulesDDL, `ELSIF OLD.state = 'completed' AND NEW.state = 'expired' AND NEW.canceled_at IS NOT DISTINCT FROM OLD.canceled_at THEN`, `ELSIF OLD.state = 'completed' THEN`},
			},
			caught: kept("a claim is completed once", "the second completion left something"),
		},
		{
			name:   "a guard in the last batch that doesn't raise",
			breaks: "the COMMIT behind an UPDATE that touched no row still commits everything else",
			edits:  []edit{{"postgres.raiseUnlessAffected", `SELECT 1/count(*) FROM touched`, `SELECT count(*) FROM touched`}},
			caught: kept("a write that touches no row rolls back the record with it", "a write that touched no row was completed"),
		},
		{
			name:   "the key's guard of a whole transaction doesn't raise",
			breaks: "a copy of an order that is being made waits for it with a connection in its hand, instead of being refused",
			edits:  []edit{{"postgres.sqlInsertFirst", `WHERE 1/pg_try_advisory_xact_lock($15::bigint)::int = 1`, `WHERE 1+0*pg_try_advisory_xact_lock($15::bigint)::int = 1`}},
			caught: kept("in a single batch, a key in use is neither had nor waited for", "a key in use:"),
		},
		{
			name:   "the key's guard of a whole claim doesn't raise",
			breaks: "the provider is called for a key that another transaction holds, which may be giving it up",
			edits:  []edit{{"postgres.sqlClaimFirst", `WHERE 1/pg_try_advisory_xact_lock($12::bigint)::int = 1`, `WHERE 1+0*pg_try_advisory_xact_lock($12::bigint)::int = 1`}},
			caught: kept("in a single batch, a key in use is neither had nor waited for", "a key in use was claimed"),
		},
		{
			name:   "a single batch that is refused for the server's sake is the end",
			breaks: "while PostgreSQL is read-only or full, a key without its value in Redis gets 503 instead of its replay",
			edits:  []edit{{"postgres.Tx.commitFirst", `if err != nil && takesNoWrites(err) {`, `if err != nil && takesNoWrites(err) && tx == nil {`}},
			caught: catch{"idempotency/postgres", "TestAReadOnlyServerStillReplays/cache_statement", "a single batch: got"},
		},
		{
			name:   "a completion that met a migration is not run again",
			breaks: "a charge that was made counts as unknown until recovery, because a schema changed in that moment",
			edits:  []edit{{"postgres.Store.Complete", `if metMigration(err) {`, `if metMigration(err) && rec != nil {`}},
			caught: catch{"idempotency/postgres", "TestACompletionThatMeetsAMigrationIsRunOnceMore/cache_statement", "want completed true after 2"},
		},
		{
			name:   "RowsAffected ignored",
			breaks: "T2 finds no record of its own and commits its payment, ledger and event all the same",
			edits:  []edit{{"postgres.sqlComplete", `SELECT 1/((SELECT`, `SELECT 1*((SELECT`}},
			caught: kept("a claim is completed once", "the second completion left something"),
		},
		{
			name:   "RowsAffected ignored (revoking an API key)",
			breaks: "an operator who mistypes a key's id is told that it was revoked",
			edits:  []edit{{"repository.Merchants.RevokeKey", `if done.RowsAffected == 0 {`, `if done.RowsAffected < 0 {`}},
			caught: catch{"repository", "TestUnknownMerchantsAndKeysAreNotFound/cached statements", "RevokeKey: <nil>"},
		},
		{
			name:   "recovery without SKIP LOCKED and fence",
			breaks: "two replicas take the same record over and both go on with it",
			edits: []edit{
				{"postgres.sqlTakeOverDue", `ORDER BY lease_until LIMIT $2 FOR UPDATE SKIP LOCKED`, `ORDER BY lease_until LIMIT $2`},
				{"postgres.updateTakeOver", `SET fence = k.fence + 1`, `SET fence = k.fence`},
			},
			caught: kept("what is due is taken over once by one of many", "taken over as"),
		},
		{
			name:   "recovery that waits for locked records",
			breaks: "one record whose transaction hangs stops the recovery of all others, in every replica",
			edits:  []edit{{"postgres.sqlTakeOverDue", `ORDER BY lease_until LIMIT $2 FOR UPDATE SKIP LOCKED`, `ORDER BY lease_until LIMIT $2 FOR UPDATE`}},
			caught: catch{"idempotency/postgres", "TestTheJobsPassOverWhatOthersHold/recovery", "waited for a locked row"},
		},
		{
			name:   "cleanup that waits for locked records",
			breaks: "cleanup and live traffic wait for each other",
			edits: []edit{{
				"postgres.sqlExpire", `AND expires_at <= now() ORDER BY expires_at LIMIT $1 FOR UPDATE SKIP LOCKED`,
				`AND expires_at <= now() ORDER BY expires_at LIMIT $1 FOR UPDATE`,
			}},
			caught: catch{"idempotency/postgres", "TestTheJobsPassOverWhatOthersHold/cleanup", "waited for a locked row"},
		},
		{
			name:   "checks of attempts without a lock",
			breaks: "two replicas check one payment at once, and may both send it again",
			edits:  []edit{{"repository.Attempts.ClaimDue", `ORDER BY next_check_at LIMIT $1 FOR UPDATE SKIP LOCKED`, `ORDER BY next_check_at LIMIT $1`}},
			caught: catch{"operations", "TestChecksPassOverWhatOthersHold", "waited for a locked row"},
		},
		{
			name:   "lease by the replica's clock",
			breaks: "a replica whose clock is behind hands its running payment to the next one at once",
			edits: []edit{
				{"postgres.sqlInsertClaimed", `clock_timestamp() + make_interval(secs => $10), $11)`, `to_timestamp($10), $11)`},
				{
					"postgres.Store.Claim", `args := append(identity(rec), seconds(s.options.Lease), rec.Operation)`,
					`args := append(identity(rec), float64(time.Now().Add(s.options.Lease).UnixMicro())/1e6, rec.Operation)`,
				},
			},
			caught: catch{"idempotency/postgres", "TestLeasesAndReplaysRunOnPostgresClock", "of the lease is left"},
		},
		{
			name:   "taken over before the lease is over",
			breaks: "a retry takes a payment from a holder that is still asking the provider",
			edits:  []edit{{"postgres.selectDue", ` AND lease_until < now()`, ``}},
			caught: kept("a claim is taken over only when its lease is over", "taken over within the lease"),
		},
		{
			name:   "an idempotency row read from a standby",
			breaks: "there is no standby's connection; a read that doesn't wait for the key's transaction is as stale as one",
			edits:  []edit{{"postgres.Store.Resolve", `SELECT pg_advisory_xact_lock($1)`, `SELECT $1::bigint`}},
			caught: kept("resolving waits until the key's transaction has ended", "while the key is held: <nil>, <nil>"),
		},
		{
			name:   "an idempotency row read while its holder writes it",
			breaks: "after an unknown COMMIT of T2 the record as it was before is taken for the outcome",
			edits:  []edit{{"postgres.sqlInspect", "sqlInspect = sqlFind + ` FOR UPDATE`", "sqlInspect = sqlFind"}},
			caught: catch{"idempotency/postgres", "TestInspectingWaitsForATransactionThatWritesTheRecord", "did not wait"},
		},
		{
			name: "a Redis miss trusted as new",
			breaks: "no look-up in Postgres after a miss, so a flush makes every key new; made real by a record that is not " +
				"inserted where there is one",
			edits: []edit{
				{"postgres.sqlLookUp", "`SELECT set_config('payonce.mine', 'false', true), ` + recordColumns + whereKey", "`SELECT set_config('payonce.mine', 'false', true), ` + recordColumns + whereKey + ` AND false`"},
				{"postgres.sqlInsertCompleted", `RETURNING expires_at`, `ON CONFLICT (merchant_id, key_hash) DO UPDATE SET method = excluded.method RETURNING expires_at`},
				{rulesDDL, `ELSIF OLD.state = 'completed' AND NEW.state = 'expired' AND NEW.canceled_at IS NOT DISTINCT FROM OLD.canceled_at THEN`, `ELSIF OLD.state = 'completed' THEN`},
			},
			caught: catch{"idempotency/postgres", "TestAKeyIsExecutedOnceThoughOnlyPostgresRemembersIt", "executed 2 times"},
		},
		{
			name:   "a key given up without its lock",
			breaks: "a request that has begun and the one that gives it up both go on; only the primary key is left to refuse one of them",
			edits:  []edit{{"postgres.sqlTryTarget", `SELECT pg_try_advisory_xact_lock($1) WHERE`, `SELECT $1::bigint IS NOT NULL WHERE`}},
			caught: kept("a key is claimed or given up, and never both", "while a request holds the key"),
		},
		{
			name:   "an outcome given up without the record's lock",
			breaks: "two requests that give up on one key at once both undo what it did",
			edits:  []edit{{"postgres.sqlLockTarget", ` AND state <> 'in_progress' FOR UPDATE`, ` AND state <> 'in_progress'`}},
			caught: kept("of two that give up on one outcome the second sees the first", "while another transaction gives it up"),
		},
		{
			name:   "a spent key taken for an expired one",
			breaks: "the client of a late copy is told that something happened, and keeps its intent for lost",
			edits:  []edit{{"postgres.Store.scanRecord", `case canceled.Valid && !status.Valid:`, `case canceled.Valid && !status.Valid && false:`}},
			caught: kept("a key that no request has is spent when it is given up", "request came late"),
		},
		{
			name:   "waiting for the key in Postgres",
			breaks: "each copy of a running request holds a connection until the first one ends",
			edits:  []edit{{"postgres.sqlTryLock", `pg_try_advisory_xact_lock($1)::text`, `(pg_advisory_xact_lock($1) IS NOT NULL)::text`}},
			caught: kept("a key in use is neither granted nor waited for", "was waited for"),
		},
		{
			name:   "effect outside the transaction",
			breaks: "what a refused or failed request wrote stays",
			edits: []edit{{
				"postgres.Tx.Insert", `tx.add(statement{label: label, sql: query, args: args})`,
				`_, _ = tx.db.fresh.ExecContext(context.Background(), query, args...)`,
			}},
			caught: kept("a rollback leaves nothing", "a rollback left something"),
		},
		{
			name:   "begun work on the pool of new work",
			breaks: "a burst of new requests keeps a charged payment from being recorded",
			edits:  []edit{{"postgres.Tx.singleBatchWith", `if tx.conn, err = tx.db.reservedConn(ctx); err != nil {`, `if tx.conn, err = tx.db.freshConn(ctx); err != nil {`}},
			caught: catch{"idempotency/postgres", "TestBegunWorkEndsWhileNewWorkFindsNoConnection", "settle: "},
		},
		{
			name:   "no limit to an idle transaction",
			breaks: "a replica that is frozen between two statements keeps its key and its order locked",
			edits:  []edit{{"session.direct", `"idle_in_transaction_session_timeout": "5s",`, `"idle_in_transaction_session_timeout": "60s",`}},
			caught: catch{"idempotency/postgres", "TestEachTransactionLimitsHowLongItMayHoldALock", "idle_in_transaction_session_timeout"},
		},
	}
}
