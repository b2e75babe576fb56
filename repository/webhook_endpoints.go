package repository

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"gorm.io/gorm"

	"github.com/payonce/payonce/idempotency/postgres"
	"github.com/payonce/payonce/models"
)

// WebhookEndpoints are where merchants want their events sent. Each change that they can see is written together with its event.
type WebhookEndpoints struct {
	db    *gorm.DB
	whole *postgres.Database
}

// NewWebhookEndpoints returns the repository.
func NewWebhookEndpoints(db *postgres.Database) *WebhookEndpoints {
	return &WebhookEndpoints{db.GORM(), db}
}

// Counted is how many endpoints a merchant has.
type Counted struct{ Endpoints int }

// Count queues a count of a merchant's endpoints that stays true until the transaction ends: the merchant's row is locked first, in a
// statement of its own, so that the count sees what its last holder committed.
func (r *WebhookEndpoints) Count(tx *postgres.Tx, merchant uuid.UUID) *postgres.Pending[Counted] {
	tx.Read("lock the merchant", `SELECT 1 FROM merchants WHERE id = $1 AND `+postgres.WhenMine+` FOR NO KEY UPDATE`,
		[]any{merchant}, func(scan func(...any) error) error { return scan(nil) })
	return postgres.ReadOne(tx, "count the endpoints", `SELECT count(*) FROM webhook_endpoints WHERE merchant_id = $1 AND deleted_at IS NULL`,
		[]any{merchant}, func(c *Counted) []any { return []any{&c.Endpoints} })
}

// Insert queues a new endpoint.
func (r *WebhookEndpoints) Insert(tx *postgres.Tx, w *models.WebhookEndpoint, e *models.Event) {
	writeWithEvent(tx, "insert the endpoint", `INSERT INTO webhook_endpoints (merchant_id, id, url, events, description, secret, created_at, updated_at)
		VALUES ($1, $2, $8::text, $9::text[], $10::text, $11::bytea, $12, $12)`, e,
		w.URL, []string(w.Events), w.Description, w.Secret, w.CreatedAt)
}

// Update queues the state of an endpoint that this transaction has locked.
func (r *WebhookEndpoints) Update(tx *postgres.Tx, w *models.WebhookEndpoint, e *models.Event) {
	var reason *string
	if w.DisabledReason != nil {
		text := string(*w.DisabledReason)
		reason = &text
	}
	writeWithEvent(tx, "update the endpoint", `UPDATE webhook_endpoints SET events = $8::text[], description = $9::text, enabled = $10,
		disabled_reason = $11::text, failing_since = $12::timestamptz, secret = $13::bytea, previous_secret = $14::bytea,
		previous_secret_until = $15::timestamptz, updated_at = $16::timestamptz, version = version + 1
		WHERE merchant_id = $1 AND id = $2 AND deleted_at IS NULL`, e,
		[]string(w.Events), w.Description, w.Enabled, reason, w.FailingSince, w.Secret, w.PreviousSecret, w.PreviousSecretUntil, w.UpdatedAt)
}

// Delete queues that an endpoint is gone: its secrets at once, its row when its deliveries are.
func (r *WebhookEndpoints) Delete(tx *postgres.Tx, at time.Time, e *models.Event) {
	writeWithEvent(tx, "delete the endpoint", `UPDATE webhook_endpoints SET deleted_at = $8::timestamptz, updated_at = $8::timestamptz, secret = NULL,
		previous_secret = NULL, previous_secret_until = NULL, enabled = false,
		disabled_reason = coalesce(disabled_reason, 'by_merchant'), version = version + 1
		WHERE merchant_id = $1 AND id = $2 AND deleted_at IS NULL`, e, at)
}

const endpointColumns = `merchant_id, id, url, events, description, secret, previous_secret, previous_secret_until, enabled, disabled_reason,
	failing_since, version, created_at, updated_at`

func endpointFields(w *models.WebhookEndpoint) []any {
	return []any{
		&w.MerchantID, &w.ID, &w.URL, (*[]string)(&w.Events), &w.Description, &w.Secret, &w.PreviousSecret, &w.PreviousSecretUntil, &w.Enabled,
		&w.DisabledReason, &w.FailingSince, &w.Version, &w.CreatedAt, &w.UpdatedAt,
	}
}

// Lock queues a locking read that may travel with the claim of a key. Deliveries may still be written beside it.
func (r *WebhookEndpoints) Lock(tx *postgres.Tx, merchant, id uuid.UUID) *postgres.Pending[models.WebhookEndpoint] {
	return r.read(tx, "lock the endpoint", merchant, id, ` AND `+postgres.WhenMine+` FOR NO KEY UPDATE`)
}

// Read queues a read.
func (r *WebhookEndpoints) Read(tx *postgres.Tx, merchant, id uuid.UUID) *postgres.Pending[models.WebhookEndpoint] {
	return r.read(tx, "read the endpoint", merchant, id, "")
}

func (r *WebhookEndpoints) read(tx *postgres.Tx, label string, merchant, id uuid.UUID, how string) *postgres.Pending[models.WebhookEndpoint] {
	return postgres.ReadOne(tx, label, `SELECT `+endpointColumns+` FROM webhook_endpoints WHERE merchant_id = $1 AND id = $2
		AND deleted_at IS NULL`+how, []any{merchant, id}, endpointFields)
}

// Get reads one endpoint.
func (r *WebhookEndpoints) Get(ctx context.Context, merchant, id uuid.UUID) (*models.WebhookEndpoint, error) {
	return first[models.WebhookEndpoint](r.db.WithContext(ctx).Where("merchant_id = ? AND id = ? AND deleted_at IS NULL", merchant, id))
}

// EndpointFilter narrows a list; a nil field does not.
type EndpointFilter struct{ Enabled *bool }

// List reads a page of endpoints, newest first.
func (r *WebhookEndpoints) List(ctx context.Context, merchant uuid.UUID, filter EndpointFilter, page Page) ([]models.WebhookEndpoint, error) {
	query := r.db.WithContext(ctx).Where("merchant_id = ? AND deleted_at IS NULL", merchant)
	if filter.Enabled != nil {
		query = query.Where("enabled = ?", *filter.Enabled)
	}
	return list[models.WebhookEndpoint](query, page)
}

// Change runs a change that no client asked for in a transaction of its own, with the endpoint locked. An endpoint that is gone is left alone.
func (r *WebhookEndpoints) Change(ctx context.Context, merchant, id uuid.UUID, change func(*postgres.Tx, *models.WebhookEndpoint) error) error {
	var found *postgres.Pending[models.WebhookEndpoint]
	err := r.whole.Run(ctx, func(tx *postgres.Tx) { found = r.Lock(tx, merchant, id) }, func(_ context.Context, tx *postgres.Tx) error {
		endpoint, err := found.Get()
		if err != nil {
			return nil //nolint:nilerr // deleted meanwhile
		}
		return change(tx, endpoint)
	})
	if err != nil {
		return fmt.Errorf("change the endpoint: %w", err)
	}
	return nil
}

// Purge deletes up to limit endpoints that were deleted and have no deliveries any more.
func (r *WebhookEndpoints) Purge(ctx context.Context, limit int) (int, error) {
	result := r.db.WithContext(ctx).Exec(`WITH due AS (SELECT w.merchant_id, w.id FROM webhook_endpoints w WHERE w.deleted_at < now() - interval '1 hour'
			AND NOT EXISTS (SELECT FROM webhook_deliveries d WHERE d.merchant_id = w.merchant_id AND d.endpoint_id = w.id)
			LIMIT ? FOR UPDATE OF w SKIP LOCKED)
		DELETE FROM webhook_endpoints w USING due WHERE w.merchant_id = due.merchant_id AND w.id = due.id`, limit)
	if result.Error != nil {
		return 0, postgres.ReadError("purge endpoints", result.Error)
	}
	return int(result.RowsAffected), nil
}

// SealedOtherwise reads up to limit endpoints with a secret whose first bytes are others than these: those of the present key.
func (r *WebhookEndpoints) SealedOtherwise(ctx context.Context, head []byte, limit int) ([]models.WebhookEndpoint, error) {
	var found []models.WebhookEndpoint
	err := r.db.WithContext(ctx).Where(`deleted_at IS NULL AND (substr(secret, 1, ?) <> ? OR substr(previous_secret, 1, ?) <> ?)`,
		len(head), head, len(head), head).Order("merchant_id, id").Limit(limit).Find(&found).Error
	if err != nil {
		return nil, postgres.ReadError("find secrets under an old key", err)
	}
	return found, nil
}

// Reseal replaces the sealed form of an endpoint's secrets, unless they were changed since they were read. No client sees a difference.
func (r *WebhookEndpoints) Reseal(ctx context.Context, w *models.WebhookEndpoint, secret, previous []byte) error {
	err := r.db.WithContext(ctx).Exec(`UPDATE webhook_endpoints SET secret = ?, previous_secret = ? WHERE merchant_id = ? AND id = ?
		AND secret = ? AND previous_secret IS NOT DISTINCT FROM ?::bytea`, secret, previous, w.MerchantID, w.ID, w.Secret, w.PreviousSecret).Error
	if err != nil {
		return postgres.ReadError("seal a secret again", err)
	}
	return nil
}
