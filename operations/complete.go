package operations

import (
	"cmp"
	"context"
	"time"

	"github.com/payonce/payonce/idempotency"
	"github.com/payonce/payonce/idempotency/postgres"
	"github.com/payonce/payonce/models"
	"github.com/payonce/payonce/repository"
)

const (
	// actionCheck is the first pause before an operation that waits for the customer, or for a bank, is looked up.
	actionCheck = 5 * time.Second
	// reviewCheck is the pause between look-ups of an operation that a person has to look at.
	reviewCheck = time.Hour
)

// complete queues everything that follows from an outcome, and makes the response. The lock order is attempt, then the effect's
// own rows; the record, if there is one, comes before.
func (o *operation) complete(ctx context.Context, tx *postgres.Tx, out Outcome, found *models.Discrepancy) (*idempotency.Response, error) {
	o.attempts.Resolve(tx, &o.attempt, o.resolved(out))
	response, err := o.effect.Complete(ctx, tx, out)
	if err != nil {
		return nil, err
	}
	if out.Kind == Declined {
		tx.WhenCommitted(func() { o.observe.Declined(o.attempt.Operation, out.Reason) })
	}
	if o.underReview() && out.Kind != Review {
		o.discrepancies.Close(tx, o.attempt.MerchantID, o.attempt.PaymentID, o.discrepancyIDs(passing()), cmp.Or(out.Status, out.Code, out.Reason, "declined"))
	}
	if found != nil {
		o.discrepancies.Insert(tx, found)
		tx.WhenCommitted(func() { o.alert(found) })
	}
	return response, nil
}

// resolved is what an outcome makes of the attempt. The table is the same for every effect.
func (o *operation) resolved(out Outcome) repository.Resolved {
	to := repository.Resolved{Reference: optional(out.Reference), Code: optional(out.Code), Position: out.Position}
	switch out.Kind {
	case Succeeded:
		to.Status = models.AttemptSucceeded
	case ActionRequired:
		to.Status, to.NextCheck = models.AttemptActionRequired, actionCheck
	case Accepted:
		to.Status, to.NextCheck = models.AttemptAccepted, actionCheck
	case Declined:
		to.Status = models.AttemptDeclined
	case Canceled:
		to.Status = models.AttemptFailed
	case Review:
		to.Status, to.NextCheck = models.AttemptUnknown, o.reviewPause(out)
	case Unknown:
		to.Status, to.NextCheck = models.AttemptUnknown, o.schedule.First
	}
	return to
}

func (o *operation) underReview() bool { return o.effect.Subject().UnderReview }

// optional is nil for an empty text.
func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
