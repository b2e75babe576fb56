package operations

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/payonce/payonce/idempotency"
	"github.com/payonce/payonce/models"
	"github.com/payonce/payonce/provider"
	"github.com/payonce/payonce/repository"
	"github.com/payonce/payonce/wire"
)

const authorizeDomain = "payonce/payment-id/v1"

// AuthorizeInput is a validated request to pay an order.
type AuthorizeInput struct {
	OrderID       uuid.UUID
	PaymentMethod string
	CaptureMethod models.CaptureMethod
	Description   *string
	Metadata      models.JSON
	RequestID     string
}

// authorize pays an order: with the money taken at once, or held for a capture.
type authorize struct {
	*Payments
	input   AuthorizeInput
	order   *repository.Later[models.Order]
	used    *repository.Later[models.Payment] // what the key paid for before its record was forgotten
	payment models.Payment
	attempt models.ProviderAttempt
	old     bool // the attempt is never sent again
}

// Authorize returns the operation of one request. Its ids and its provider key follow from the request's identity alone:
// every copy, on every replica, after every crash, means the same payment and the same charge.
func (s *Payments) Authorize(req idempotency.Request, in AuthorizeInput) idempotency.Operation[*repository.Unit] {
	name := string(models.OperationAuthorize)
	id := uuid.UUID(idempotency.DeriveUUID(authorizeDomain, req.Tenant, req.Key, name, req.Fingerprint))
	merchant := uuid.UUID(req.Tenant)
	return &authorize{
		Payments: s, input: in,
		payment: models.Payment{
			MerchantID: merchant, ID: id, OrderID: in.OrderID, IdempotencyKeyHash: req.KeyHash[:], CaptureMethod: in.CaptureMethod,
			Provider: s.name, PaymentMethod: in.PaymentMethod, Status: models.PaymentProcessing,
			Description: in.Description, Metadata: in.Metadata, Version: 1,
		},
		attempt: models.ProviderAttempt{
			MerchantID: merchant, ID: models.DerivedID("payonce/attempt-id/v1", id[:]), PaymentID: id,
			Operation: models.OperationAuthorize, OperationID: id, Provider: s.name, KeyHash: req.KeyHash[:], AttemptNo: 1,
			ProviderKey: idempotency.ProviderKey(req.Tenant, req.Key, name, req.Fingerprint), Status: models.AttemptSent,
		},
	}
}

// Resume implements [idempotency.Resumer]: it reads back what T1 wrote. Nobody else writes these rows while the record
// is in progress under the caller's claim.
func (s *Payments) Resume(ctx context.Context, rec *idempotency.Record) (idempotency.Operation[*repository.Unit], error) {
	if rec.Operation != string(models.OperationAuthorize) {
		return nil, fmt.Errorf("operation %q is not known to this version", rec.Operation)
	}
	return s.load(ctx, uuid.UUID(rec.Tenant), rec.Resource.ID)
}

func (s *Payments) load(ctx context.Context, merchant, id uuid.UUID) (*authorize, error) {
	var (
		readPayment *repository.Later[models.Payment]
		readAttempt *repository.Later[models.ProviderAttempt]
	)
	if err := s.look(ctx, func(u *repository.Unit) {
		readPayment, readAttempt = s.payments.Read(u, merchant, id), s.attempts.OfOperation(u, merchant, id)
	}); err != nil {
		return nil, err
	}
	payment, err := readPayment.Get()
	if err != nil {
		return nil, fmt.Errorf("read the payment: %w", err)
	}
	attempt, err := readAttempt.Get()
	if err != nil {
		return nil, fmt.Errorf("read the attempt: %w", err)
	}
	return &authorize{Payments: s, payment: *payment, attempt: *attempt}, nil
}

func (a *authorize) Name() string { return string(models.OperationAuthorize) }

func (a *authorize) Resource() idempotency.Resource {
	return idempotency.Resource{Type: wire.TypePayment, ID: a.payment.ID}
}

func (a *authorize) Ready() error {
	if err := a.payer.Ready(); err != nil {
		return fmt.Errorf("%w: %w", idempotency.ErrUnavailable, err)
	}
	return nil
}

// Reads locks the order: two keys for one order are the double click that no key can catch.
func (a *authorize) Reads(u *repository.Unit) {
	a.order = a.orders.Lock(u, a.payment.MerchantID, a.payment.OrderID)
	a.used = a.payments.UnderKey(u, a.payment.MerchantID, a.payment.IdempotencyKeyHash)
}

// Prepare is T1: the payment, its reservation on the order, and the attempt, before anybody is asked. No event is
// written: nothing has happened yet.
func (a *authorize) Prepare(ctx context.Context, u *repository.Unit, claim idempotency.Claim) error {
	if used, err := a.used.Get(); err == nil {
		return &idempotency.ExpiredError{Resource: idempotency.Resource{Type: wire.TypePayment, ID: used.ID}}
	}
	order, err := a.order.Get()
	if errors.Is(err, repository.ErrNotFound) {
		return ErrOrderNotFound
	}
	if err != nil {
		return err
	}
	if reason := order.Payable(); reason != nil {
		return a.obstacle(ctx, u, order, reason)
	}
	if !provider.Supports(order.Currency) {
		return &RejectedError{Code: "currency_not_supported"}
	}
	a.payment.Amount, a.payment.Currency, a.payment.CreatedAt = order.AmountTotal, order.Currency, u.Now()
	a.attempt.ClaimID, a.attempt.Fence, a.attempt.SentAt = uuid.UUID(claim.ClaimID), claim.Fence, u.Now()
	a.orders.Move(u, order.MerchantID, order.ID, a.payment.Amount, 0)
	a.payments.Insert(u, &a.payment)
	a.attempts.Insert(u, &a.attempt)
	return nil
}

// obstacle names the payment that stands in the way, when it is one.
func (a *authorize) obstacle(ctx context.Context, u *repository.Unit, order *models.Order, reason error) error {
	live := a.payments.LiveForOrder(u, order.MerchantID, order.ID)
	if err := u.Flush(ctx); err != nil {
		return err
	}
	refusal := &NotPayableError{Order: order.ID, Reason: reason}
	if payment, err := live.Get(); err == nil {
		refusal.Payment, refusal.Open = payment.ID, payment.Status == models.PaymentProcessing
	}
	return refusal
}

// Call asks the provider, once.
func (a *authorize) Call(ctx context.Context) idempotency.Answer {
	t, result := a.send(ctx)
	return idempotency.Answer{Truth: t, Refused: refusal(result)}
}

// send makes one request, and says what came of it.
func (a *authorize) send(ctx context.Context) (truth, provider.Result) {
	result := a.payer.Authorize(ctx, a.request())
	switch {
	case result.Outcome == provider.Unauthorized:
		a.log.ErrorContext(ctx, "ALERT the provider does not accept PROVIDER_SECRET_KEY", "status", result.HTTPStatus, "error", result.Err)
	case result.Err != nil:
		a.log.WarnContext(ctx, "payment not authorized by the provider's first answer", "payment_id", a.publicID(), "outcome", result.Outcome.String(), "error", result.Err)
	}
	return judge(&a.payment, result), result
}

// request follows from the row alone, so that a re-send is the same request byte for byte.
func (a *authorize) request() provider.AuthorizeRequest {
	p := &a.payment
	return provider.AuthorizeRequest{
		Key: a.attempt.ProviderKey, PaymentID: a.publicID(), MerchantID: models.FormatID(models.PrefixMerchant, p.MerchantID),
		Amount: p.Amount, Currency: p.Currency, PaymentMethod: p.PaymentMethod, Manual: p.CaptureMethod == models.CaptureManual,
	}
}

func (a *authorize) publicID() string { return models.FormatID(models.PrefixPayment, a.payment.ID) }

// LookUp asks what became of the operation: by reference when one is known, else in the provider's list.
func (a *authorize) LookUp(ctx context.Context) idempotency.Answer {
	var result provider.Result
	switch {
	case a.attempt.ProviderReference != nil:
		result = a.payer.Retrieve(ctx, *a.attempt.ProviderReference)
	default:
		result = a.find(ctx)
	}
	if result.Err != nil {
		a.log.WarnContext(ctx, "look-up gave no clear answer", "payment_id", a.publicID(), "outcome", result.Outcome.String(), "error", result.Err)
	}
	return idempotency.Answer{Truth: judge(&a.payment, result)}
}

// find looks where the first request has to stand in the provider's list. All that came since would grow with the
// provider's business until nobody can read it in time, and the payment would stay unresolved for ever. What came later
// than that, or by a re-send, isn't lost: absent here, it is sent again under the same key and answered with what exists.
// Only what is too old for that is looked for in everything that may have come of it; when that can't be read, what was
// read has to do, which leaves the payment to a person.
func (a *authorize) find(ctx context.Context) provider.Result {
	p := &a.payment
	request := provider.FindRequest{
		PaymentID: a.publicID(), MerchantID: models.FormatID(models.PrefixMerchant, p.MerchantID),
		Amount: p.Amount, Currency: p.Currency, Since: a.attempt.SentAt, Until: a.attempt.SentAt.Add(a.attempts.Lease()),
	}
	first := a.payer.Find(ctx, request)
	if first.Outcome != provider.NotFound || !a.old {
		return first
	}
	request.Until = time.Time{}
	if later := a.payer.Find(ctx, request); later.Outcome == provider.Answered {
		return later
	}
	return first
}

// Undo takes T1's writes back.
func (a *authorize) Undo(u *repository.Unit) {
	a.attempts.Delete(u, &a.attempt)
	a.orders.Move(u, a.payment.MerchantID, a.payment.OrderID, -a.payment.Amount, 0)
	a.payments.Delete(u, a.payment.MerchantID, a.payment.ID)
}

// Settle is T2.
func (a *authorize) Settle(u *repository.Unit, answer idempotency.Answer) (*idempotency.Response, error) {
	t, _ := answer.Truth.(truth) // without one: unknown
	settled, err := a.write(u, t)
	if err != nil {
		return nil, err
	}
	return render(settled, t)
}
