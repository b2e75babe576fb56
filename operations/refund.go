package operations

import (
	"context"
	"net/http"

	"github.com/google/uuid"

	"github.com/payonce/payonce/idempotency"
	"github.com/payonce/payonce/idempotency/postgres"
	"github.com/payonce/payonce/internal/wire"
	"github.com/payonce/payonce/models"
	"github.com/payonce/payonce/provider"
)

const refundDomain = "payonce/refund-id/v1"

// RefundInput is a validated request to give money back.
type RefundInput struct {
	PaymentID uuid.UUID
	Amount    int64 // minor units; 0: all that is left
	Reason    *string
	RequestID string
}

// refund gives (a part of) what was captured back. Any number of them may be under way on one payment.
type refund struct {
	*parts
	requestID string // "" at a takeover and in checks
	asked     int64
	found     *postgres.Pending[models.Payment]
	used      *postgres.Pending[models.Refund] // what the key refunded before its record was forgotten
	payment   models.Payment
	row       models.Refund
}

// Refund returns the operation of one request. The refund's id follows from the request's identity alone.
func (d *Driver) Refund(req idempotency.Request, in RefundInput) idempotency.Operation[*postgres.Tx] {
	id := uuid.UUID(idempotency.DeriveUUID(refundDomain, req.Tenant, req.Key, string(models.OperationRefund), req.Fingerprint))
	return d.Operation(req, &refund{parts: d.parts, requestID: in.RequestID, asked: in.Amount, row: models.Refund{
		MerchantID: uuid.UUID(req.Tenant), ID: id, PaymentID: in.PaymentID, KeyHash: req.KeyHash[:], Reason: in.Reason,
		Status: models.RefundPending,
	}})
}

func (p *parts) loadRefund(tx *postgres.Tx, merchant, id uuid.UUID) func() (Effect, error) {
	return loaded(p.refunds.Read(tx, merchant, id), p.payments.OfRefund(tx, merchant, id), func(row models.Refund, payment models.Payment) Effect {
		return &refund{parts: p, payment: payment, row: row}
	})
}

func (r *refund) Subject() Subject {
	return Subject{
		Operation: models.OperationRefund, Merchant: r.row.MerchantID, ID: r.row.ID, Resource: wire.TypeRefund, Payment: r.row.PaymentID,
		Asked: models.Money{Amount: r.row.Amount, Currency: r.row.Currency}, UnderReview: r.row.NeedsReview(),
	}
}

func (r *refund) Reads(tx *postgres.Tx) {
	r.found = r.payments.Lock(tx, r.row.MerchantID, r.row.PaymentID)
	r.used = r.refunds.UnderKey(tx, r.row.MerchantID, r.row.KeyHash)
}

// Claim queues the refund and its reservation on the payment.
func (r *refund) Claim(_ context.Context, tx *postgres.Tx) error {
	if used, err := r.used.Get(); err == nil {
		return spent(wire.TypeRefund, used.ID)
	}
	payment, err := r.found.Get()
	if err != nil {
		return err
	}
	amount, err := payment.RefundOf(r.asked)
	if err != nil {
		return &NotPossibleError{Payment: payment.ID, Open: payment.Status == models.PaymentProcessing || payment.AmountCapturing > 0, Reason: err}
	}
	if err := CheckPayable(amount, payment.Currency); err != nil {
		return err
	}
	r.payment = *payment
	r.row.Amount, r.row.Currency = amount, payment.Currency
	at := models.ChangedAt(payment.UpdatedAt, tx.Now()) // never before the payment
	r.row.CreatedAt, r.row.UpdatedAt = at, at
	r.payments.Reserve(tx, payment.MerchantID, payment.ID, 0, amount)
	r.refunds.Insert(tx, &r.row)
	return nil
}

// Release takes the reservation and the refund back.
func (r *refund) Release(tx *postgres.Tx) {
	r.payments.Reserve(tx, r.row.MerchantID, r.row.PaymentID, 0, -r.row.Amount)
	r.refunds.Delete(tx, r.row.MerchantID, r.row.ID)
}

// Send asks for the refund. The request follows from the rows alone.
func (r *refund) Send(ctx context.Context, key string) Outcome {
	reason := ""
	if r.row.Reason != nil {
		reason = *r.row.Reason
	}
	return r.interpret(r.provider.Refund(ctx, provider.RefundRequest{
		Key: key, Reference: r.intent(), Amount: r.row.Amount, Currency: r.row.Currency, OperationID: r.row.PublicID(), PaymentID: r.payment.PublicID(),
		MerchantID: models.FormatID(models.PrefixMerchant, r.row.MerchantID), Reason: reason,
	}))
}

// LookUp retrieves the refund by its reference, or finds it among the intent's by what Send wrote into it.
func (r *refund) LookUp(ctx context.Context, s Search) Outcome {
	if s.Reference != "" {
		return r.interpret(r.provider.RetrieveRefund(ctx, s.Reference))
	}
	return r.interpret(r.provider.FindRefund(ctx, provider.FindRefundRequest{
		Intent: r.intent(), OperationID: r.row.PublicID(), MerchantID: models.FormatID(models.PrefixMerchant, r.row.MerchantID), Position: s.Position,
	}))
}

// Cancel is never asked for: a refund is not shown as untried.
func (r *refund) Cancel(context.Context, string) Outcome { return Outcome{} }

func (r *refund) intent() string { return *r.payment.ProviderReference } // a captured payment has one

// interpret says what the provider's answer means for a refund. What is not listed is Unknown.
func (r *refund) interpret(result provider.Result[provider.Refund]) Outcome {
	out, object := outcomeOf(result), result.Object
	switch {
	case result.Outcome == provider.NotFound:
		out.Absent = true
	case result.Outcome == provider.Declined && object == nil:
		out.Kind, out.Reason = Declined, declineReason(result.DeclineCode, result.Code)
	case result.Outcome == provider.Answered && object != nil && r.isOf(object):
		out.Reference, out.Status = object.Reference, object.Status
		out.Kind = r.shown(object)
		if out.Kind == Declined {
			out.Reason = declineReason(object.FailureReason, "refund_failed")
		}
		for _, other := range result.Others {
			out.Others = append(out.Others, other.Reference)
		}
	}
	return out
}

func (r *refund) isOf(object *provider.Refund) bool {
	return object.Intent == r.intent() && object.Metadata["operation_id"] == r.row.PublicID()
}

// shown is the table of the provider's statuses. A status that can still move by itself is Accepted.
func (r *refund) shown(object *provider.Refund) Kind {
	if object.Amount != r.row.Amount || object.Currency != r.row.Currency {
		return Review
	}
	switch object.Status {
	case "succeeded":
		return Succeeded
	case "pending", "requires_action":
		return Accepted
	case "failed":
		return Declined
	case "canceled":
		return Canceled
	}
	return Unknown
}

// Complete moves the amount from reserved to refunded, in the payment, the order and the ledger; or gives the reservation back.
func (r *refund) Complete(ctx context.Context, tx *postgres.Tx, out Outcome) (*idempotency.Response, error) {
	now, err := r.lock(ctx, tx, r.row.MerchantID, r.row.PaymentID)
	if err != nil {
		return nil, err
	}
	row := r.row
	row.StatusReason, row.UpdatedAt = out.reason(), models.ChangedAt(row.UpdatedAt, tx.Now())
	switch out.Kind {
	case Succeeded:
		row.Status = models.RefundSucceeded
		to := now.payment.Unchanged()
		to.Refunding, to.Refunded = -row.Amount, row.Amount
		err = r.change(tx, &now, models.OrderChange{Refunded: row.Amount}, to, "payment.refunded", r.requestID)
	case Declined:
		row.Status = models.RefundFailed
	case Canceled:
		row.Status = models.RefundCanceled
	case Unknown, Review, ActionRequired, Accepted:
	}
	if err != nil {
		return nil, err
	}
	if row.Status == models.RefundFailed || row.Status == models.RefundCanceled {
		r.payments.Reserve(tx, row.MerchantID, row.PaymentID, 0, -row.Amount)
	}
	e, err := newEvent("refund."+string(row.Status), wire.TypeRefund, row.MerchantID, row.ID, wire.NewRefund(&row), r.requestID)
	if err != nil {
		return nil, err
	}
	r.refunds.Change(tx, &row, e)
	if row.Status == models.RefundSucceeded {
		r.post(tx, models.LedgerRefund, row.MerchantID, row.ID, models.Money{Amount: row.Amount, Currency: row.Currency})
	}
	return refundResponse(&row, out)
}

// refundResponse shows a refund as its outcome left it.
func refundResponse(r *models.Refund, out Outcome) (*idempotency.Response, error) {
	response := &idempotency.Response{
		Status: http.StatusCreated, Resource: idempotency.Resource{Type: wire.TypeRefund, ID: r.ID},
		Headers: []idempotency.Header{
			{Name: "Content-Type", Value: "application/json; charset=utf-8"}, {Name: "Location", Value: wire.RefundPath(r.PublicID())},
		},
	}
	var document any = wire.NewRefund(r)
	switch out.Kind {
	case Unknown, Review, ActionRequired:
		response.Status = http.StatusAccepted
	case Declined, Canceled:
		response.Status = http.StatusPaymentRequired
		response.Headers = []idempotency.Header{{Name: "Content-Type", Value: "application/problem+json"}}
		refused := declinedProblem(models.OperationRefund, models.FormatID(models.PrefixPayment, r.PaymentID), *out.reason())
		document = refused.WithLink("refund", wire.RefundPath(r.PublicID()))
	case Succeeded, Accepted:
	}
	return response, encodeInto(response, document)
}
