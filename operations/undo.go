package operations

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/google/uuid"

	"github.com/payonce/payonce/idempotency"
	"github.com/payonce/payonce/idempotency/postgres"
	"github.com/payonce/payonce/internal/wire"
	"github.com/payonce/payonce/models"
)

// undo takes a payment back whose key was given up: a void or a refund, with a row that keeps the promise that nothing is left in
// the end. A try that comes to nothing is followed by another one (UndoDue).
type undo struct {
	Effect // the void or the refund
	*parts
	found *postgres.Pending[models.Undo]
	row   models.Undo
}

// UndoInput says which payment is to be undone, and for which key.
type UndoInput struct {
	Merchant, Payment uuid.UUID
	Key               idempotency.Key // that is given up
	RequestID         string
}

// Undoing is what a request to give a key up reads of the payment that was made under it.
type Undoing struct {
	*Driver
	in      UndoInput
	payment *postgres.Pending[models.Payment]
	undo    *postgres.Pending[models.Undo]
	open    *postgres.Pending[models.ProviderAttempt]
}

// Undoing queues the reads. They take no lock: what is done follows in the claim of its own, which reads again.
func (d *Driver) Undoing(tx *postgres.Tx, in UndoInput) *Undoing {
	return &Undoing{
		d, in, d.payments.Read(tx, in.Merchant, in.Payment), d.undos.OfPayment(tx, in.Merchant, in.Payment), d.attempts.OpenOn(tx, in.Merchant, in.Payment),
	}
}

// Decide says what there is to do. ended: nothing is left of the payment, and what that came to. pending: it is undone as soon as it can
// be, and that is written down in this transaction. Else the operation is to be done for the request, or an error says why not.
func (u *Undoing) Decide(tx *postgres.Tx, req idempotency.Request) (ended *models.Undo, pending bool, op idempotency.Operation[*postgres.Tx], err error) {
	payment, err := u.payment.Get()
	if err != nil {
		return nil, false, nil, err
	}
	row := models.Undo{MerchantID: u.in.Merchant, PaymentID: u.in.Payment, Key: string(u.in.Key), RequestedAt: tx.Now()}
	if known, err := u.undo.Get(); err == nil {
		row = *known
	}
	effect, undone := payment.Undone()
	switch {
	case row.EndedAt != nil:
		return &row, false, nil, nil
	case undone && row.OperationID == nil && row.NextTryAt == nil:
		row.Effect = &effect
		return &row, false, nil, nil
	case row.NextTryAt != nil: // a job tries it again
		return nil, true, nil, nil
	case payment.Status == models.PaymentProcessing:
		u.undos.Request(tx, &row)
		return nil, true, nil, nil
	}
	if open, err := u.open.Get(); err == nil {
		return nil, false, nil, &NotPossibleError{payment.ID, true, fmt.Errorf("%w: its %s is under way", models.ErrPaymentNotCancelable, open.Operation)}
	}
	if reason := payment.Undoable(); reason != nil {
		return nil, false, nil, &NotPossibleError{payment.ID, payment.AmountRefunding > 0, reason}
	}
	e := u.undoOf(row, payment, u.in.RequestID, req.KeyHash[:])
	return nil, false, u.Operation(req, e), nil
}

// undoOf is the next try: it voids what is held, and gives back what was captured when nothing is held any more. Its id follows from the
// payment and the number of the try, so two requests or replicas that try at once try once.
func (p *parts) undoOf(row models.Undo, payment *models.Payment, requestID string, keyHash []byte) *undo {
	id := uuid.UUID(idempotency.UUIDFrom("payonce/undo-id/v1", payment.MerchantID[:], payment.ID[:], []byte(strconv.Itoa(row.Tries))))
	row.OperationID = &id
	u := &undo{parts: p, row: row}
	if payment.Cancelable() == nil {
		u.Effect = &void{parts: p, requestID: requestID, row: models.Void{
			MerchantID: payment.MerchantID, ID: id, PaymentID: payment.ID, KeyHash: keyHash, Reason: models.ReasonKeyCanceled, Status: models.VoidPending,
		}}
		return u
	}
	u.Effect = &refund{parts: p, requestID: requestID, row: models.Refund{
		MerchantID: payment.MerchantID, ID: id, PaymentID: payment.ID, KeyHash: keyHash, Status: models.RefundPending,
	}}
	return u
}

// loadUndo makes of what an effect's rows say an undo, where they belong to one.
func (p *parts) loadUndo(load func(*postgres.Tx, uuid.UUID, uuid.UUID) func() (Effect, error)) func(*postgres.Tx, uuid.UUID, uuid.UUID) func() (Effect, error) {
	return func(tx *postgres.Tx, merchant, id uuid.UUID) func() (Effect, error) {
		loaded, found := load(tx, merchant, id), p.undos.OfOperation(tx, merchant, id)
		return func() (Effect, error) {
			e, err := loaded()
			row, none := found.Get()
			if err != nil || none != nil {
				return e, err
			}
			return &undo{Effect: e, parts: p, row: *row}, nil
		}
	}
}

// Reads are the effect's; the undo is read behind the payment's lock.
func (u *undo) Reads(tx *postgres.Tx) {
	u.Effect.Reads(tx)
	u.found = u.undos.OfPayment(tx, u.row.MerchantID, u.row.PaymentID)
}

// Claim queues what the effect claims, and that the undo is under way. It is refused when another try was faster.
func (u *undo) Claim(ctx context.Context, tx *postgres.Tx) error {
	known, err := u.found.Get()
	switch {
	case errors.Is(err, postgres.ErrNotFound) && u.row.Tries == 0:
	case err != nil:
		return err
	case known.EndedAt != nil || known.OperationID != nil || known.Tries != u.row.Tries:
		return &NotPossibleError{u.row.PaymentID, true, fmt.Errorf("%w: it is being undone", models.ErrPaymentNotCancelable)}
	}
	promised := err == nil
	if err := u.Effect.Claim(ctx, tx); err != nil {
		return overtaken(err)
	}
	if reason := u.locked().Undoable(); reason != nil && !promised {
		return &NotPossibleError{u.row.PaymentID, true, reason}
	}
	u.undos.Begin(tx, &u.row)
	return nil
}

// overtaken is what a refusal of the effect means for the undo: the payment has changed since it was decided what to do. The request is
// decided anew when it comes again.
func overtaken(err error) error {
	if refusal, ok := errors.AsType[*NotPossibleError](err); ok {
		return &NotPossibleError{refusal.Payment, true, fmt.Errorf("%w: it has just changed", models.ErrPaymentNotCancelable)}
	}
	return err
}

// locked is the payment as the effect's claim has read it under its lock. Between the decision and that lock others may have refunded
// a part of it.
func (u *undo) locked() models.Payment {
	if v, ok := u.Effect.(*void); ok {
		return v.payment
	}
	return u.Effect.(*refund).payment
}

// Release takes the effect's claim back, and the undo with it when nothing had been promised before.
func (u *undo) Release(tx *postgres.Tx) {
	u.undos.Withdraw(tx, &u.row)
	u.Effect.Release(tx)
}

// Complete ends the undo when nothing is left of the payment, and plans another try when the effect came to nothing, or when what was
// captured is still to be given back. The response says which.
func (u *undo) Complete(ctx context.Context, tx *postgres.Tx, out Outcome) (*idempotency.Response, error) {
	if _, err := u.Effect.Complete(ctx, tx, out); err != nil {
		return nil, err
	}
	document := wire.KeyCancellation{
		Key: u.row.Key, State: wire.StateCompleted, Effect: wire.EffectPending, Resource: wire.NewResource(wire.TypePayment, u.row.PaymentID),
	}
	status := http.StatusAccepted
	switch out.Kind {
	case Succeeded:
		effect, left := u.came()
		if left {
			u.undos.Again(tx, &u.row, 0)
			break
		}
		now := tx.Now()
		u.undos.End(tx, &u.row, effect, &now)
		at := wire.Time(now)
		document.Effect, document.CanceledAt, status = string(effect), &at, http.StatusOK
	case Declined, Canceled:
		u.undos.Again(tx, &u.row, undoPause(u.row.Tries))
	case Unknown, Review, ActionRequired, Accepted:
	}
	response := &idempotency.Response{ // its Location is where to see when it is undone
		Status: status, Resource: idempotency.Resource{Type: wire.TypePayment, ID: u.row.PaymentID},
		Headers: []idempotency.Header{{Name: "Content-Type", Value: "application/json; charset=utf-8"}},
	}
	if status == http.StatusAccepted {
		response.Headers = append(response.Headers, idempotency.Header{Name: "Location", Value: wire.KeyPath(u.row.Key)})
	}
	return response, encodeInto(response, document)
}

// came is what a successful effect has come to. A void leaves what was captured before it.
func (u *undo) came() (effect models.UndoEffect, left bool) {
	v, voided := u.Effect.(*void)
	if !voided {
		return models.UndoRefunded, false
	}
	return models.UndoVoided, v.row.Releases
}

// undoPause grows with the tries, from a second to an hour.
func undoPause(tries int) time.Duration { return pause(min(tries, len(pauses)+6)) }

// UndoDue tries up to limit undos that nothing is under way for: of payments whose outcome has become known, and those whose last try
// came to nothing. It returns how many it tried. Any number of replicas may call it at once.
func (d *Driver) UndoDue(ctx context.Context, limit int) (int, error) {
	due, err := d.undos.Due(ctx, d.attempts.Lease(), limit)
	if err != nil {
		return 0, fmt.Errorf("find due undos: %w", err)
	}
	var errs []error
	for _, row := range due {
		if err := d.tryUndo(ctx, row); err != nil && !lostRace(err) {
			errs = append(errs, err)
		}
		if ctx.Err() != nil || errors.Is(errors.Join(errs...), idempotency.ErrUnavailable) {
			break // the rest would fail as well
		}
	}
	return len(due), errors.Join(errs...)
}

func (d *Driver) tryUndo(ctx context.Context, row models.Undo) error {
	payment, err := d.payments.Get(ctx, row.MerchantID, row.PaymentID)
	if err != nil {
		return fmt.Errorf("read the payment: %w", err)
	}
	if effect, undone := payment.Undone(); undone {
		return d.apply(ctx, time.Now(), func(tx *postgres.Tx) error {
			d.undos.End(tx, &row, effect, nil)
			return nil
		})
	}
	_, err = d.do(ctx, d.undoOf(row, payment, "", nil))
	return err
}
