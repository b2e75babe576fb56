package repository

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/payonce/payonce/idempotency"
)

// now() and not clock_timestamp() bounds what the jobs look for: a volatile function is a filter, and each run would
// read the whole index behind the last row that is due. Their transactions are one statement, so both say the same.

// recordColumns are read in the order of scanRecord. The lease and the replay's end are judged by Postgres's clock,
// here, and never by a replica's.
const recordColumns = `merchant_id, key_hash, fingerprint, method, path,
	CASE WHEN state = 'completed' AND expires_at <= clock_timestamp() THEN 'expired' ELSE state END AS state,
	claim_id, fence, coalesce(extract(epoch FROM lease_until - clock_timestamp())::float8, 0) AS lease_left,
	coalesce(operation, '') AS operation, coalesce(resource_type, '') AS resource_type, resource_id,
	coalesce(status, 0) AS status, headers, body, coalesce(expires_at, created_at) AS expires_at`

const (
	sqlTryLock = `SELECT now(), set_config('payonce.mine', pg_try_advisory_xact_lock($1)::text, true) = 'true', ` + limits

	// sqlGuardKey is the lock and the look-up as a guard, for a transaction that travels whole. A record that is committed
	// between the statement's snapshot and the lock is not seen here; the primary key refuses the second one then.
	sqlGuardKey = `SELECT 1/(pg_try_advisory_xact_lock($1)
		AND NOT EXISTS (SELECT FROM idempotency_keys WHERE merchant_id = $2 AND key_hash = $3))::int, ` + limits

	whereKey = ` FROM idempotency_keys WHERE merchant_id = $1 AND key_hash = $2`

	sqlFind = `SELECT ` + recordColumns + whereKey

	sqlLookUp = `SELECT set_config('payonce.mine', 'false', true), ` + recordColumns + whereKey

	sqlInspect = sqlFind + ` FOR UPDATE`

	insertColumns = `INSERT INTO idempotency_keys (merchant_id, key_hash, fingerprint, method, path, claim_id, fence,
		resource_type, resource_id, state, `

	sqlInsertCompleted = insertColumns + `status, headers, body, completed_at, expires_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, nullif($8, ''), $9, 'completed',
			$10, $11::jsonb, $12, clock_timestamp(), clock_timestamp() + make_interval(secs => $13))
		RETURNING expires_at`

	sqlInsertClaimed = insertColumns + `lease_until, operation)
		VALUES ($1, $2, $3, $4, $5, $6, $7, nullif($8, ''), $9, 'in_progress',
			clock_timestamp() + make_interval(secs => $10), $11)`

	// whereClaim: the state as well as claim and fence. A record that was settled keeps its claim id, and must not be
	// settled again.
	whereClaim = ` WHERE merchant_id = $1 AND key_hash = $2 AND state = 'in_progress' AND claim_id = $3 AND fence = $4`

	sqlTakeBack = `DELETE FROM idempotency_keys` + whereClaim

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
)

// takenColumns are recordColumns with the table's alias, which the join needs.
const takenColumns = `k.merchant_id, k.key_hash, k.fingerprint, k.method, k.path, k.state, k.claim_id, k.fence,
	extract(epoch FROM k.lease_until - clock_timestamp())::float8, coalesce(k.operation, ''), coalesce(k.resource_type, ''),
	k.resource_id, 0, NULL::jsonb, NULL::bytea, k.created_at`

// sqlComplete is T2's guard and its answer in one statement.
var sqlComplete = `WITH touched AS (UPDATE idempotency_keys SET state = 'completed', lease_until = NULL,
		status = $5, headers = $6::jsonb, body = $7, completed_at = clock_timestamp(),
		expires_at = clock_timestamp() + make_interval(secs => $8)` + whereClaim + ` RETURNING *)
	SELECT 1/(SELECT count(*) FROM touched), ` + recordColumns + ` FROM (SELECT 1) one LEFT JOIN touched ON true`

// identity are the first arguments of an INSERT.
func identity(rec *idempotency.Record) []any {
	var resource any
	if rec.Resource.Type != "" {
		resource = uuid.UUID(rec.Resource.ID)
	}
	return []any{
		uuid.UUID(rec.Tenant), rec.KeyHash[:], rec.Fingerprint[:], rec.Method, rec.Path, uuid.UUID(rec.ClaimID), rec.Fence,
		rec.Resource.Type, resource,
	}
}

func claimArgs(c idempotency.Claim) []any {
	return []any{uuid.UUID(c.Tenant), c.KeyHash[:], uuid.UUID(c.ClaimID), c.Fence}
}

// completion are the arguments that store a response.
func completion(response *idempotency.Response, replay time.Duration) ([]any, error) {
	if !idempotency.Storable(response.Status) {
		return nil, fmt.Errorf("status %d is not an outcome: only 2xx and 402 are stored", response.Status)
	}
	headers, err := json.Marshal(response.Headers)
	if err != nil {
		return nil, fmt.Errorf("encode headers: %w", err)
	}
	body := response.Body
	if body == nil {
		body = []byte{}
	}
	return []any{response.Status, string(headers), body, seconds(replay)}, nil
}

func seconds(d time.Duration) float64 { return d.Seconds() }

// scanRecord reads recordColumns.
func scanRecord(scan func(dest ...any) error, timeline uint32) (*idempotency.Record, error) {
	var (
		rec                  = &idempotency.Record{Timeline: timeline}
		keyHash, fingerprint []byte
		state                string
		lease                float64
		resource             *uuid.UUID
		status               int
		headers              *string
		body                 []byte
	)
	if err := scan((*uuid.UUID)(&rec.Tenant), &keyHash, &fingerprint, &rec.Method, &rec.Path, &state, (*uuid.UUID)(&rec.ClaimID), &rec.Fence, &lease,
		&rec.Operation, &rec.Resource.Type, &resource, &status, &headers, &body, &rec.ExpiresAt); err != nil {
		return nil, fmt.Errorf("scan the record: %w", err)
	}
	copy(rec.KeyHash[:], keyHash)
	copy(rec.Fingerprint[:], fingerprint)
	rec.State = idempotency.State(state)
	rec.LeaseLeft = time.Duration(lease * float64(time.Second))
	rec.ExpiresAt = rec.ExpiresAt.UTC()
	if resource != nil {
		rec.Resource.ID = *resource
	}
	if rec.State == idempotency.Completed {
		rec.Response = &idempotency.Response{Status: status, Body: body, Resource: rec.Resource}
		if headers != nil {
			if err := json.Unmarshal([]byte(*headers), &rec.Response.Headers); err != nil {
				return nil, fmt.Errorf("decode headers: %w", err)
			}
		}
	}
	return rec, nil
}
