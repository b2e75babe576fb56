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

const captureDomain = "payonce/requested-capture-id/v1"

// CaptureInput is a validated request to take money that is held.
type CaptureInput struct {
	PaymentID uuid.UUID
	Amount    int64 // minor units; 0: all that is left
	Final     bool  // what is left then is released
	RequestID string
}

// capture takes (a part of) what an authorization holds.
type capture struct {
	*parts
	requestID string // "" at a takeover and in checks
	asked     int64
	reads     claimed
	used      *postgres.Pending[models.Capture] // what the key captured before its record was forgotten
	payment   models.Payment                    // as it was when the capture was claimed: no other capture is under way
	row       models.Capture
}

// Capture returns the operation of one request. The capture's id follows from the request's identity alone.
func (d *Driver) Capture(req idempotency.Request, in CaptureInput) idempotency.Operation[*postgres.Tx] {
	id := uuid.UUID(idempotency.DeriveUUID(captureDomain, req.Tenant, req.Key, string(models.OperationCapture), req.Fingerprint))
	return d.Operation(req, &capture{parts: d.parts, requestID: in.RequestID, asked: in.Amount, row: models.Capture{
		MerchantID: uuid.UUID(req.Tenant), ID: id, PaymentID: in.PaymentID, KeyHash: req.KeyHash[:], IsFinal: in.Final,
		Status: models.CapturePending,
	}})
}

func (p *parts) loadCapture(tx *postgres.Tx, merchant, id uuid.UUID) func() (Effect, error) {
	return loaded(p.captures.Read(tx, merchant, id), p.payments.OfCapture(tx, merchant, id), func(row models.Capture, payment models.Payment) Effect {
		return &capture{parts: p, payment: payment, row: row}
	})
}

func (c *capture) Subject() Subject {
	return Subject{
		Operation: models.OperationCapture, Merchant: c.row.MerchantID, ID: c.row.ID, Resource: wire.TypeCapture, Payment: c.row.PaymentID,
		Asked: models.Money{Amount: c.row.Amount, Currency: c.row.Currency}, UnderReview: c.row.NeedsReview(),
	}
}

func (c *capture) Reads(tx *postgres.Tx) {
	c.reads = c.claim(tx, c.row.MerchantID, c.row.PaymentID)
	c.used = c.captures.UnderKey(tx, c.row.MerchantID, c.row.KeyHash)
}

// Claim queues the capture and its reservation on the payment. One that takes all that is left is final, whatever was asked.
func (c *capture) Claim(_ context.Context, tx *postgres.Tx) error {
	if used, err := c.used.Get(); err == nil {
		return spent(wire.TypePayment, used.PaymentID)
	}
	payment, err := c.reads.get(models.ErrPaymentNotCapturable)
	if err != nil {
		return err
	}
	amount, err := payment.CaptureOf(c.asked, tx.Now())
	if err != nil {
		return refusalOf(payment, err)
	}
	if err := CheckPayable(amount, payment.Currency); err != nil {
		return err
	}
	c.payment = *payment
	c.row.Amount, c.row.Currency = amount, payment.Currency
	at := models.ChangedAt(payment.UpdatedAt, tx.Now()) // never before the payment
	c.row.CreatedAt, c.row.UpdatedAt = at, at
	c.row.IsFinal = c.row.IsFinal || amount == payment.Left()
	c.payments.Reserve(tx, payment.MerchantID, payment.ID, amount, 0)
	c.captures.Insert(tx, &c.row)
	return nil
}

// Release takes the reservation and the capture back.
func (c *capture) Release(tx *postgres.Tx) {
	c.payments.Reserve(tx, c.row.MerchantID, c.row.PaymentID, -c.row.Amount, 0)
	c.captures.Delete(tx, c.row.MerchantID, c.row.ID)
}

// Send asks for the capture. The request follows from the rows alone.
func (c *capture) Send(ctx context.Context, key string) Outcome {
	return c.interpret(c.provider.Capture(ctx, provider.CaptureRequest{
		Key: key, Reference: c.reference(), Amount: c.row.Amount, Currency: c.row.Currency, Final: c.row.IsFinal, OperationID: c.row.PublicID(),
		PaymentID: c.payment.PublicID(), MerchantID: models.FormatID(models.PrefixMerchant, c.row.MerchantID),
	}))
}

// LookUp retrieves the intent: the last capture's id stands in its metadata.
func (c *capture) LookUp(ctx context.Context, _ Search) Outcome {
	return c.interpret(c.provider.Retrieve(ctx, c.reference()))
}

// Cancel is never asked for: a capture is not shown as untried.
func (c *capture) Cancel(context.Context, string) Outcome { return Outcome{} }

func (c *capture) reference() string { return *c.payment.ProviderReference } // an authorized payment has one

// interpret says what the provider's answer means for a capture. What is not listed is Unknown.
func (c *capture) interpret(result provider.Result[provider.Intent]) Outcome {
	out, in := outcomeOf(result), result.Object
	if in == nil {
		if result.Outcome == provider.Declined {
			out.Kind, out.Reason = Declined, declineReason(result.DeclineCode, result.Code)
		}
		return out
	}
	if !isOf(&c.payment, in) || in.Reference != c.reference() {
		return out
	}
	out.Status = in.Status
	made := in.Metadata["operation_id"] == c.row.PublicID()
	before := in.AmountReceived == c.payment.AmountCaptured
	switch {
	case in.Currency != c.row.Currency:
		out.Kind = Review
	case result.Outcome == provider.Declined:
		if before {
			out.Kind, out.Reason = Declined, declineReason(result.DeclineCode, result.Code)
		}
	case result.Outcome != provider.Answered:
	case made && c.shows(in):
		out.Kind, out.Reference = Succeeded, in.Reference
	case made && before && !ended(in): // seen on its way
	case made || !before:
		out.Kind = Review
	case in.Status == "canceled":
		out.Kind = Canceled // the authorization is gone, and nothing was taken
	case in.Status == "requires_capture":
		out.Absent = true
	}
	return out
}

// ended reports whether the intent's status is one that a capture leaves or can't follow.
func ended(in *provider.Intent) bool {
	return in.Status == "succeeded" || in.Status == "canceled" || in.Status == "requires_capture"
}

// shows reports whether the intent is what the capture makes of it.
func (c *capture) shows(in *provider.Intent) bool {
	status := "requires_capture"
	if c.row.IsFinal {
		status = "succeeded"
	}
	return in.Status == status && in.AmountReceived == c.payment.AmountCaptured+c.row.Amount
}

// Complete moves the amount from reserved to captured, in the payment, the order and the ledger; or gives the reservation back.
func (c *capture) Complete(ctx context.Context, tx *postgres.Tx, out Outcome) (*idempotency.Response, error) {
	now, err := c.lock(ctx, tx, c.row.MerchantID, c.row.PaymentID)
	if err != nil {
		return nil, err
	}
	row := c.row
	row.StatusReason, row.UpdatedAt = out.reason(), models.ChangedAt(row.UpdatedAt, tx.Now())
	switch out.Kind {
	case Succeeded:
		row.Status = models.CaptureSucceeded
		err = c.taken(tx, &now)
	case Declined:
		row.Status = models.CaptureFailed
		c.payments.Reserve(tx, row.MerchantID, row.PaymentID, -row.Amount, 0)
	case Canceled:
		row.Status = models.CaptureFailed
		err = c.gone(tx, &now)
	case Unknown, Review, ActionRequired, Accepted:
	}
	if err != nil {
		return nil, err
	}
	e, err := newEvent("capture."+string(row.Status), wire.TypeCapture, row.MerchantID, row.ID, wire.NewCapture(&row), c.requestID)
	if err != nil {
		return nil, err
	}
	c.captures.Change(tx, &row, e)
	if row.Status == models.CaptureSucceeded {
		c.post(tx, models.LedgerCapture, row.MerchantID, row.ID, models.Money{Amount: row.Amount, Currency: row.Currency})
	}
	return changedPayment(models.OperationCapture, now.payment, out)
}

// taken queues what a capture changes: the rest of the authorization is released with a final one.
func (c *capture) taken(tx *postgres.Tx, now *account) error {
	to := now.payment.Unchanged()
	to.Status, to.Capturing, to.Captured = models.PaymentPartiallyCaptured, -c.row.Amount, c.row.Amount
	if c.row.IsFinal {
		to.Status, to.Voided = models.PaymentSucceeded, now.payment.Left()
	}
	order := models.OrderChange{Reserved: -to.Captured - to.Voided, Paid: to.Captured}
	return c.change(tx, now, order, to, "payment."+string(to.Status), c.requestID)
}

// gone queues what it means that the provider has ended the authorization.
func (c *capture) gone(tx *postgres.Tx, now *account) error {
	to := now.payment.Unchanged()
	to.Capturing, to.Voided = -c.row.Amount, now.payment.Left()+c.row.Amount
	to.StatusReason = optional("canceled_by_provider")
	to.Status = models.PaymentCanceled
	if now.payment.AmountCaptured > 0 {
		to.Status = models.PaymentSucceeded
	}
	return c.change(tx, now, models.OrderChange{Reserved: -to.Voided}, to, "payment."+string(to.Status), c.requestID)
}

// changedPayment is the response of what was asked of a payment that exists: the payment as it is then.
func changedPayment(what models.Operation, p *models.Payment, out Outcome) (*idempotency.Response, error) {
	response := &idempotency.Response{
		Status: http.StatusOK, Resource: idempotency.Resource{Type: wire.TypePayment, ID: p.ID},
		Headers: []idempotency.Header{{Name: "Content-Type", Value: "application/json; charset=utf-8"}},
	}
	var document any = wire.NewPayment(p)
	switch out.Kind {
	case Unknown, Review, ActionRequired, Accepted:
		response.Status = http.StatusAccepted
		response.Headers = append(response.Headers, idempotency.Header{Name: "Location", Value: wire.PaymentPath(p.PublicID())})
	case Declined, Canceled:
		response.Status = http.StatusPaymentRequired
		response.Headers = []idempotency.Header{{Name: "Content-Type", Value: "application/problem+json"}}
		document = declinedProblem(what, p.PublicID(), *out.reason())
	case Succeeded:
	}
	return response, encodeInto(response, document)
}

// refusalOf names the payment in what the model refuses.
func refusalOf(p *models.Payment, reason error) error {
	return &NotPossibleError{Payment: p.ID, Reason: reason}
}
