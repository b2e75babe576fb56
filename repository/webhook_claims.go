package repository

import (
	"bytes"
	"context"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/payonce/payonce/idempotency/postgres"
	"github.com/payonce/payonce/models"
)

// queues are the endpoints with pending deliveries, in the order of their ids, from the one behind ($1, $2) on. Each step is one
// look into the index, however many deliveries wait for an endpoint.
const queues = `WITH RECURSIVE queue AS (
		(SELECT merchant_id, endpoint_id FROM webhook_deliveries WHERE status = 'pending' AND (merchant_id, endpoint_id) > ($1, $2)
			ORDER BY merchant_id, endpoint_id LIMIT 1)
		UNION ALL
		SELECT n.merchant_id, n.endpoint_id FROM queue q CROSS JOIN LATERAL (SELECT d.merchant_id, d.endpoint_id FROM webhook_deliveries d
			WHERE d.status = 'pending' AND (d.merchant_id, d.endpoint_id) > (q.merchant_id, q.endpoint_id)
			ORDER BY d.merchant_id, d.endpoint_id LIMIT 1) n)`

// claimDeliveries takes what is due: at most $5 at a time per endpoint, less what is being sent to it, and $6 in all. No endpoint's
// queue, however long, keeps another one's from being looked at. While it is sent, a delivery isn't due; it is again when the lease ($7) is over.
const claimDeliveries = queues + `,
	busy AS (SELECT endpoint_id, sending FROM unnest($3::text[]::uuid[], $4::int[]) AS b (endpoint_id, sending)),
	due AS (SELECT d.merchant_id, d.id FROM queue q
		JOIN webhook_endpoints w ON w.merchant_id = q.merchant_id AND w.id = q.endpoint_id AND (w.failing_since IS NOT NULL) = $8
		LEFT JOIN busy b ON b.endpoint_id = q.endpoint_id
		CROSS JOIN LATERAL (SELECT p.merchant_id, p.id FROM webhook_deliveries p WHERE p.merchant_id = q.merchant_id
			AND p.endpoint_id = q.endpoint_id AND p.status = 'pending' AND p.next_attempt_at <= now()
			ORDER BY p.next_attempt_at LIMIT greatest(0, $5 - coalesce(b.sending, 0)) FOR UPDATE SKIP LOCKED) d
		LIMIT $6)
	UPDATE webhook_deliveries d SET fence = d.fence + 1, next_attempt_at = clock_timestamp() + make_interval(secs => $7)
	FROM due, events e, webhook_endpoints w
	WHERE d.merchant_id = due.merchant_id AND d.id = due.id AND e.merchant_id = d.merchant_id AND e.id = d.event_id
		AND w.merchant_id = d.merchant_id AND w.id = d.endpoint_id
	RETURNING d.merchant_id, d.id, d.endpoint_id, d.attempts, d.fence, clock_timestamp(),
		w.url, w.secret, w.previous_secret, w.previous_secret_until, w.enabled, w.failing_since,
		e.id, e.type, e.resource_type, e.resource_id, e.resource_version, e.data, e.created_at, d.traceparent`

// DeliveryClaim says what a replica can send now.
type DeliveryClaim struct {
	After       [2]uuid.UUID      // merchant and endpoint behind which to look; zero: from the first one on
	Sending     map[uuid.UUID]int // to an endpoint, by this replica
	PerEndpoint int
	Limit       int
	Lease       time.Duration
	Failing     bool // of endpoints whose last attempt failed; else of all others
}

// ClaimedDelivery is a delivery that this replica sends, with all that it needs for that.
type ClaimedDelivery struct {
	Delivery models.WebhookDelivery
	Endpoint models.WebhookEndpoint
	Event    models.Event
	Now      time.Time // of the claim, by Postgres's clock
}

// Claim takes deliveries that are due, skipping those that other replicas are taking.
func (r *WebhookDeliveries) Claim(ctx context.Context, c DeliveryClaim) ([]ClaimedDelivery, error) {
	var endpoints []string
	var sending []int32
	for id, n := range c.Sending {
		endpoints, sending = append(endpoints, id.String()), append(sending, int32(n)) //nolint:gosec // a few
	}
	var claimed []ClaimedDelivery
	args := []any{c.After[0], c.After[1], endpoints, sending, c.PerEndpoint, c.Limit, seconds(c.Lease), c.Failing}
	err := r.whole.Autocommit(ctx, func(tx *postgres.Tx) {
		tx.Returning("claim deliveries", claimDeliveries, args, func(scan func(...any) error) error {
			var one ClaimedDelivery
			if err := scan(one.fields()...); err != nil {
				return err
			}
			one.Event.MerchantID, one.Endpoint.MerchantID = one.Delivery.MerchantID, one.Delivery.MerchantID
			one.Endpoint.ID = one.Delivery.EndpointID
			claimed = append(claimed, one)
			return nil
		})
	})
	return claimed, err
}

func (c *ClaimedDelivery) fields() []any {
	d, w, e := &c.Delivery, &c.Endpoint, &c.Event
	return []any{
		&d.MerchantID, &d.ID, &d.EndpointID, &d.Attempts, &d.Fence, &c.Now,
		&w.URL, &w.Secret, &w.PreviousSecret, &w.PreviousSecretUntil, &w.Enabled, &w.FailingSince,
		&e.ID, &e.Type, &e.ResourceType, &e.ResourceID, &e.ResourceVersion, &e.Data, &e.CreatedAt, &d.Traceparent,
	}
}

// DeliveryResult is what became of an attempt.
type DeliveryResult struct {
	Status         models.WebhookDeliveryStatus
	Attempted      bool          // it counts; else nothing was sent
	Next           time.Duration // until the next attempt, while Status is pending
	Error          *string       // kind of failure
	ResponseStatus *int
	ResponseBody   *string
}

// DeliveryEnd is a claimed delivery and what became of it.
type DeliveryEnd struct {
	Delivery *models.WebhookDelivery
	Result   DeliveryResult
	Recorded bool // set by Record: the claim was still this replica's
}

// Record stores what became of claimed deliveries, all in one transaction, and whether their endpoints work. A claim that another replica has
// taken since changes nothing.
func (r *WebhookDeliveries) Record(ctx context.Context, ends ...*DeliveryEnd) error {
	if len(ends) == 1 {
		return r.whole.Autocommit(ctx, func(tx *postgres.Tx) { r.record(tx, ends[0]) })
	}
	// In the order of their endpoints, whose rows some of them change: two replicas don't wait for each other.
	slices.SortStableFunc(ends, func(a, b *DeliveryEnd) int { return bytes.Compare(a.Delivery.EndpointID[:], b.Delivery.EndpointID[:]) })
	err := r.whole.Apply(ctx, time.Time{}, func(tx *postgres.Tx) error {
		for _, end := range ends {
			r.record(tx, end)
		}
		return nil
	})
	if err != nil {
		for _, end := range ends {
			end.Recorded = false
		}
	}
	return err
}

func (r *WebhookDeliveries) record(tx *postgres.Tx, end *DeliveryEnd) {
	d, res := end.Delivery, &end.Result
	tx.Returning("record the delivery", `WITH ended AS (UPDATE webhook_deliveries SET status = $4::text,
			attempts = attempts + CASE WHEN $5::boolean THEN 1 ELSE 0 END,
			last_attempt_at = CASE WHEN $5::boolean THEN clock_timestamp() ELSE last_attempt_at END,
			last_error = $6::text, response_status = $7::int, response_body = $8::text,
			next_attempt_at = CASE WHEN $4::text = 'pending' THEN clock_timestamp() + make_interval(secs => $9::float8) END,
			finished_at = CASE WHEN $4::text <> 'pending' THEN clock_timestamp() END
			WHERE merchant_id = $1 AND id = $2 AND fence = $3 AND status = 'pending' RETURNING merchant_id, endpoint_id),
		endpoint AS (UPDATE webhook_endpoints w SET failing_since = CASE WHEN $4::text = 'delivered' THEN NULL ELSE clock_timestamp() END
			FROM ended WHERE $5::boolean AND w.merchant_id = ended.merchant_id AND w.id = ended.endpoint_id
			AND (w.failing_since IS NOT NULL) = ($4::text = 'delivered'))
		SELECT count(*) > 0 FROM ended`,
		[]any{d.MerchantID, d.ID, d.Fence, string(res.Status), res.Attempted, res.Error, res.ResponseStatus, res.ResponseBody, seconds(res.Next)},
		func(scan func(...any) error) error { return scan(&end.Recorded) })
}

// maxPending is how many pending deliveries are counted.
const maxPending = 10_000

// Backlog returns how many deliveries have not ended, up to 10000, and for how long the one that has waited longest beyond its time is
// due; zero when none is.
func (r *WebhookDeliveries) Backlog(ctx context.Context) (pending int, oldest time.Duration, err error) {
	var age float64
	err = r.whole.Autocommit(ctx, func(tx *postgres.Tx) {
		tx.Read("count the pending deliveries", `SELECT count(*) FROM (SELECT FROM webhook_deliveries WHERE status = 'pending' LIMIT $1) p`,
			[]any{maxPending}, func(scan func(...any) error) error { return scan(&pending) })
		tx.Returning("find the oldest due delivery", queues+` SELECT greatest(0, coalesce(extract(epoch FROM clock_timestamp() - min(d.at)), 0))::float8
			FROM queue q CROSS JOIN LATERAL (SELECT p.next_attempt_at AS at FROM webhook_deliveries p WHERE p.merchant_id = q.merchant_id
				AND p.endpoint_id = q.endpoint_id AND p.status = 'pending' ORDER BY p.next_attempt_at LIMIT 1) d`,
			[]any{uuid.Nil, uuid.Nil}, func(scan func(...any) error) error { return scan(&age) })
	})
	if err != nil {
		return 0, 0, err
	}
	return pending, time.Duration(age * float64(time.Second)), nil
}
