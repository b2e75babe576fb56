package repository

import (
	"context"
	"time"

	"github.com/google/uuid"
	"gorm.io/gorm"

	"github.com/payonce/payonce/idempotency/postgres"
	"github.com/payonce/payonce/models"
)

// WebhookDeliveries are events on their way to endpoints.
type WebhookDeliveries struct {
	db    *gorm.DB
	whole *postgres.Database
}

// NewWebhookDeliveries returns the repository.
func NewWebhookDeliveries(db *postgres.Database) *WebhookDeliveries {
	return &WebhookDeliveries{db.GORM(), db}
}

// DeliveryFilter narrows a list; a nil field does not.
type DeliveryFilter struct {
	Statuses []string // any of them
	EventID  *uuid.UUID
}

// List reads a page of an endpoint's deliveries, newest first.
func (r *WebhookDeliveries) List(ctx context.Context, merchant, endpoint uuid.UUID, filter DeliveryFilter, page Page) ([]models.WebhookDelivery, error) {
	query := r.db.WithContext(ctx).Where("merchant_id = ? AND endpoint_id = ?", merchant, endpoint)
	if filter.Statuses != nil {
		query = query.Where("status IN ?", filter.Statuses)
	}
	if filter.EventID != nil {
		query = query.Where("event_id = ?", *filter.EventID)
	}
	return list[models.WebhookDelivery](query, page)
}

// Lock queues a locking read of a delivery of an endpoint, that may travel with the claim of a key.
func (r *WebhookDeliveries) Lock(tx *postgres.Tx, merchant, endpoint, id uuid.UUID) *postgres.Pending[models.WebhookDelivery] {
	return postgres.ReadOne(tx, "lock the delivery", `SELECT merchant_id, id, endpoint_id, event_id, status, attempts, fence, next_attempt_at,
		last_attempt_at, last_error, response_status, response_body, created_at, finished_at FROM webhook_deliveries
		WHERE merchant_id = $1 AND endpoint_id = $2 AND id = $3 AND `+postgres.WhenMine+` FOR UPDATE`,
		[]any{merchant, endpoint, id}, func(d *models.WebhookDelivery) []any {
			return []any{
				&d.MerchantID, &d.ID, &d.EndpointID, &d.EventID, (*string)(&d.Status), &d.Attempts, &d.Fence, &d.NextAttemptAt,
				&d.LastAttemptAt, &d.LastError, &d.ResponseStatus, &d.ResponseBody, &d.CreatedAt, &d.FinishedAt,
			}
		})
}

// Again queues that a delivery which this transaction has locked is due now, with all its attempts. One that is being sent
// meanwhile is sent twice.
func (r *WebhookDeliveries) Again(tx *postgres.Tx, d *models.WebhookDelivery) {
	tx.MustAffect("deliver again", `UPDATE webhook_deliveries SET status = 'pending', attempts = 0, fence = fence + 1, next_attempt_at = $3,
		finished_at = NULL WHERE merchant_id = $1 AND id = $2`, d.MerchantID, d.ID, d.NextAttemptAt)
	tx.Notify(DeliveriesDue)
}

// Missed is what AgainSince did.
type Missed struct {
	Queued int
	Next   *time.Time // where the next call goes on; nil: that was all
}

// AgainSince queues that an endpoint gets the events since a time that it wants and has not got: those of deliveries that ended otherwise,
// and those for which there is no delivery, because it was disabled then. At most limit events are looked at, the oldest first.
func (r *WebhookDeliveries) AgainSince(tx *postgres.Tx, w *models.WebhookEndpoint, since time.Time, limit int) *Missed {
	missed := &Missed{}
	tx.Returning("deliver again since", `WITH seen AS (SELECT id, created_at, type, resource_id FROM events
			WHERE merchant_id = $1 AND created_at >= $3 ORDER BY created_at, id LIMIT $4 + 1),
		page AS (SELECT * FROM seen ORDER BY created_at, id LIMIT $4),
		again AS (INSERT INTO webhook_deliveries AS d (merchant_id, endpoint_id, event_id)
			SELECT $1, $2, p.id FROM page p WHERE p.resource_id <> $2
				AND $5::text[] && ARRAY['*', p.type, split_part(p.type, '.', 1) || '.*']
			ON CONFLICT (merchant_id, event_id, endpoint_id) DO UPDATE
			SET status = 'pending', attempts = 0, fence = d.fence + 1, next_attempt_at = now(), finished_at = NULL
			WHERE d.status IN ('exhausted', 'canceled') RETURNING 1)
		SELECT (SELECT count(*) FROM again), (SELECT max(created_at) FROM seen WHERE (SELECT count(*) FROM seen) > $4)`,
		[]any{w.MerchantID, w.ID, since, limit, []string(w.Events)},
		func(scan func(...any) error) error { return scan(&missed.Queued, &missed.Next) })
	tx.Notify(DeliveriesDue)
	return missed
}

// Sweep deletes up to limit deliveries that ended longer ago than the retention.
func (r *WebhookDeliveries) Sweep(ctx context.Context, retention time.Duration, limit int) (int, error) {
	result := r.db.WithContext(ctx).Exec(`WITH due AS (SELECT merchant_id, id FROM webhook_deliveries
			WHERE finished_at < now() - make_interval(secs => ?) ORDER BY finished_at LIMIT ? FOR UPDATE SKIP LOCKED)
		DELETE FROM webhook_deliveries d USING due WHERE d.merchant_id = due.merchant_id AND d.id = due.id`, seconds(retention), limit)
	if result.Error != nil {
		return 0, postgres.ReadError("sweep deliveries", result.Error)
	}
	return int(result.RowsAffected), nil
}
