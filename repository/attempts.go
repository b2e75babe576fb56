package repository

import (
	"context"
	"time"

	"github.com/google/uuid"
	"gorm.io/gorm"

	"github.com/payonce/payonce/idempotency/postgres"
	"github.com/payonce/payonce/models"
)

// Attempts are the calls to the provider, each written down before it is made.
type Attempts struct {
	db    *gorm.DB
	whole *postgres.Database
	lease time.Duration
}

// NewAttempts returns the repository. The lease is how long recovery may take for one check.
func NewAttempts(db *postgres.Database, lease time.Duration) *Attempts {
	return &Attempts{db: db.GORM(), whole: db, lease: lease}
}

const attemptColumns = `a.merchant_id, a.id, a.payment_id, a.operation, a.operation_id, a.provider, a.provider_key, a.key_hash,
	a.attempt_no, a.status, a.provider_reference, a.claim_id, a.fence, a.sends, a.sent_at, a.resolved_at, a.checks, a.not_found_at,
	a.look_up_position, clock_timestamp()`

func attemptFields(a *models.ProviderAttempt, now *time.Time) []any {
	return []any{
		&a.MerchantID, &a.ID, &a.PaymentID, (*string)(&a.Operation), &a.OperationID, &a.Provider, &a.ProviderKey, &a.KeyHash,
		&a.AttemptNo, (*string)(&a.Status), &a.ProviderReference, &a.ClaimID, &a.Fence, &a.Sends, &a.SentAt, &a.ResolvedAt, &a.Checks,
		&a.NotFoundAt, &a.LookUpPosition, now,
	}
}

// Insert queues an attempt that is about to be made.
func (r *Attempts) Insert(tx *postgres.Tx, a *models.ProviderAttempt) {
	tx.Insert("insert the attempt", `INSERT INTO provider_attempts (merchant_id, id, payment_id, operation, operation_id, provider,
		provider_key, key_hash, attempt_no, status, claim_id, fence, sent_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 'sent', $10, $11, $12)`,
		a.MerchantID, a.ID, a.PaymentID, string(a.Operation), a.OperationID, a.Provider,
		a.ProviderKey, a.KeyHash, a.AttemptNo, a.ClaimID, a.Fence, a.SentAt)
}

// InsertOwn queues an attempt that no client's request drives. A check takes it up when the lease is over and nothing was
// written about it.
func (r *Attempts) InsertOwn(tx *postgres.Tx, a *models.ProviderAttempt) {
	tx.Insert("insert the attempt", `INSERT INTO provider_attempts (merchant_id, id, payment_id, operation, operation_id, provider,
		provider_key, attempt_no, status, claim_id, fence, sent_at, lease_until, next_check_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 'sent', $9, $10, $11, clock_timestamp() + make_interval(secs => $12::float8),
		clock_timestamp() + make_interval(secs => $12::float8))`,
		a.MerchantID, a.ID, a.PaymentID, string(a.Operation), a.OperationID, a.Provider,
		a.ProviderKey, a.AttemptNo, a.ClaimID, a.Fence, a.SentAt, seconds(r.lease))
}

// Resolved is what became of an attempt.
type Resolved struct {
	Status    models.AttemptStatus
	Reference *string
	Code      *string
	NextCheck time.Duration // from now; zero: never again
	Position  string        // of the next look-up in the provider's list
}

// Resolve queues the end of an attempt, or of one check of it, provided that no other process has claimed it since it was
// read.
func (r *Attempts) Resolve(tx *postgres.Tx, a *models.ProviderAttempt, to Resolved) {
	args := []any{a.MerchantID, a.ID, string(a.Status), a.ClaimID, a.Fence, string(to.Status), to.Reference, to.Code, to.Status.Open(), to.Position}
	next := "NULL" // in the text and not as a parameter: with it the statement would be planned anew each time
	if to.NextCheck > 0 {
		next, args = nextCheck("$11"), append(args, seconds(to.NextCheck))
	}
	tx.MustAffect("resolve the attempt", `UPDATE provider_attempts SET status = $6, provider_reference = coalesce($7, provider_reference),
		provider_code = $8, resolved_at = CASE WHEN $9::boolean THEN NULL ELSE clock_timestamp() END, lease_until = NULL,
		not_found_at = NULL, look_up_position = nullif($10, ''), next_check_at = `+next+`
		WHERE merchant_id = $1 AND id = $2 AND status = $3 AND claim_id = $4 AND fence = $5`, args...)
}

// nextCheck is when an attempt is looked up again: after a pause, or now when the provider has notified of something since it was
// asked last. Such a notification may have come before there was anything to make due.
func nextCheck(pause string) string {
	return `CASE WHEN EXISTS (SELECT 1 FROM provider_events e WHERE e.merchant_id = provider_attempts.merchant_id
			AND e.payment_id = provider_attempts.payment_id AND e.received_at > coalesce(checked_at, sent_at))
		THEN clock_timestamp() ELSE clock_timestamp() + make_interval(secs => ` + pause + `::float8) END`
}

// Delete queues the removal of an attempt that surely never reached the provider.
func (r *Attempts) Delete(tx *postgres.Tx, a *models.ProviderAttempt) {
	tx.MustAffect("delete the attempt", `DELETE FROM provider_attempts WHERE merchant_id = $1 AND id = $2 AND status = 'sent'
		AND claim_id = $3 AND fence = $4 AND sends = 1`, a.MerchantID, a.ID, a.ClaimID, a.Fence)
}

// OpenOn queues a read of the operation that is under way on a payment's authorization: at most one is, says attempts_one_open_on_authorization.
func (r *Attempts) OpenOn(tx *postgres.Tx, merchant, payment uuid.UUID) *postgres.Pending[models.ProviderAttempt] {
	return postgres.ReadOne(tx, "find what is under way", `SELECT operation FROM provider_attempts WHERE merchant_id = $1 AND payment_id = $2
		AND operation IN ('authorize', 'capture', 'void') AND status IN ('sent', 'unknown')`, []any{merchant, payment},
		func(a *models.ProviderAttempt) []any { return []any{(*string)(&a.Operation)} })
}

// EndWaiting queues the end of an authorization that waited for its customer, and that a void has ended.
func (r *Attempts) EndWaiting(tx *postgres.Tx, merchant, payment uuid.UUID) {
	tx.Returning("end the wait for the customer", `UPDATE provider_attempts SET status = 'failed', next_check_at = NULL, lease_until = NULL
		WHERE merchant_id = $1 AND operation = 'authorize' AND operation_id = $2 AND status = 'action_required'`, []any{merchant, payment}, nil)
}

// List reads a page of a payment's attempts, newest first.
func (r *Attempts) List(ctx context.Context, merchant, payment uuid.UUID) ([]models.ProviderAttempt, error) {
	attempts := []models.ProviderAttempt{}
	err := r.db.WithContext(ctx).Where("merchant_id = ? AND payment_id = ?", merchant, payment).Order("sent_at DESC, id DESC").
		Limit(maxAttempts).Find(&attempts).Error
	if err != nil {
		return nil, postgres.ReadError("list attempts", err)
	}
	return attempts, nil
}

// OfOperation queues a read of the newest attempt of an operation.
func (r *Attempts) OfOperation(tx *postgres.Tx, merchant uuid.UUID, name models.Operation, operation uuid.UUID) *postgres.Pending[models.ProviderAttempt] {
	var now time.Time
	return postgres.ReadOne(tx, "find the attempt", `SELECT `+attemptColumns+` FROM provider_attempts a
		WHERE a.merchant_id = $1 AND a.operation = $2 AND a.operation_id = $3 ORDER BY a.attempt_no DESC LIMIT 1`,
		[]any{merchant, string(name), operation},
		func(a *models.ProviderAttempt) []any { return attemptFields(a, &now) })
}

// Lease is how long recovery may take for one check.
func (r *Attempts) Lease() time.Duration { return r.lease }

// CheckWaiting queues that an authorization that waits for its customer is looked up now.
func (r *Attempts) CheckWaiting(tx *postgres.Tx, merchant, payment uuid.UUID) {
	tx.Returning("look the authorization up", `UPDATE provider_attempts SET next_check_at = clock_timestamp()
		WHERE merchant_id = $1 AND operation = 'authorize' AND operation_id = $2 AND status = 'action_required' AND lease_until IS NULL`,
		[]any{merchant, payment}, nil)
}

// maxAttempts bounds the list of a payment's attempts.
const maxAttempts = 100

const selectDueAttempts = `SELECT merchant_id, id FROM provider_attempts
	WHERE next_check_at <= now() AND (lease_until IS NULL OR lease_until < now())`

// Due is a claimed attempt and Postgres's time of the claim, against which its age is told.
type Due struct {
	Attempt models.ProviderAttempt
	Now     time.Time
}

// ClaimDue claims up to limit attempts whose check is due, skipping those that others are claiming. An attempt whose
// idempotency record is still in progress has no due time: then the record is what is claimed.
func (r *Attempts) ClaimDue(ctx context.Context, limit int) ([]Due, error) {
	var due []Due
	err := r.whole.Autocommit(ctx, func(tx *postgres.Tx) {
		tx.Returning("claim due attempts", `WITH due AS (`+selectDueAttempts+`
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
	})
	return due, err
}

// ClaimAuthorization claims the attempt of a payment's authorization for a check now, whenever it is due; nil when it has its outcome,
// when its request is still being answered, or while another process checks it. It doesn't count: checks that clients ask for
// don't make the pauses between the others longer.
func (r *Attempts) ClaimAuthorization(ctx context.Context, merchant, payment uuid.UUID) (*Due, error) {
	var due *Due
	err := r.whole.Autocommit(ctx, func(tx *postgres.Tx) {
		tx.Returning("claim the authorization's attempt", `UPDATE provider_attempts a SET claim_id = gen_random_uuid(), fence = a.fence + 1,
			checked_at = clock_timestamp(), lease_until = clock_timestamp() + make_interval(secs => $3)
		WHERE a.merchant_id = $1 AND a.payment_id = $2 AND a.operation = 'authorize' AND a.next_check_at IS NOT NULL
			AND (a.lease_until IS NULL OR a.lease_until < now()) RETURNING `+attemptColumns,
			[]any{merchant, payment, seconds(r.lease)}, func(scan func(...any) error) error {
				due = new(Due)
				return scan(attemptFields(&due.Attempt, &due.Now)...)
			})
	})
	return due, err
}

// AuthorizationWaits reports whether a payment's authorization has no outcome yet that a check could find.
func (r *Attempts) AuthorizationWaits(ctx context.Context, merchant, payment uuid.UUID) (waits bool, err error) {
	err = r.db.WithContext(ctx).Raw(`SELECT EXISTS (SELECT 1 FROM provider_attempts WHERE merchant_id = ? AND payment_id = ?
		AND operation = 'authorize' AND next_check_at IS NOT NULL)`, merchant, payment).Scan(&waits).Error
	if err != nil {
		return false, postgres.ReadError("see whether the authorization waits", err)
	}
	return waits, nil
}

// Check is what a check learned that does not resolve its attempt.
type Check struct {
	Next      time.Duration // until the next one
	NotFound  bool          // the provider answered that it knows nothing
	Current   bool          // the provider answered, and nothing has changed since the attempt was resolved
	Reference string        // of the intent that was found; "" when none was
	Position  string        // of the next look-up in the provider's list
}

// Postpone plans the next check of a claimed attempt. The first "not found" is dated, so that a second one, later, may
// allow to send again. An answer that is current moves the attempt's resolved_at.
func (r *Attempts) Postpone(ctx context.Context, a *models.ProviderAttempt, c Check) error {
	return r.update(ctx, "postpone the check", a, `not_found_at = CASE WHEN $6::boolean THEN coalesce(not_found_at, clock_timestamp())
		ELSE not_found_at END, next_check_at = `+nextCheck("$7")+`, lease_until = NULL,
		resolved_at = CASE WHEN $8::boolean AND resolved_at IS NOT NULL THEN clock_timestamp() ELSE resolved_at END,
		provider_reference = coalesce(provider_reference, nullif($9, '')), look_up_position = nullif($10, '')`, "",
		c.NotFound, seconds(c.Next), c.Current, c.Reference, c.Position)
}

// Resend writes down, before it happens, that a claimed attempt is sent once more under its old key. It fails when the
// attempt is as old as maxAge by Postgres's clock: its own process may have slept since it was claimed. The lease begins
// anew, so that the call has all of it.
func (r *Attempts) Resend(ctx context.Context, a *models.ProviderAttempt, maxAge time.Duration) error {
	return r.update(ctx, "note the re-send", a, `sends = sends + 1, not_found_at = NULL, look_up_position = NULL,
		lease_until = clock_timestamp() + make_interval(secs => $6::float8)`,
		`AND sent_at > clock_timestamp() - make_interval(secs => $7::float8)`, seconds(r.lease), seconds(maxAge))
}

// Renew begins the lease of a claimed attempt anew, before one more call.
func (r *Attempts) Renew(ctx context.Context, a *models.ProviderAttempt) error {
	return r.update(ctx, "renew the check's lease", a, `lease_until = clock_timestamp() + make_interval(secs => $6::float8)`, "",
		seconds(r.lease))
}

func (r *Attempts) update(ctx context.Context, label string, a *models.ProviderAttempt, set, where string, args ...any) error {
	return r.whole.Autocommit(ctx, func(tx *postgres.Tx) {
		tx.MustAffect(label, `UPDATE provider_attempts SET `+set+` WHERE merchant_id = $1 AND id = $2 AND claim_id = $3 AND fence = $4
		AND status = $5 `+where, append([]any{a.MerchantID, a.ID, a.ClaimID, a.Fence, string(a.Status)}, args...)...)
	})
}

// Locked counts the attempts whose check is due and that a transaction holds, up to 1000.
func (r *Attempts) Locked(ctx context.Context) (int, error) {
	return r.whole.CountLocked(ctx, "provider_attempts", "merchant_id, id", selectDueAttempts)
}

func seconds(d time.Duration) float64 { return d.Seconds() }

// RequestCheck makes the check of a payment due now, unless one was made less than a second ago.
func (r *Attempts) RequestCheck(ctx context.Context, merchant, payment uuid.UUID) error {
	result := r.db.WithContext(ctx).Exec(`UPDATE provider_attempts SET next_check_at = clock_timestamp()
		WHERE merchant_id = ? AND payment_id = ? AND next_check_at > clock_timestamp() AND lease_until IS NULL
		AND coalesce(checked_at, sent_at) < clock_timestamp() - interval '1 second'`, merchant, payment)
	if result.Error != nil {
		return postgres.ReadError("request a check", result.Error)
	}
	return nil
}

// Oldest returns for how long the oldest unresolved attempt has been open; zero when there is none.
func (r *Attempts) Oldest(ctx context.Context) (time.Duration, error) {
	var age float64
	err := r.db.WithContext(ctx).Raw(`SELECT coalesce(extract(epoch FROM clock_timestamp() - min(sent_at)), 0)::float8
		FROM provider_attempts WHERE status IN ('sent', 'unknown')`).Scan(&age).Error
	if err != nil {
		return 0, postgres.ReadError("find the oldest attempt", err)
	}
	return time.Duration(age * float64(time.Second)), nil
}
