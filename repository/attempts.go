package repository

import (
	"context"
	"time"

	"github.com/google/uuid"
	"gorm.io/gorm"

	"github.com/payonce/payonce/models"
)

// Attempts are the calls to the provider, each written down before it is made.
type Attempts struct {
	db    *gorm.DB
	whole *Database
	lease time.Duration
}

// NewAttempts returns the repository. The lease is how long recovery may take for one check.
func NewAttempts(db *Database, lease time.Duration) *Attempts {
	return &Attempts{db: db.gorm, whole: db, lease: lease}
}

const attemptColumns = `a.merchant_id, a.id, a.payment_id, a.operation, a.operation_id, a.provider, a.provider_key, a.key_hash,
	a.attempt_no, a.status, a.provider_reference, a.claim_id, a.fence, a.sends, a.sent_at, a.checks, a.not_found_at, clock_timestamp()`

func attemptFields(a *models.ProviderAttempt, now *time.Time) []any {
	return []any{
		&a.MerchantID, &a.ID, &a.PaymentID, (*string)(&a.Operation), &a.OperationID, &a.Provider, &a.ProviderKey, &a.KeyHash,
		&a.AttemptNo, (*string)(&a.Status), &a.ProviderReference, &a.ClaimID, &a.Fence, &a.Sends, &a.SentAt, &a.Checks, &a.NotFoundAt, now,
	}
}

// Insert queues an attempt that is about to be made.
func (r *Attempts) Insert(u *Unit, a *models.ProviderAttempt) {
	u.Insert("insert the attempt", `INSERT INTO provider_attempts (merchant_id, id, payment_id, operation, operation_id, provider,
		provider_key, key_hash, attempt_no, status, claim_id, fence, sent_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 'sent', $10, $11, $12)`,
		a.MerchantID, a.ID, a.PaymentID, string(a.Operation), a.OperationID, a.Provider,
		a.ProviderKey, a.KeyHash, a.AttemptNo, a.ClaimID, a.Fence, a.SentAt)
}

// Resolved is what became of an attempt.
type Resolved struct {
	Status    models.AttemptStatus
	Reference *string
	Code      *string
	NextCheck time.Duration // from now; zero: never again
}

// Resolve queues the end of an attempt, or of one check of it, provided that nobody else has claimed it since it was
// read.
func (r *Attempts) Resolve(u *Unit, a *models.ProviderAttempt, to Resolved) {
	var next any
	if to.NextCheck > 0 {
		next = seconds(to.NextCheck)
	}
	u.Guard("resolve the attempt", `UPDATE provider_attempts SET status = $6, provider_reference = coalesce($7, provider_reference),
		provider_code = $8, resolved_at = CASE WHEN $9::boolean THEN NULL ELSE clock_timestamp() END, lease_until = NULL,
		not_found_at = NULL, next_check_at = clock_timestamp() + make_interval(secs => $10::float8)
		WHERE merchant_id = $1 AND id = $2 AND status = $3 AND claim_id = $4 AND fence = $5`,
		a.MerchantID, a.ID, string(a.Status), a.ClaimID, a.Fence,
		string(to.Status), to.Reference, to.Code, to.Status.Open(), next)
}

// Delete queues the removal of an attempt that surely never reached the provider.
func (r *Attempts) Delete(u *Unit, a *models.ProviderAttempt) {
	u.Guard("delete the attempt", `DELETE FROM provider_attempts WHERE merchant_id = $1 AND id = $2 AND status = 'sent'
		AND claim_id = $3 AND fence = $4 AND sends = 1`, a.MerchantID, a.ID, a.ClaimID, a.Fence)
}

// OfOperation queues a read of the newest attempt of an operation.
func (r *Attempts) OfOperation(u *Unit, merchant, operation uuid.UUID) *Later[models.ProviderAttempt] {
	var now time.Time
	return later(u, "find the attempt", `SELECT `+attemptColumns+` FROM provider_attempts a
		WHERE a.merchant_id = $1 AND a.operation_id = $2 ORDER BY a.attempt_no DESC LIMIT 1`, []any{merchant, operation},
		func(a *models.ProviderAttempt) []any { return attemptFields(a, &now) })
}

// Lease is how long recovery may take for one check.
func (r *Attempts) Lease() time.Duration { return r.lease }

// Due is a claimed attempt and Postgres's time of the claim, against which its age is told.
type Due struct {
	Attempt models.ProviderAttempt
	Now     time.Time
}

// ClaimDue claims up to limit attempts whose check is due, skipping those that others are claiming. An attempt whose
// idempotency record is still in progress has no due time: then the record is what is claimed.
func (r *Attempts) ClaimDue(ctx context.Context, limit int) ([]Due, error) {
	unit := &Unit{db: r.whole}
	var due []Due
	unit.returning("claim due attempts", `WITH due AS (SELECT merchant_id, id FROM provider_attempts
			WHERE next_check_at <= now() AND (lease_until IS NULL OR lease_until < now())
			ORDER BY next_check_at LIMIT $1 FOR UPDATE SKIP LOCKED)
		UPDATE provider_attempts a SET claim_id = gen_random_uuid(), fence = a.fence + 1, checks = a.checks + 1,
			checked_at = clock_timestamp(), lease_until = clock_timestamp() + make_interval(secs => $2)
		FROM due WHERE a.merchant_id = due.merchant_id AND a.id = due.id RETURNING `+attemptColumns,
		[]any{limit, seconds(r.lease)}, func(scan func(...any) error) error {
			var d Due
			if err := scan(attemptFields(&d.Attempt, &d.Now)...); err != nil {
				return err
			}
			due = append(due, d)
			return nil
		})
	err := unit.alone(ctx, r.whole.reservedConn)
	return due, err
}

// Postpone plans the next check of a claimed attempt. With notFound the provider answered that it knows nothing: the
// first such answer is dated, so that a second one, later, may allow to send again.
func (r *Attempts) Postpone(ctx context.Context, a *models.ProviderAttempt, next time.Duration, notFound bool) error {
	return r.update(ctx, "postpone the check", a, `not_found_at = CASE WHEN $6::boolean THEN coalesce(not_found_at, clock_timestamp())
		ELSE not_found_at END, next_check_at = clock_timestamp() + make_interval(secs => $7::float8), lease_until = NULL`, notFound, seconds(next))
}

// Resend writes down, before it happens, that a claimed attempt is sent once more under its old key. The lease begins
// anew, so that the call has all of it.
func (r *Attempts) Resend(ctx context.Context, a *models.ProviderAttempt) error {
	return r.update(ctx, "note the re-send", a, `sends = sends + 1, not_found_at = NULL,
		lease_until = clock_timestamp() + make_interval(secs => $6::float8)`, seconds(r.lease))
}

func (r *Attempts) update(ctx context.Context, label string, a *models.ProviderAttempt, set string, args ...any) error {
	unit := &Unit{db: r.whole}
	unit.Guard(label, `UPDATE provider_attempts SET `+set+` WHERE merchant_id = $1 AND id = $2 AND claim_id = $3 AND fence = $4
		AND status = $5`, append([]any{a.MerchantID, a.ID, a.ClaimID, a.Fence, string(a.Status)}, args...)...)
	return unit.alone(ctx, r.whole.reservedConn)
}

// Nudge makes the check of a payment due now, unless one was made less than a second ago.
func (r *Attempts) Nudge(ctx context.Context, merchant, payment uuid.UUID) error {
	result := r.db.WithContext(ctx).Exec(`UPDATE provider_attempts SET next_check_at = clock_timestamp()
		WHERE merchant_id = ? AND payment_id = ? AND next_check_at > clock_timestamp() AND lease_until IS NULL
		AND coalesce(checked_at, sent_at) < clock_timestamp() - interval '1 second'`, merchant, payment)
	if result.Error != nil {
		return unavailable("nudge the check", result.Error)
	}
	return nil
}

// Oldest tells for how long the oldest unresolved attempt has been open; zero when there is none.
func (r *Attempts) Oldest(ctx context.Context) (time.Duration, error) {
	var age float64
	err := r.db.WithContext(ctx).Raw(`SELECT coalesce(extract(epoch FROM clock_timestamp() - min(sent_at)), 0)::float8
		FROM provider_attempts WHERE status IN ('sent', 'unknown')`).Scan(&age).Error
	if err != nil {
		return 0, unavailable("find the oldest attempt", err)
	}
	return time.Duration(age * float64(time.Second)), nil
}
