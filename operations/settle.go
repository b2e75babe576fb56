package operations

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/payonce/payonce/models"
	"github.com/payonce/payonce/repository"
	"github.com/payonce/payonce/wire"
)

const (
	// authorizationLife is how long a card network holds an authorization (Stripe's documented 7 days for cards).
	authorizationLife = 7 * 24 * time.Hour
	// actionCheck is the first pause before a payment that waits for its payer is looked up.
	actionCheck = 5 * time.Second
	// reviewCheck is the pause between look-ups of a payment that a person has to look at.
	reviewCheck = time.Hour
)

// write queues everything that follows from a verdict, and returns the payment as it will be. The lock order is
// attempt, order, payment, captures, ledger, events; the record, if there is one, comes before.
func (a *authorize) write(u *repository.Unit, t truth) (*models.Payment, error) {
	next := a.payment
	change := a.change(&next, t)
	if t.reference != "" {
		next.ProviderReference = &t.reference
	}
	a.attempts.Resolve(u, &a.attempt, repository.Resolved{
		Status: change.attempt, Reference: next.ProviderReference, Code: optional(t.code), NextCheck: change.nextCheck,
	})
	if change.reserved != 0 || change.paid != 0 {
		a.orders.Move(u, next.MerchantID, next.OrderID, change.reserved, change.paid)
	}
	a.payments.Change(u, &next, a.payment.Status, a.payment.Version)
	next.Version++ // by the trigger payments_guard
	if t.verdict == captured {
		a.writeCapture(u, &next)
	}
	if t.verdict == review {
		a.writeDiscrepancy(u, &next, "provider_differs", t)
	}
	return &next, a.writeEvent(u, &next)
}

// change is what a verdict does to the rows around the payment.
type change struct {
	attempt        models.AttemptStatus
	nextCheck      time.Duration // zero: none
	reserved, paid int64         // of the order
}

// change applies a verdict to the payment. An unknown outcome is never a failure.
func (a *authorize) change(p *models.Payment, t truth) change {
	p.StatusReason, p.NextActionURL = nil, nil
	switch t.verdict {
	case captured:
		p.Status, p.AmountAuthorized, p.AmountCaptured = models.PaymentSucceeded, p.Amount, p.Amount
		return change{attempt: models.AttemptSucceeded, reserved: -p.Amount, paid: p.Amount}
	case authorized:
		p.Status, p.AmountAuthorized = models.PaymentRequiresCapture, p.Amount
		expires := a.attempt.SentAt.Add(authorizationLife)
		p.AuthorizationExpiresAt = &expires
		return change{attempt: models.AttemptSucceeded}
	case action:
		p.Status, p.NextActionURL = models.PaymentRequiresAction, optional(t.actionURL)
		return change{attempt: models.AttemptActionRequired, nextCheck: actionCheck}
	case declined:
		p.Status, p.StatusReason = models.PaymentFailed, optional(t.reason)
		return change{attempt: models.AttemptDeclined, reserved: -p.Amount}
	case refused:
		p.Status, p.StatusReason = models.PaymentFailed, optional(t.reason)
		return change{attempt: models.AttemptFailed, reserved: -p.Amount}
	case canceled:
		p.Status, p.StatusReason = models.PaymentCanceled, optional("canceled_by_provider")
		return change{attempt: models.AttemptFailed, reserved: -p.Amount}
	case review:
		p.StatusReason = optional(models.ReasonNeedsReview)
		return change{attempt: models.AttemptUnknown, nextCheck: reviewCheck}
	case unknown:
	}
	p.StatusReason = optional(models.ReasonOutcomeUnknown)
	return change{attempt: models.AttemptUnknown, nextCheck: a.schedule.First}
}

// writeCapture queues what an automatic capture leaves: its row, and its entry in the ledger.
func (a *authorize) writeCapture(u *repository.Unit, p *models.Payment) {
	capture := models.Capture{
		MerchantID: p.MerchantID, ID: models.DerivedID("payonce/capture-id/v1", p.ID[:]), PaymentID: p.ID, Currency: p.Currency,
		Amount: p.AmountCaptured, IsFinal: true, Status: models.CaptureSucceeded, CreatedAt: a.attempt.SentAt,
	}
	a.payments.InsertCapture(u, &capture)
	a.ledger.Post(u, models.LedgerEntry{
		MerchantID: p.MerchantID, ID: models.NewID(), Kind: models.LedgerCapture, SourceID: capture.ID,
	}, repository.AccountClearing, repository.AccountPayable, models.Money{Amount: capture.Amount, Currency: p.Currency})
}

func (a *authorize) writeEvent(u *repository.Unit, p *models.Payment) error {
	data, err := json.Marshal(wire.NewPayment(p))
	if err != nil {
		return fmt.Errorf("encode the event: %w", err)
	}
	a.events.Insert(u, &models.Event{
		MerchantID: p.MerchantID, ID: models.NewID(), Type: "payment." + string(p.Status), ResourceType: wire.TypePayment,
		ResourceID: p.ID, ResourceVersion: p.Version, Data: data, RequestID: optional(a.input.RequestID),
	})
	return nil
}

// writeDiscrepancy queues one finding a payment and kind, however often it is seen.
func (a *authorize) writeDiscrepancy(u *repository.Unit, p *models.Payment, kind string, t truth) {
	details, _ := json.Marshal(map[string]any{ //nolint:errchkjson // strings and integers only
		"reference": t.reference, "asked_amount": p.Amount, "asked_currency": p.Currency, "provider_code": t.code,
	})
	a.events.InsertDiscrepancy(u, &models.Discrepancy{
		MerchantID: p.MerchantID, ID: models.DerivedID("payonce/discrepancy/v1", p.ID[:], []byte(kind)), Kind: kind,
		PaymentID: &p.ID, Details: details,
	})
	a.log.Error("ALERT a payment needs review", "payment_id", a.publicID(), "kind", kind, "reference", t.reference)
}

// optional is nil for an empty text.
func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
