package repository

import (
	"context"
	"time"

	"github.com/payonce/payonce/idempotency/postgres"
	"github.com/payonce/payonce/models"
)

// ProviderEvents are the provider's notifications, each once.
type ProviderEvents struct{ whole *postgres.Database }

// NewProviderEvents returns the repository.
func NewProviderEvents(db *postgres.Database) *ProviderEvents { return &ProviderEvents{db} }

// Store keeps an event and makes the payment's unresolved attempts due now, in one statement. added is false for one that is
// there already, which changes nothing.
func (r *ProviderEvents) Store(ctx context.Context, e *models.ProviderEvent) (added bool, err error) {
	err = r.whole.Autocommit(ctx, func(tx *postgres.Tx) {
		tx.Returning("store the provider's event", `WITH event AS (
			INSERT INTO provider_events (provider, id, type, merchant_id, payment_id, object, created_at, due_at)
			VALUES ($1, $2, $3, $4, $5, $6::jsonb, $7, CASE WHEN $6::jsonb IS NOT NULL THEN clock_timestamp() END)
			ON CONFLICT (provider, id) DO NOTHING RETURNING merchant_id, payment_id),
		due AS (UPDATE provider_attempts a SET next_check_at = clock_timestamp() FROM event e
			WHERE a.merchant_id = e.merchant_id AND a.payment_id = e.payment_id
				AND a.next_check_at > clock_timestamp() AND a.lease_until IS NULL)
		SELECT count(*) > 0 FROM event`,
			[]any{e.Provider, e.ID, e.Type, e.MerchantID, e.PaymentID, optionalText(e.Object), e.CreatedAt},
			func(scan func(...any) error) error { return scan(&added) })
	})
	return added, err
}

func optionalText(j models.JSON) any {
	if j == nil {
		return nil
	}
	return string(j)
}

// ClaimDue takes up to limit events that are to be compared with our rows. One that isn't ended by Done comes again, after pauses that grow.
func (r *ProviderEvents) ClaimDue(ctx context.Context, limit int) (due []models.ProviderEvent, err error) {
	err = r.whole.Autocommit(ctx, func(tx *postgres.Tx) {
		tx.Returning("claim the provider's events", `WITH due AS (SELECT provider, id FROM provider_events WHERE due_at <= now()
			ORDER BY due_at LIMIT $1 FOR UPDATE SKIP LOCKED)
		UPDATE provider_events e SET tries = e.tries + 1, due_at = clock_timestamp() + make_interval(mins => least(power(2, e.tries), 60)::int)
		FROM due WHERE e.provider = due.provider AND e.id = due.id RETURNING e.provider, e.id, e.type, e.object, e.tries`, []any{limit},
			func(scan func(...any) error) error {
				var e models.ProviderEvent
				if err := scan(&e.Provider, &e.ID, &e.Type, &e.Object, &e.Tries); err != nil {
					return err
				}
				due = append(due, e)
				return nil
			})
	})
	return due, err
}

// Done ends the work on an event.
func (r *ProviderEvents) Done(ctx context.Context, e *models.ProviderEvent) error {
	return r.whole.Autocommit(ctx, func(tx *postgres.Tx) {
		tx.Returning("end the provider's event", `UPDATE provider_events SET due_at = NULL WHERE provider = $1 AND id = $2`,
			[]any{e.Provider, e.ID}, nil)
	})
}

// Forget deletes up to limit events that came longer than age ago, and returns how many.
func (r *ProviderEvents) Forget(ctx context.Context, age time.Duration, limit int) (rows int, err error) {
	err = r.whole.Autocommit(ctx, func(tx *postgres.Tx) {
		tx.Returning("forget the provider's events", `WITH old AS (SELECT provider, id FROM provider_events
			WHERE received_at < now() - make_interval(secs => $1::float8) ORDER BY received_at LIMIT $2 FOR UPDATE SKIP LOCKED),
		gone AS (DELETE FROM provider_events e USING old WHERE e.provider = old.provider AND e.id = old.id RETURNING 1)
		SELECT count(*) FROM gone`, []any{seconds(age), limit},
			func(scan func(...any) error) error { return scan(&rows) })
	})
	return rows, err
}
