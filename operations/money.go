package operations

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"github.com/payonce/payonce/idempotency"
	"github.com/payonce/payonce/idempotency/postgres"
	"github.com/payonce/payonce/internal/wire"
	"github.com/payonce/payonce/models"
	"github.com/payonce/payonce/repository"
)

// account is what an effect changes beside its own row: the payment, and the order that it pays.
type account struct {
	order   *models.Order
	payment *models.Payment
}

// lock reads both under their locks, in a completion transaction. What is written behind it is computed from what is there, also when
// other effects on the payment end at the same moment.
func (p *parts) lock(ctx context.Context, tx *postgres.Tx, merchant, payment uuid.UUID) (account, error) {
	order, found := p.orders.LockOfPayment(tx, merchant, payment), p.payments.LockHeld(tx, merchant, payment)
	if err := tx.Flush(ctx); err != nil {
		return account{}, err
	}
	o, err := order.Get()
	if err != nil {
		return account{}, fmt.Errorf("lock the payment's order: %w", err)
	}
	pay, err := found.Get()
	if err != nil {
		return account{}, fmt.Errorf("lock the payment: %w", err)
	}
	return account{o, pay}, nil
}

// change queues what happens to the order and to the payment, in this order, each with its event, and keeps both as they are then. An
// order that shows nothing of it has no event.
func (p *parts) change(tx *postgres.Tx, a *account, order models.OrderChange, payment models.PaymentChange, event, requestID string) error {
	if err := p.changeOrder(tx, a, order, requestID); err != nil {
		return err
	}
	after := a.payment.After(payment)
	after.UpdatedAt = models.ChangedAt(after.UpdatedAt, tx.Now())
	e, err := newEvent(event, wire.TypePayment, after.MerchantID, after.ID, wire.NewPayment(&after), requestID)
	if err != nil {
		return err
	}
	p.payments.Change(tx, a.payment, payment, after.UpdatedAt, e)
	p.count(tx, a.payment, &after)
	a.payment = &after
	return nil
}

func (p *parts) changeOrder(tx *postgres.Tx, a *account, c models.OrderChange, requestID string) error {
	after := a.order.After(c)
	after.UpdatedAt = models.ChangedAt(after.UpdatedAt, tx.Now())
	switch {
	case c == models.OrderChange{}:
		return nil
	case c.Paid == 0 && c.Refunded == 0:
		p.orders.Reserve(tx, after.MerchantID, after.ID, c.Reserved)
	default:
		document, err := wire.NewOrder(&after)
		if err != nil {
			return fmt.Errorf("render the order: %w", err)
		}
		e, err := newEvent("order."+string(after.Status), wire.TypeOrder, after.MerchantID, after.ID, document, requestID)
		if err != nil {
			return err
		}
		p.orders.Change(tx, c, after.UpdatedAt, e)
	}
	a.order = &after
	return nil
}

// post queues the ledger's entry of money that was taken, or given back.
func (p *parts) post(tx *postgres.Tx, kind models.LedgerKind, merchant, source uuid.UUID, amount models.Money) {
	debit, credit := repository.AccountClearing, repository.AccountPayable
	if kind == models.LedgerRefund {
		debit, credit = credit, debit
	}
	p.ledger.Post(tx, models.LedgerEntry{MerchantID: merchant, ID: models.NewID(), Kind: kind, SourceID: source}, debit, credit, amount)
}

// loaded makes an effect of its own row and its payment, once both are read.
func loaded[Row any](row *postgres.Pending[Row], payment *postgres.Pending[models.Payment], effect func(Row, models.Payment) Effect) func() (Effect, error) {
	return func() (Effect, error) {
		r, err := row.Get()
		if err != nil {
			return nil, err
		}
		p, err := payment.Get()
		if err != nil {
			return nil, err
		}
		return effect(*r, *p), nil
	}
}

// newEvent is the event of a resource as it is after a change; its version is the database's.
func newEvent(name, resource string, merchant, id uuid.UUID, document any, requestID string) (*models.Event, error) {
	data, err := wire.Encode(document)
	if err != nil {
		return nil, fmt.Errorf("encode the event: %w", err)
	}
	return &models.Event{
		MerchantID: merchant, ID: models.NewID(), Type: name, ResourceType: resource, ResourceID: id, Data: data, RequestID: optional(requestID),
	}, nil
}

// reason is the status_reason of an effect's row that has no outcome yet; nil when it has one.
func (o Outcome) reason() *string {
	switch o.Kind {
	case Review:
		return optional(models.ReasonNeedsReview)
	case Unknown:
		return optional(models.ReasonOutcomeUnknown)
	case Declined:
		return optional(o.Reason)
	case Canceled:
		return optional("canceled_by_provider")
	case Succeeded, ActionRequired, Accepted:
	}
	return nil
}

// NotPossibleError says that an operation on a payment can't be done, and whether that may pass.
type NotPossibleError struct {
	Payment uuid.UUID
	Open    bool  // another operation on the payment is only in flight
	Reason  error // models.ErrPaymentNotCapturable and the like
}

func (e *NotPossibleError) Error() string { return e.Reason.Error() }
func (e *NotPossibleError) Unwrap() error { return e.Reason }

// claimed are the reads with which a request claims something of a payment.
type claimed struct {
	payment *postgres.Pending[models.Payment]
	open    *postgres.Pending[models.ProviderAttempt]
}

func (p *parts) claim(tx *postgres.Tx, merchant, payment uuid.UUID) claimed {
	return claimed{p.payments.Lock(tx, merchant, payment), p.attempts.OpenOn(tx, merchant, payment)}
}

// get returns the payment, or the error of a request on it: it isn't there, or what is under way on its authorization comes first.
func (c claimed) get(notPossible error) (*models.Payment, error) {
	payment, err := c.payment.Get()
	if err != nil {
		return nil, err
	}
	if open, err := c.open.Get(); err == nil {
		return nil, &NotPossibleError{payment.ID, true, fmt.Errorf("%w: its %s is under way", notPossible, open.Operation)}
	}
	return payment, nil
}

// spent is the error of a key whose record is gone and whose row is still there.
func spent(resource string, id uuid.UUID) error {
	return &idempotency.ExpiredError{Resource: idempotency.Resource{Type: resource, ID: id}}
}
