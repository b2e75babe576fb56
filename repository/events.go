package repository

import (
	"context"

	"github.com/google/uuid"
	"gorm.io/gorm"

	"github.com/payonce/payonce/idempotency/postgres"
	"github.com/payonce/payonce/models"
)

// Events are the audit log and the outbox: written in the transaction of the change that they describe.
type Events struct {
	db    *gorm.DB
	whole *postgres.Database
}

// NewEvents returns the repository.
func NewEvents(db *postgres.Database) *Events { return &Events{db.GORM(), db} }

// writeWithEvent queues the write of one row, an INSERT or UPDATE, and its event, as one statement: the event
// has the version that the write returned. It fails the whole transaction unless a row was written. In the write, $1 is the
// merchant, $2 the resource, and args begin at $8.
func writeWithEvent(tx *postgres.Tx, label, write string, e *models.Event, args ...any) {
	query := `WITH written AS (` + write + ` RETURNING version),
		event AS (INSERT INTO events (merchant_id, id, type, resource_type, resource_id, resource_version, data, request_id)
			SELECT $1, $3::uuid, $4::text, $5::text, $2, version, $6::jsonb, $7::text FROM written RETURNING ` + eventColumns + `),
		` + outbox + `
		SELECT 1/(SELECT count(*) FROM event), (SELECT count(*) FROM delivery)`
	event := []any{e.MerchantID, e.ResourceID, e.ID, e.Type, e.ResourceType, text(e.Data), e.RequestID}
	tx.Returning(label, query, append(event, args...), func(scan func(...any) error) error {
		return wakeDeliveries(tx, scan, nil)
	})
}

// Get reads one event.
func (r *Events) Get(ctx context.Context, merchant, id uuid.UUID) (*models.Event, error) {
	return first[models.Event](r.db.WithContext(ctx).Where("merchant_id = ? AND id = ?", merchant, id))
}
