package operations

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/payonce/payonce/idempotency"
	"github.com/payonce/payonce/idempotency/postgres"
	"github.com/payonce/payonce/internal/wire"
	"github.com/payonce/payonce/models"
	"github.com/payonce/payonce/provider"
)

const (
	authorizeDomain = "payonce/payment-id/v1"
	// authorizationLife is how long a card network holds an authorization (Stripe's documented 7 days for cards).
	authorizationLife = 7 * 24 * time.Hour
)

// AuthorizeInput is a validated request to pay an order.
type AuthorizeInput struct {
	OrderID       uuid.UUID
	PaymentMethod string
	CaptureMethod models.CaptureMethod
	ReturnURL     *string // where the customer goes back to after a challenge
	Description   *string
	Metadata      models.JSON
	RequestID     string
}

// authorize pays an order: with the money taken at once, or held for a capture.
type authorize struct {
	*parts
	requestID string // "" at a takeover and in checks
	replace   func(ctx context.Context, merchant, payment uuid.UUID)
	order     *postgres.Pending[models.Order]
	used      *postgres.Pending[models.Payment] // what the key paid for before its record was forgotten
	payment   models.Payment
}

// Authorize returns the operation of one request. The payment's id follows from the request's identity alone.
func (d *Driver) Authorize(req idempotency.Request, in AuthorizeInput) idempotency.Operation[*postgres.Tx] {
	id := uuid.UUID(idempotency.DeriveUUID(authorizeDomain, req.Tenant, req.Key, string(models.OperationAuthorize), req.Fingerprint))
	return d.Operation(req, &authorize{parts: d.parts, requestID: in.RequestID, replace: d.replace, payment: models.Payment{
		MerchantID: uuid.UUID(req.Tenant), ID: id, OrderID: in.OrderID, IdempotencyKeyHash: req.KeyHash[:], CaptureMethod: in.CaptureMethod,
		Provider: d.account, PaymentMethod: in.PaymentMethod, Status: models.PaymentProcessing,
		ReturnURL: in.ReturnURL, Description: in.Description, Metadata: in.Metadata, Version: 1,
	}})
}

func (p *parts) loadAuthorize(tx *postgres.Tx, merchant, id uuid.UUID) func() (Effect, error) {
	found, order := p.payments.Read(tx, merchant, id), p.orders.OfPayment(tx, merchant, id)
	return func() (Effect, error) {
		payment, err := found.Get()
		if err != nil {
			return nil, err
		}
		return &authorize{parts: p, payment: *payment, order: order}, nil
	}
}

func (a *authorize) Subject() Subject {
	p := &a.payment
	return Subject{
		Operation: models.OperationAuthorize, Merchant: p.MerchantID, ID: p.ID, Resource: wire.TypePayment, Payment: p.ID,
		Asked: models.Money{Amount: p.Amount, Currency: p.Currency}, UnderReview: p.NeedsReview(),
	}
}

// Reads locks the order: two keys for one order are the double click that no key can catch.
func (a *authorize) Reads(tx *postgres.Tx) {
	a.order = a.orders.Lock(tx, a.payment.MerchantID, a.payment.OrderID)
	a.used = a.payments.UnderKey(tx, a.payment.MerchantID, a.payment.IdempotencyKeyHash)
}

// Claim queues the payment and its reservation on the order.
func (a *authorize) Claim(ctx context.Context, tx *postgres.Tx) error {
	if used, err := a.used.Get(); err == nil {
		return &idempotency.ExpiredError{Resource: idempotency.Resource{Type: wire.TypePayment, ID: used.ID}}
	}
	order, err := a.order.Get()
	if errors.Is(err, postgres.ErrNotFound) {
		return ErrOrderNotFound
	}
	if err != nil {
		return err
	}
	if reason := order.Payable(tx.Now()); reason != nil {
		return a.replacing(a.obstacle(ctx, tx, order, reason))
	}
	if err := CheckPayable(order.AmountTotal, order.Currency); err != nil { // an earlier release accepted such orders
		return &RejectedError{Code: err.Code()}
	}
	a.payment.Amount, a.payment.Currency = order.AmountTotal, order.Currency
	at := models.ChangedAt(order.UpdatedAt, tx.Now()) // never before the order
	a.payment.CreatedAt, a.payment.UpdatedAt = at, at
	a.orders.Reserve(tx, order.MerchantID, order.ID, a.payment.Amount)
	a.payments.Insert(tx, &a.payment)
	return nil
}

// replacing lets a payment that waits for its customer be ended at the provider before another one of the order begins: a challenge that
// was left must not lock the order.
func (a *authorize) replacing(refusal error) error {
	blocked, ok := errors.AsType[*NotPayableError](refusal)
	if !ok || !blocked.Replaceable {
		return refusal
	}
	return &idempotency.PrerequisiteError{Err: blocked, Do: func(ctx context.Context) {
		a.replace(ctx, a.payment.MerchantID, blocked.Payment)
	}}
}

// Release takes the reservation and the payment back.
func (a *authorize) Release(tx *postgres.Tx) {
	a.orders.Reserve(tx, a.payment.MerchantID, a.payment.OrderID, -a.payment.Amount)
	a.payments.Delete(tx, a.payment.MerchantID, a.payment.ID)
}

// Send asks for the charge. The request follows from the row alone.
func (a *authorize) Send(ctx context.Context, key string) Outcome {
	p := &a.payment
	req := provider.AuthorizeRequest{
		Key: key, PaymentID: p.PublicID(), MerchantID: models.FormatID(models.PrefixMerchant, p.MerchantID),
		Amount: p.Amount, Currency: p.Currency, PaymentMethod: p.PaymentMethod, Manual: p.CaptureMethod == models.CaptureManual,
	}
	if p.ReturnURL != nil {
		req.ReturnURL = *p.ReturnURL
	}
	return interpret(p, a.provider.Authorize(ctx, req))
}

// LookUp retrieves the intent by its reference, or finds it in the provider's list by what Send wrote into it.
func (a *authorize) LookUp(ctx context.Context, s Search) Outcome {
	p := &a.payment
	if s.Reference != "" {
		return interpret(p, a.provider.Retrieve(ctx, s.Reference))
	}
	return interpret(p, a.provider.Find(ctx, provider.FindRequest{
		PaymentID: p.PublicID(), MerchantID: models.FormatID(models.PrefixMerchant, p.MerchantID), Amount: p.Amount, Currency: p.Currency,
		Since: s.Since, Until: s.Until, Later: s.Later, Now: s.Now, Position: s.Position,
	}))
}

// Cancel cancels the payment's intent. Its key follows from the payment's id, which follows from the request's identity: there
// is one cancellation, however often it is sent and from however many replicas.
func (a *authorize) Cancel(ctx context.Context, reference string) Outcome {
	key := uuid.UUID(idempotency.UUIDFrom("payonce/cancel-key/v1", a.payment.MerchantID[:], a.payment.ID[:]))
	return interpret(&a.payment, a.provider.Cancel(ctx, provider.CancelRequest{Key: key.String(), Reference: reference}))
}

// Complete moves the order's reservation, changes the payment, and writes an automatic capture. Nothing has to be read for it: while
// the payment is live, the order is as the claim left it, and so is a payment without an outcome.
func (a *authorize) Complete(_ context.Context, tx *postgres.Tx, out Outcome) (*idempotency.Response, error) {
	order, err := a.order.Get()
	if err != nil {
		return nil, fmt.Errorf("the payment's order: %w", err)
	}
	to, now := a.outcome(out), account{order, &a.payment}
	after := a.payment.After(to)
	var change models.OrderChange
	switch {
	case to.Captured != 0:
		change = models.OrderChange{Reserved: -after.Amount, Paid: to.Captured}
	case !after.Live():
		change = models.OrderChange{Reserved: -after.Amount}
	}
	if err := a.change(tx, &now, change, to, "payment."+string(after.Status), a.requestID); err != nil {
		return nil, err
	}
	if to.Captured != 0 {
		if err := a.captured(tx, now.payment); err != nil {
			return nil, err
		}
	}
	return paymentResponse(now.payment, out)
}

// captured queues the capture that an automatic payment has, with its event and its entry in the ledger.
func (a *authorize) captured(tx *postgres.Tx, p *models.Payment) error {
	c := &models.Capture{
		MerchantID: p.MerchantID, ID: idempotency.UUIDFrom("payonce/capture-id/v1", p.ID[:]), PaymentID: p.ID,
		Currency: p.Currency, Amount: p.AmountCaptured, IsFinal: true, Status: models.CaptureSucceeded, CreatedAt: p.CreatedAt, UpdatedAt: p.CreatedAt,
	}
	e, err := newEvent("capture.succeeded", wire.TypeCapture, c.MerchantID, c.ID, wire.NewCapture(c), a.requestID)
	if err != nil {
		return err
	}
	a.captures.InsertMade(tx, c, e)
	a.post(tx, models.LedgerCapture, c.MerchantID, c.ID, models.Money{Amount: c.Amount, Currency: c.Currency})
	return nil
}

// outcome is what an outcome makes of the payment.
func (a *authorize) outcome(out Outcome) models.PaymentChange {
	p := &a.payment
	to := models.PaymentChange{Status: p.Status, ProviderReference: optional(out.Reference)}
	switch out.Kind {
	case Succeeded:
		to.Authorized = p.Amount
		if p.CaptureMethod == models.CaptureManual {
			expires := p.CreatedAt.Add(authorizationLife)
			to.Status, to.AuthorizationExpiresAt = models.PaymentRequiresCapture, &expires
		} else {
			to.Status, to.Captured = models.PaymentSucceeded, p.Amount
		}
	case ActionRequired:
		expires := p.CreatedAt.Add(a.actionTimeout)
		to.Status, to.NextActionURL, to.NextActionExpiresAt = models.PaymentRequiresAction, optional(out.ActionURL), &expires
	case Declined:
		to.Status, to.StatusReason = models.PaymentFailed, optional(out.Reason)
	case Canceled:
		to.Status, to.StatusReason = models.PaymentCanceled, optional("canceled_by_provider")
	case Review:
		to.StatusReason = optional(models.ReasonNeedsReview)
	case Unknown, Accepted:
		to.StatusReason = optional(models.ReasonOutcomeUnknown)
	}
	return to
}
