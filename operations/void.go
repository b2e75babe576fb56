package operations

import (
	"context"

	"github.com/google/uuid"

	"github.com/payonce/payonce/idempotency"
	"github.com/payonce/payonce/idempotency/postgres"
	"github.com/payonce/payonce/internal/wire"
	"github.com/payonce/payonce/models"
	"github.com/payonce/payonce/provider"
)

const voidDomain = "payonce/void-id/v1"

// VoidInput is a validated request to end a payment that took nothing yet, or to release what is left of it.
type VoidInput struct {
	PaymentID uuid.UUID
	RequestID string
}

// void ends an authorization, or what is left of it, or a payment that waits for its customer.
type void struct {
	*parts
	requestID string // "" at a takeover and in checks, and for payonce's own
	reads     claimed
	used      *postgres.Pending[models.Void] // what the key voided before its record was forgotten
	payment   models.Payment                 // as it was when the void was claimed: no capture can begin behind that
	row       models.Void
}

// Void returns the operation of one request. The void's id follows from the request's identity alone.
func (d *Driver) Void(req idempotency.Request, in VoidInput) idempotency.Operation[*postgres.Tx] {
	id := uuid.UUID(idempotency.DeriveUUID(voidDomain, req.Tenant, req.Key, string(models.OperationVoid), req.Fingerprint))
	return d.Operation(req, &void{parts: d.parts, requestID: in.RequestID, row: models.Void{
		MerchantID: uuid.UUID(req.Tenant), ID: id, PaymentID: in.PaymentID, KeyHash: req.KeyHash[:],
		Reason: models.ReasonCanceledByMerchant, Status: models.VoidPending,
	}})
}

func (p *parts) loadVoid(tx *postgres.Tx, merchant, id uuid.UUID) func() (Effect, error) {
	return loaded(p.voids.Read(tx, merchant, id), p.payments.OfVoid(tx, merchant, id), func(row models.Void, payment models.Payment) Effect {
		return &void{parts: p, payment: payment, row: row}
	})
}

func (v *void) Subject() Subject {
	return Subject{
		Operation: models.OperationVoid, Merchant: v.row.MerchantID, ID: v.row.ID, Resource: resourceVoid, Payment: v.row.PaymentID,
		Asked: models.Money{Amount: v.payment.Left(), Currency: v.payment.Currency}, UnderReview: v.row.NeedsReview(),
	}
}

// resourceVoid is what a record names while its void is under way; the response names the payment.
const resourceVoid = "void"

func (v *void) Reads(tx *postgres.Tx) {
	v.reads = v.claim(tx, v.row.MerchantID, v.row.PaymentID)
	if v.row.KeyHash != nil {
		v.used = v.voids.UnderKey(tx, v.row.MerchantID, v.row.KeyHash)
	}
}

// Claim queues the void. It reserves nothing: while it is open, no capture of the payment begins.
func (v *void) Claim(_ context.Context, tx *postgres.Tx) error {
	if v.used != nil {
		if used, err := v.used.Get(); err == nil {
			return spent(wire.TypePayment, used.PaymentID)
		}
	}
	payment, err := v.reads.get(models.ErrPaymentNotCancelable)
	if err != nil {
		return err
	}
	if reason := payment.Endable(v.row.Reason); reason != nil {
		return refusalOf(payment, reason)
	}
	v.payment = *payment
	v.row.Currency, v.row.Releases, v.row.CreatedAt = payment.Currency, payment.AmountCaptured > 0, tx.Now()
	v.voids.Insert(tx, &v.row)
	return nil
}

// Release takes the void back.
func (v *void) Release(tx *postgres.Tx) { v.voids.Delete(tx, v.row.MerchantID, v.row.ID) }

// Send cancels the intent, or releases what is left of one that was captured in part: the provider knows that as a last capture of
// nothing. The request follows from the rows alone.
func (v *void) Send(ctx context.Context, key string) Outcome {
	if v.row.Releases {
		return v.interpret(v.provider.Capture(ctx, provider.CaptureRequest{
			Key: key, Reference: v.reference(), Currency: v.payment.Currency, Final: true, OperationID: v.row.ID.String(), PaymentID: v.payment.PublicID(),
			MerchantID: models.FormatID(models.PrefixMerchant, v.row.MerchantID),
		}))
	}
	return v.interpret(v.provider.Cancel(ctx, provider.CancelRequest{Key: key, Reference: v.reference()}))
}

// LookUp retrieves the intent.
func (v *void) LookUp(ctx context.Context, _ Search) Outcome {
	return v.interpret(v.provider.Retrieve(ctx, v.reference()))
}

// Cancel is never asked for: a void is not shown as untried.
func (v *void) Cancel(context.Context, string) Outcome { return Outcome{} }

func (v *void) reference() string { return *v.payment.ProviderReference } // what can be voided has one

// interpret says what the provider's answer means for a void. What is not listed is Unknown.
func (v *void) interpret(result provider.Result[provider.Intent]) Outcome {
	out, in := outcomeOf(result), result.Object
	if in == nil || result.Outcome != provider.Answered || !isOf(&v.payment, in) || in.Reference != v.reference() {
		return out
	}
	out.Status = in.Status
	switch {
	case in.Status == "canceled" && in.AmountReceived == v.payment.AmountCaptured,
		v.row.Releases && in.Status == "succeeded" && in.AmountReceived == v.payment.AmountCaptured:
		out.Kind, out.Reference = Succeeded, in.Reference
	case v.payment.Status != models.PaymentRequiresAction && in.AmountReceived != v.payment.AmountCaptured:
		out.Kind = Review // money was taken by another way than ours
	case in.Status == "succeeded":
		out.Kind, out.Reason = Declined, "already_captured" // the customer was faster
	case in.Status == "requires_capture", in.Status == "requires_action", in.Status == "requires_payment_method":
		out.Absent = true
	}
	return out
}

// Complete ends the payment, or releases the rest of it; and the wait for the customer with it. What the customer brought to an end
// meanwhile stays as it is.
func (v *void) Complete(ctx context.Context, tx *postgres.Tx, out Outcome) (*idempotency.Response, error) {
	switch out.Kind {
	case Succeeded:
		v.attempts.EndWaiting(tx, v.row.MerchantID, v.row.PaymentID)
	case Declined: // the customer was faster: the authorization is looked up at once
		v.attempts.CheckWaiting(tx, v.row.MerchantID, v.row.PaymentID)
	case Unknown, Review, ActionRequired, Accepted, Canceled:
	}
	now, err := v.lock(ctx, tx, v.row.MerchantID, v.row.PaymentID)
	if err != nil {
		return nil, err
	}
	row := v.row
	row.StatusReason = out.reason()
	switch out.Kind {
	case Succeeded:
		row.Status = models.VoidSucceeded
		if now.payment.Cancelable() == nil {
			err = v.ended(tx, &now)
		}
	case Declined, Canceled:
		row.Status = models.VoidFailed
	case Unknown, Review, ActionRequired, Accepted:
	}
	if err != nil {
		return nil, err
	}
	v.voids.Change(tx, &row)
	return changedPayment(models.OperationVoid, now.payment, out)
}

// ended queues what a void changes.
func (v *void) ended(tx *postgres.Tx, now *account) error {
	p := now.payment
	to := p.Unchanged()
	to.Status, to.StatusReason, to.NextActionURL = v.row.Ends(), &v.row.Reason, nil
	to.Voided = p.Left()
	if p.AmountCaptured > 0 {
		to.Status = models.PaymentSucceeded
	}
	reserved := -to.Voided
	if p.Status == models.PaymentRequiresAction {
		reserved = -p.Amount // nothing was authorized yet: the order holds all of it
	}
	return v.change(tx, now, models.OrderChange{Reserved: reserved}, to, "payment."+string(to.Status), v.requestID)
}
