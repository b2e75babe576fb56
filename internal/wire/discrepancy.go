package wire

import (
	"encoding/json"

	"github.com/payonce/payonce/models"
)

// Discrepancy is something that the provider's book and ours disagree on.
type Discrepancy struct {
	ID         string          `json:"id" example:"dis_3h2v9c1m8x4r7t0k5w6z1b2d3f"`
	Kind       string          `json:"kind" example:"not_found_at_provider"`
	Status     string          `json:"status" enums:"open,resolved" example:"open"`
	Operation  *string         `json:"operation" extensions:"x-nullable" example:"authorize"` // that it is about; null: none that is known here
	PaymentID  *string         `json:"payment_id" extensions:"x-nullable" example:"pay_3h2v9c1m8x4r7t0k5w6z1b2d3f"`
	Details    json.RawMessage `json:"details" swaggertype:"object"`
	Decision   *Decision       `json:"decision" extensions:"x-nullable"`                                       // of a person; null: none yet
	Resolution *string         `json:"resolution" extensions:"x-nullable" example:"settled itself: succeeded"` // how it ended
	FoundAt    string          `json:"found_at" format:"date-time" example:"2026-11-23T12:00:00.123456Z"`
	ResolvedAt *string         `json:"resolved_at" extensions:"x-nullable" format:"date-time" example:"2026-11-23T13:00:00.123456Z"`
}

// Decision is what a person decided about a discrepancy.
type Decision struct {
	Action    string `json:"action" enums:"accept_provider_state,mark_failed,noted" example:"mark_failed"`
	Reason    string `json:"reason" example:"ticket 42: the bank confirms that nothing was charged"`
	APIKeyID  string `json:"api_key_id" example:"4f8Kq2Zr7XwYt1BvN6Mc"`
	DecidedAt string `json:"decided_at" format:"date-time" example:"2026-11-23T13:00:00.123456Z"`
}

// NewDiscrepancy renders a row. repository.discrepancyDocument makes the same document in SQL; a test compares them.
func NewDiscrepancy(d *models.Discrepancy) Discrepancy {
	out := Discrepancy{
		ID: d.PublicID(), Kind: d.Kind, Status: "open", Details: canonical(json.RawMessage(d.Details), nil),
		Resolution: d.Resolution, FoundAt: Time(d.FoundAt),
	}
	if d.Operation != nil {
		name := string(*d.Operation)
		out.Operation = &name
	}
	if d.PaymentID != nil {
		id := models.FormatID(models.PrefixPayment, *d.PaymentID)
		out.PaymentID = &id
	}
	if d.Decision != nil {
		out.Decision = &Decision{string(*d.Decision), *d.DecisionReason, *d.DecidedBy, Time(*d.DecidedAt)}
	}
	if d.ResolvedAt != nil {
		at := Time(*d.ResolvedAt)
		out.Status, out.ResolvedAt = "resolved", &at
	}
	return out
}

// DiscrepancyPath is where a discrepancy is read.
func DiscrepancyPath(id string) string { return "/v1/discrepancies/" + id }
