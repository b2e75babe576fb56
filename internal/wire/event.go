package wire

import (
	"encoding/json"

	"github.com/payonce/payonce/models"
)

// Event is a change that was committed, as clients see it.
type Event struct {
	ID              string          `json:"id" example:"evt_01jd8x7w4n9q2m5k3r6t8v0y1z"`
	Type            string          `json:"type" example:"payment.succeeded"`
	ResourceType    string          `json:"resource_type" example:"payment"`
	ResourceID      string          `json:"resource_id" example:"pay_3h2v9c1m8x4r7t0k5w6z1b2d3f"`
	ResourceVersion int             `json:"resource_version" example:"2"`
	Data            json.RawMessage `json:"data" swaggertype:"object"` // the resource as it was after the change
	CreatedAt       string          `json:"created_at" format:"date-time" example:"2026-11-23T12:00:00.123456Z"`
}

// NewEvent renders a row.
func NewEvent(e *models.Event) Event {
	return Event{
		ID: models.FormatID(models.PrefixEvent, e.ID), Type: e.Type, ResourceType: e.ResourceType,
		ResourceID: models.FormatID(types[e.ResourceType].prefix, e.ResourceID), ResourceVersion: e.ResourceVersion,
		Data: snapshot(e.ResourceType, e.Data), CreatedAt: Time(e.CreatedAt),
	}
}
