package repository

import (
	"context"
	"time"

	"github.com/google/uuid"
	"gorm.io/gorm"

	"github.com/payonce/payonce/idempotency/postgres"
	"github.com/payonce/payonce/models"
)

// Voids are the ends of authorizations. What is to be seen of one is the payment's.
type Voids struct{ db *gorm.DB }

// NewVoids returns the repository.
func NewVoids(db *postgres.Database) *Voids { return &Voids{db.GORM()} }

const voidColumns = `v.merchant_id, v.id, v.payment_id, v.currency, v.key_hash, v.reason, v.releases, v.status, v.status_reason, v.created_at`

func voidFields(v *models.Void) []any {
	return []any{
		&v.MerchantID, &v.ID, &v.PaymentID, &v.Currency, &v.KeyHash, &v.Reason, &v.Releases, (*string)(&v.Status), &v.StatusReason,
		&v.CreatedAt,
	}
}

// Insert queues a void that is about to be asked of the provider.
func (r *Voids) Insert(tx *postgres.Tx, v *models.Void) {
	tx.Insert("insert the void", `INSERT INTO voids (merchant_id, id, payment_id, currency, key_hash, reason, releases, status, created_at,
		updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9)`,
		v.MerchantID, v.ID, v.PaymentID, v.Currency, v.KeyHash, v.Reason, v.Releases, string(v.Status), v.CreatedAt)
}

// Change queues what became of a pending void.
func (r *Voids) Change(tx *postgres.Tx, v *models.Void) {
	tx.MustAffect("change the void", `UPDATE voids SET status = $3, status_reason = $4, updated_at = now()
		WHERE merchant_id = $1 AND id = $2 AND status = 'pending'`, v.MerchantID, v.ID, string(v.Status), v.StatusReason)
}

// Delete queues the removal of a void that surely never reached the provider.
func (r *Voids) Delete(tx *postgres.Tx, merchant, id uuid.UUID) {
	tx.MustAffect("delete the void", `DELETE FROM voids WHERE merchant_id = $1 AND id = $2 AND status = 'pending'`, merchant, id)
}

// Read queues a read of one void.
func (r *Voids) Read(tx *postgres.Tx, merchant, id uuid.UUID) *postgres.Pending[models.Void] {
	return postgres.ReadOne(tx, "read the void", `SELECT `+voidColumns+` FROM voids v WHERE v.merchant_id = $1 AND v.id = $2`,
		[]any{merchant, id}, voidFields)
}

// UnderKey queues a read of the void that was made under a key: it stays when the key's record is gone.
func (r *Voids) UnderKey(tx *postgres.Tx, merchant uuid.UUID, keyHash []byte) *postgres.Pending[models.Void] {
	return postgres.ReadOne(tx, "find the key's void", `SELECT `+voidColumns+` FROM voids v WHERE v.merchant_id = $1 AND v.key_hash = $2`,
		[]any{merchant, keyHash}, voidFields)
}

// PaymentKey names a payment of any merchant.
type PaymentKey struct{ MerchantID, ID uuid.UUID }

// ExpiredAuthorizations finds up to limit payments whose authorization is over, and that nothing is under way for: a void
// is made for each of them once.
func (r *Voids) ExpiredAuthorizations(ctx context.Context, limit int) ([]PaymentKey, error) {
	return r.due(ctx, "find expired authorizations", `p.status IN ('requires_capture', 'partially_captured')
		AND p.authorization_expires_at <= now()`, models.ReasonAuthorizationExpired, limit)
}

// LeftChallenges finds up to limit payments that have waited for their customer for as long as was promised; where nothing was, for
// longer than the age.
func (r *Voids) LeftChallenges(ctx context.Context, age time.Duration, limit int) ([]PaymentKey, error) {
	return r.due(ctx, "find challenges that were left", `p.status = 'requires_action'
		AND coalesce(p.next_action_expires_at, p.created_at + make_interval(secs => ?::float8)) <= now()`, models.ReasonActionTimeout, limit, seconds(age))
}

func (r *Voids) due(ctx context.Context, label, where, reason string, limit int, args ...any) ([]PaymentKey, error) {
	var found []PaymentKey
	err := r.db.WithContext(ctx).Raw(`SELECT p.merchant_id, p.id FROM payments p WHERE `+where+`
		AND NOT EXISTS (SELECT 1 FROM provider_attempts a WHERE a.merchant_id = p.merchant_id AND a.payment_id = p.id
			AND a.operation IN ('authorize', 'capture', 'void') AND a.status IN ('sent', 'unknown'))
		AND NOT EXISTS (SELECT 1 FROM voids v WHERE v.merchant_id = p.merchant_id AND v.payment_id = p.id AND v.reason = ?)
		ORDER BY p.created_at LIMIT ?`, append(args, reason, limit)...).Scan(&found).Error
	if err != nil {
		return nil, postgres.ReadError(label, err)
	}
	return found, nil
}
