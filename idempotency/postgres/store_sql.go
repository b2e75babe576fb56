package postgres

import (
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/payonce/payonce/idempotency"
	"github.com/payonce/payonce/idempotency/postgres/session"
)

// now() and not clock_timestamp() bounds what the jobs look for: a volatile function is a filter, and each run would
// read the whole index behind the last row that is due. Their transactions are one statement, so both say the same.

// recordColumns are read in the order of scanRecord, which computes the rest from the last one: PostgreSQL's clock judges leases and
// replays, and never a replica's. They are columns as they stand, because PostgreSQL prepares each expression anew for each execution.
const recordColumns = `merchant_id, key_hash, fingerprint, method, path, state, claim_id, fence, lease_until, operation, resource_type, resource_id,
	status, headers, body, created_at, expires_at, canceled_at, sealed, clock_timestamp()`

const (
	sqlTryLock = `SELECT now(), set_config('payonce.mine', pg_try_advisory_xact_lock($1)::text, true) = 'true', ` + session.Durable

	// sqlCheckKey is the lock and the look-up for a transaction that was to be sent in a single batch and is begun before it is whole: it
	// raises when the key is taken or known. A record that is committed between the statement's snapshot and the lock is not seen here; the primary key
	// refuses the second one then.
	sqlCheckKey = `SELECT 1/(pg_try_advisory_xact_lock($1)
		AND NOT EXISTS (SELECT FROM idempotency_keys WHERE merchant_id = $2 AND key_hash = $3))::int, ` + session.Durable

	whereKey = ` FROM idempotency_keys WHERE merchant_id = $1 AND key_hash = $2`

	sqlFind = `SELECT ` + recordColumns + whereKey

	sqlLookUp = `SELECT set_config('payonce.mine', 'false', true), ` + recordColumns + whereKey

	sqlInspect = sqlFind + ` FOR UPDATE`

	insertColumns = `INSERT INTO idempotency_keys (merchant_id, key_hash, fingerprint, method, path, claim_id, fence,
		resource_type, resource_id, state, `

	sqlInsertCompleted = insertColumns + `status, headers, body, sealed, completed_at, expires_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, nullif($8, ''), $9, 'completed',
			$10, $11::jsonb, $12, nullif($13, ''), clock_timestamp(), clock_timestamp() + make_interval(secs => $14))
		RETURNING expires_at`

	// sqlInsertFirst is the lock and the record in one statement, for a transaction that is sent in a single batch: it raises when the
	// key is taken, and the primary key when it is known. It goes first, so that nothing else is tried in vain. Its types are spelled
	// out: a SELECT doesn't take them from the columns.
	sqlInsertFirst = insertColumns + `status, headers, body, sealed, completed_at, expires_at)
		SELECT ` + typedIdentity + `, 'completed',
			$10::smallint, $11::jsonb, $12::bytea, nullif($13::text, ''), clock_timestamp(), clock_timestamp() + make_interval(secs => $14::float8)
		WHERE 1/pg_try_advisory_xact_lock($15::bigint)::int = 1 AND ` + durable + `
		RETURNING expires_at`

	sqlInsertClaimed = insertColumns + `lease_until, operation)
		VALUES ($1, $2, $3, $4, $5, $6, $7, nullif($8, ''), $9, 'in_progress',
			clock_timestamp() + make_interval(secs => $10), $11)`

	// sqlClaimFirst is the same for the record of an operation.
	sqlClaimFirst = insertColumns + `lease_until, operation)
		SELECT ` + typedIdentity + `, 'in_progress', clock_timestamp() + make_interval(secs => $10::float8), $11::text
		WHERE 1/pg_try_advisory_xact_lock($12::bigint)::int = 1 AND ` + durable

	typedIdentity = `$1::uuid, $2::bytea, $3::bytea, $4::text, $5::text, $6::uuid, $7::bigint, nullif($8::text, ''), $9::uuid`

	// durable is [session.Durable] as a condition, which always holds.
	durable = `coalesce(` + session.Durable + `, 'on') = 'on'`

	// whereClaim: the state as well as claim and fence. A record that was completed keeps its claim id, and must not be
	// completed again.
	whereClaim = ` WHERE merchant_id = $1 AND key_hash = $2 AND state = 'in_progress' AND claim_id = $3 AND fence = $4`

	sqlRelease = `DELETE FROM idempotency_keys` + whereClaim

	updateTakeOver = `UPDATE idempotency_keys k SET fence = k.fence + 1, claim_id = gen_random_uuid(),
		lease_until = clock_timestamp() + make_interval(secs => $1) FROM due
		WHERE k.merchant_id = due.merchant_id AND k.key_hash = due.key_hash RETURNING ` + takenColumns

	selectDue = `SELECT merchant_id, key_hash FROM idempotency_keys WHERE state = 'in_progress' AND lease_until < now()`

	sqlTakeOver = `WITH due AS (` + selectDue + ` AND merchant_id = $2 AND key_hash = $3 FOR UPDATE SKIP LOCKED) ` + updateTakeOver

	sqlTakeOverDue = `WITH due AS (` + selectDue + ` ORDER BY lease_until LIMIT $2 FOR UPDATE SKIP LOCKED) ` + updateTakeOver

	sqlExpire = `WITH due AS (SELECT merchant_id, key_hash FROM idempotency_keys
			WHERE state = 'completed' AND expires_at <= now() ORDER BY expires_at LIMIT $1 FOR UPDATE SKIP LOCKED)
		UPDATE idempotency_keys k SET state = 'expired', body = NULL, headers = NULL FROM due
		WHERE k.merchant_id = due.merchant_id AND k.key_hash = due.key_hash`

	sqlForget = `WITH due AS (SELECT merchant_id, key_hash FROM idempotency_keys
			WHERE state = 'expired' AND completed_at < now() - make_interval(secs => $2)
			ORDER BY completed_at LIMIT $1 FOR UPDATE SKIP LOCKED)
		DELETE FROM idempotency_keys k USING due WHERE k.merchant_id = due.merchant_id AND k.key_hash = due.key_hash`

	// sqlCleanupDue reads the first entry of each of the two indexes that the jobs above read.
	sqlCleanupDue = `SELECT greatest(0, coalesce(extract(epoch FROM now() - (SELECT min(expires_at) FROM idempotency_keys WHERE state = 'completed')), 0))::float8,
		greatest(0, coalesce(extract(epoch FROM now() - (SELECT min(completed_at) FROM idempotency_keys WHERE state = 'expired')) - $1::float8, 0))::float8`
)

// takenColumns are recordColumns with the table's alias, which the join needs. A record that is taken over has no response.
const takenColumns = `k.merchant_id, k.key_hash, k.fingerprint, k.method, k.path, k.state, k.claim_id, k.fence, k.lease_until, k.operation, k.resource_type,
	k.resource_id, NULL::smallint, NULL::jsonb, NULL::bytea, k.created_at, NULL::timestamptz, NULL::timestamptz, NULL::text, clock_timestamp()`

// sqlHoldClaim locks the record under its claim, and fails the transaction when the claim has another owner.
var sqlHoldClaim = `SELECT 1/count(*) FROM (SELECT 1 FROM idempotency_keys` + whereClaim + ` FOR UPDATE) held`

// sqlComplete is the completion transaction's conditional write and its answer in one statement, and makes its COMMIT durable.
var sqlComplete = `WITH touched AS (UPDATE idempotency_keys SET state = 'completed', lease_until = NULL,
		status = $5, headers = $6::jsonb, body = $7, sealed = nullif($8, ''), completed_at = clock_timestamp(),
		expires_at = clock_timestamp() + make_interval(secs => $9),
		resource_type = coalesce(nullif($10::text, ''), resource_type), resource_id = coalesce($11::uuid, resource_id)` + whereClaim + ` RETURNING *)
	SELECT 1/((SELECT count(*) FROM touched) * (` + durable + `)::int), ` + recordColumns + ` FROM (SELECT 1) one LEFT JOIN touched ON true`

// recordSQL are the statements above with the table's full name.
type recordSQL struct {
	checkKey, find, lookUp, inspect, insertCompleted, insertFirst, insertClaimed, claimFirst, release, takeOver, takeOverDue, expire, forget, cleanupDue, holdClaim, complete, locked,
	target, lockTarget, spend, mark, forgetInto, forgettable string
}

// sqlIn returns the statements for a table in a schema of its own, or, for an empty name, where search_path finds it.
func sqlIn(schema string) *recordSQL {
	full := "idempotency_keys"
	if schema != "" {
		full = pgx.Identifier{schema, full}.Sanitize()
	}
	in := func(query string) string { return strings.ReplaceAll(query, "idempotency_keys", full) }
	return &recordSQL{
		checkKey: in(sqlCheckKey), find: in(sqlFind), lookUp: in(sqlLookUp), inspect: in(sqlInspect),
		insertCompleted: in(sqlInsertCompleted), insertFirst: in(sqlInsertFirst), insertClaimed: in(sqlInsertClaimed), claimFirst: in(sqlClaimFirst), release: in(sqlRelease),
		takeOver: in(sqlTakeOver), takeOverDue: in(sqlTakeOverDue), expire: in(sqlExpire), forget: in(sqlForget), cleanupDue: in(sqlCleanupDue),
		holdClaim: in(sqlHoldClaim), complete: in(sqlComplete),
		target: in(sqlTarget), lockTarget: in(sqlLockTarget), spend: in(sqlSpend), mark: in(sqlMark),
		forgetInto: in(sqlForgetInto), forgettable: in(sqlForgettable),
		locked: fmt.Sprintf(countLocked, in(selectDue), full, "merchant_id, key_hash"),
	}
}

// identity are the first arguments of an INSERT.
func identity(rec *idempotency.Record) []any {
	return append([]any{
		uuid.UUID(rec.Tenant), rec.KeyHash[:], rec.Fingerprint[:], rec.Method, rec.Path, uuid.UUID(rec.ClaimID), rec.Fence,
	}, resource(rec.Resource)...)
}

// resource are the arguments that name a resource; its id is NULL where there is none.
func resource(r idempotency.Resource) []any {
	if r.Type == "" {
		return []any{"", nil}
	}
	return []any{r.Type, uuid.UUID(r.ID)}
}

func claimArgs(c idempotency.Claim) []any {
	return []any{uuid.UUID(c.Tenant), c.KeyHash[:], uuid.UUID(c.ClaimID), c.Fence}
}

func seconds(d time.Duration) float64 { return d.Seconds() }
