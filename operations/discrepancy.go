package operations

import (
	"context"
	"encoding/json"

	"github.com/google/uuid"

	"github.com/payonce/payonce/idempotency"
	"github.com/payonce/payonce/models"
)

// The kinds of discrepancies, each described in docs/runbook.md.
const (
	kindDiffers     = "provider_differs"            // another amount, currency or capture method than asked
	kindNotFound    = models.DiscrepancyNotFound    // not known there, and too old to be sent again
	kindSeveral     = "several_intents_at_provider" // more than one intent of one payment
	kindUnsettled   = "unsettled_at_provider"       // shown there in a state that can still move, for too long
	kindNoAnswer    = "no_answer_from_provider"     // no look-up gives a clear answer, for too long
	kindNotStorable = "answer_not_storable"         // the store refuses to write what the provider answered
)

// passing are the kinds that are over as soon as the provider's answer is clear and stored.
func passing() []string {
	return []string{kindNotFound, kindUnsettled, kindNoAnswer, kindNotStorable}
}

// finding is the discrepancy that comes with an outcome; nil when there is none.
func (o *operation) finding(out Outcome) *models.Discrepancy {
	switch {
	case len(out.Others) > 0:
		return o.discrepancy(kindSeveral, out)
	case out.Kind == Review:
		return o.discrepancy(kindDiffers, out)
	}
	return nil
}

// discrepancy is one finding per operation and kind, however often it is made.
func (o *operation) discrepancy(kind string, out Outcome, more ...string) *models.Discrepancy {
	s, reference := o.effect.Subject(), out.Reference
	if reference == "" && len(out.Others) == 0 && o.attempt.ProviderReference != nil {
		reference = *o.attempt.ProviderReference
	}
	details := map[string]any{
		"reference": reference, "asked_amount": s.Asked.Amount, "asked_currency": s.Asked.Currency, "provider_code": out.Code,
	}
	if out.Status != "" {
		details["provider_status"] = out.Status
	}
	if len(out.Others) > 0 {
		details["others"] = out.Others
	}
	for i := 0; i+1 < len(more); i += 2 {
		details[more[i]] = more[i+1]
	}
	text, _ := json.Marshal(details) //nolint:errchkjson // strings and integers only
	return &models.Discrepancy{
		MerchantID: s.Merchant, ID: discrepancyID(s.ID, kind), Kind: kind, Operation: &s.Operation, OperationID: &s.ID,
		PaymentID: &s.Payment, Details: text,
	}
}

func discrepancyID(operation uuid.UUID, kind string) uuid.UUID {
	return idempotency.UUIDFrom("payonce/discrepancy/v1", operation[:], []byte(kind))
}

// discrepancyIDs are the ids of the operation's findings of these kinds, made or not.
func (o *operation) discrepancyIDs(kinds []string) []uuid.UUID {
	ids := make([]uuid.UUID, 0, len(kinds))
	for _, kind := range kinds {
		ids = append(ids, discrepancyID(o.attempt.OperationID, kind))
	}
	return ids
}

// markedFailed reports whether a person has decided that this operation, which the provider has just said once more that it
// doesn't know, is to fail. It is asked of the account that it was sent to, and the provider never gave a reference for it:
// otherwise money may have moved.
func (o *operation) markedFailed(ctx context.Context) (bool, error) {
	if !o.underReview() || !o.old() || o.attempt.Provider != o.account || o.attempt.ProviderReference != nil {
		return false, nil
	}
	decision, err := o.discrepancies.Decision(ctx, o.attempt.MerchantID, discrepancyID(o.attempt.OperationID, kindNotFound))
	return decision == models.ActionMarkFailed, err
}

func (o *operation) alert(d *models.Discrepancy) {
	o.log.Error("ALERT a payment needs review", "payment_id", o.publicID(), "kind", d.Kind, "details", string(d.Details))
}
