package main

const (
	records    = "repository/idempotency.go"
	recordsSQL = "repository/idempotency_sql.go"
	recordsDDL = "migrations/00002_idempotency_keys.sql"
	unit       = "repository/unit.go"
)

// store has the mistakes in how records and units are read and written.
func store() []sabotage {
	return []sabotage{
		{
			name:   "no fence in T2",
			breaks: "of the two things that tell a holder from its successor one is gone; the claim id still does",
			edits:  []edit{{recordsSQL, ` AND fence = $4`, ` AND $4::bigint > 0`}},
			caught: kept("neither claim id nor fence alone is the claim", "written under a wrong claim"),
		},
		{
			name:   "neither fence nor claim id in T2",
			breaks: "a process that slept beyond its lease ends the record under the hands of its successor",
			edits:  []edit{{recordsSQL, ` AND claim_id = $3 AND fence = $4`, ` AND $3::uuid IS NOT NULL AND $4::bigint > 0`}},
			caught: catch{"test/e2e", "TestAFrozenProcessLeavesTheRecordToItsSuccessor", "the late process ended what its successor holds"},
		},
		{
			name:   "no state in T2",
			breaks: "a record is settled a second time; made real by taking its state out of the trigger idempotency_arrow, too",
			edits: []edit{
				{recordsSQL, ` AND state = 'in_progress' AND claim_id`, ` AND claim_id`},
				{recordsDDL, `OR (OLD.state = 'completed' AND NEW.state = 'expired')))`, `OR OLD.state = 'completed'))`},
			},
			caught: kept("a claim is settled once", "the second settlement left something"),
		},
		{
			name:   "a guard in the last batch that doesn't raise",
			breaks: "the COMMIT behind an UPDATE that touched no row still commits everything else",
			edits:  []edit{{unit, `SELECT 1/count(*) FROM touched`, `SELECT count(*) FROM touched`}},
			caught: kept("a failed guard rolls back the record that travels with it", "a failed guard was completed"),
		},
		{
			name:   "the key's guard of a whole transaction doesn't raise",
			breaks: "a copy of an order that is being made waits for it with a connection in its hand, instead of being refused",
			edits:  []edit{{recordsSQL, `SELECT 1/(pg_try_advisory_xact_lock($1)`, `SELECT 1+(pg_try_advisory_xact_lock($1)`}},
			caught: kept("sent whole, a key in use is neither had nor waited for", "a key in use:"),
		},
		{
			name:   "RowsAffected ignored",
			breaks: "T2 finds no record of its own and commits its payment, ledger and event all the same",
			edits:  []edit{{recordsSQL, `SELECT 1/(SELECT count(*) FROM touched), `, `SELECT (SELECT count(*) FROM touched), `}},
			caught: kept("a claim is settled once", "the second settlement left something"),
		},
		{
			name:   "RowsAffected ignored (revoking an API key)",
			breaks: "an operator who mistypes a key's id is told that it was revoked",
			edits:  []edit{{"repository/merchants.go", `if done.RowsAffected == 0 {`, `if done.RowsAffected < 0 {`}},
			caught: catch{"repository", "TestUnknownMerchantsAndKeysAreNotFound/cached statements", "RevokeKey: <nil>"},
		},
		{
			name:   "recovery without SKIP LOCKED and fence",
			breaks: "two replicas take the same record over and both go on with it",
			edits: []edit{
				{recordsSQL, `ORDER BY lease_until LIMIT $2 FOR UPDATE SKIP LOCKED`, `ORDER BY lease_until LIMIT $2`},
				{recordsSQL, `SET fence = k.fence + 1`, `SET fence = k.fence`},
			},
			caught: kept("what is due is taken over once by one of many", "taken over as"),
		},
		{
			name:   "recovery that waits for locked records",
			breaks: "one record whose transaction hangs stops the recovery of all others, in every replica",
			edits:  []edit{{recordsSQL, `ORDER BY lease_until LIMIT $2 FOR UPDATE SKIP LOCKED`, `ORDER BY lease_until LIMIT $2 FOR UPDATE`}},
			caught: catch{"repository", "TestTheJobsPassOverWhatOthersHold/recovery", "waited for what somebody else holds"},
		},
		{
			name:   "cleanup that waits for locked records",
			breaks: "cleanup and live traffic wait for each other",
			edits: []edit{{
				recordsSQL, `AND expires_at <= now() ORDER BY expires_at LIMIT $1 FOR UPDATE SKIP LOCKED`,
				`AND expires_at <= now() ORDER BY expires_at LIMIT $1 FOR UPDATE`,
			}},
			caught: catch{"repository", "TestTheJobsPassOverWhatOthersHold/cleanup", "waited for what somebody else holds"},
		},
		{
			name:   "checks of attempts without a lock",
			breaks: "two replicas check one payment at once, and may both send it again",
			edits:  []edit{{"repository/attempts.go", `ORDER BY next_check_at LIMIT $1 FOR UPDATE SKIP LOCKED`, `ORDER BY next_check_at LIMIT $1`}},
			caught: catch{"operations", "TestChecksPassOverWhatOthersHold", "waited for what somebody else holds"},
		},
		{
			name:   "lease by the replica's clock",
			breaks: "a replica whose clock is behind hands its running payment to the next one at once",
			edits: []edit{
				{recordsSQL, `clock_timestamp() + make_interval(secs => $10), $11)`, `to_timestamp($10), $11)`},
				{
					records, `args := append(identity(rec), seconds(s.retention.Lease), rec.Operation)`,
					`args := append(identity(rec), float64(time.Now().Add(s.retention.Lease).UnixMicro())/1e6, rec.Operation)`,
				},
			},
			caught: catch{"repository", "TestLeasesAndReplaysRunOnPostgresClock", "of the lease is left"},
		},
		{
			name:   "taken over before the lease is over",
			breaks: "a retry takes a payment from a holder that is still asking the provider",
			edits:  []edit{{recordsSQL, ` AND lease_until < now()`, ``}},
			caught: kept("a claim is taken over only when its lease is over", "taken over within the lease"),
		},
		{
			name:   "an idempotency row read from a standby",
			breaks: "there is no standby's connection; a read that doesn't wait for the key's transaction is as stale as one",
			edits:  []edit{{"repository/idempotency_read.go", `SELECT pg_advisory_xact_lock($1)`, `SELECT $1::bigint`}},
			caught: kept("resolving waits until the key's transaction has ended", "while the key is held: <nil>, <nil>"),
		},
		{
			name:   "an idempotency row read while its holder writes it",
			breaks: "after an unknown COMMIT of T2 the record as it was before is taken for the outcome",
			edits:  []edit{{recordsSQL, "sqlInspect = sqlFind + ` FOR UPDATE`", "sqlInspect = sqlFind"}},
			caught: catch{"repository", "TestInspectingWaitsForWhoeverIsWritingTheRecord", "did not wait"},
		},
		{
			name: "a Redis miss trusted as new",
			breaks: "no look-up in Postgres after a miss, so a flush makes every key new; made real by a record that is not " +
				"inserted where there is one",
			edits: []edit{
				{recordsSQL, "`SELECT set_config('payonce.mine', 'false', true), ` + recordColumns + whereKey", "`SELECT set_config('payonce.mine', 'false', true), ` + recordColumns + whereKey + ` AND false`"},
				{recordsSQL, `RETURNING expires_at`, `ON CONFLICT (merchant_id, key_hash) DO UPDATE SET method = excluded.method RETURNING expires_at`},
				{recordsDDL, `OR (OLD.state = 'completed' AND NEW.state = 'expired')))`, `OR OLD.state = 'completed'))`},
			},
			caught: catch{"repository", "TestAKeyIsExecutedOnceThoughNobodyRemembersItButPostgres", "executed 2 times"},
		},
		{
			name:   "waiting for the key in Postgres",
			breaks: "each copy of a running request holds a connection until the first one ends",
			edits:  []edit{{recordsSQL, `pg_try_advisory_xact_lock($1)::text`, `(pg_advisory_xact_lock($1) IS NOT NULL)::text`}},
			caught: kept("a key in use is neither granted nor waited for", "deadline exceeded"),
		},
		{
			name:   "effect outside the transaction",
			breaks: "what a refused or failed request wrote stays",
			edits: []edit{{
				unit, `u.queue = append(u.queue, statement{label: label, sql: query, args: args})`,
				`_, _ = u.db.fresh.ExecContext(context.Background(), query, args...)`,
			}},
			caught: kept("a rollback leaves nothing", "a rollback left something"),
		},
		{
			name:   "begun work on the pool of new work",
			breaks: "a crowd of new requests keeps a charged payment from being recorded",
			edits:  []edit{{unit, `if u.conn, err = u.db.reservedConn(ctx); err != nil {`, `if u.conn, err = u.db.freshConn(ctx); err != nil {`}},
			caught: catch{"repository", "TestBegunWorkEndsWhileNewWorkFindsNoConnection", "settle: "},
		},
		{
			name:   "no limit to an idle transaction",
			breaks: "a replica that is frozen between two statements keeps its key and its order locked",
			edits:  []edit{{unit, `set_config('idle_in_transaction_session_timeout', '5s', true)`, `'5s'`}},
			caught: catch{"repository", "TestEachTransactionLimitsHowLongItMayHoldALock", "idle_in_transaction_session_timeout"},
		},
	}
}
