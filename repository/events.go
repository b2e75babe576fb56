package repository

import (
	"context"

	"github.com/google/uuid"
	"gorm.io/gorm"

	"github.com/payonce/payonce/models"
)

// Events are the audit log and the outbox: written in the transaction of the change that they tell.
type Events struct{ db *gorm.DB }

// NewEvents returns the repository.
func NewEvents(db *Database) *Events { return &Events{db.gorm} }

// Insert queues an event.
func (r *Events) Insert(u *Unit, e *models.Event) {
	u.Insert("insert the event", `INSERT INTO events (merchant_id, id, type, resource_type, resource_id, resource_version, data,
		request_id) VALUES ($1, $2, $3, $4, $5, $6, $7::jsonb, $8)`,
		e.MerchantID, e.ID, e.Type, e.ResourceType, e.ResourceID, e.ResourceVersion, text(e.Data), e.RequestID)
}

// InsertDiscrepancy queues a finding that a person has to look at.
func (r *Events) InsertDiscrepancy(u *Unit, d *models.Discrepancy) {
	u.Insert("insert the discrepancy", `INSERT INTO discrepancies (merchant_id, id, kind, payment_id, details)
		VALUES ($1, $2, $3, $4, $5::jsonb) ON CONFLICT DO NOTHING`, d.MerchantID, d.ID, d.Kind, d.PaymentID, text(d.Details))
}

// Get reads one event.
func (r *Events) Get(ctx context.Context, merchant, id uuid.UUID) (*models.Event, error) {
	return first[models.Event](r.db.WithContext(ctx).Where("merchant_id = ? AND id = ?", merchant, id))
}

// List reads a page of events, newest first.
func (r *Events) List(ctx context.Context, merchant uuid.UUID, page Page) ([]models.Event, error) {
	return list[models.Event](r.db.WithContext(ctx).Where("merchant_id = ?", merchant), page)
}
