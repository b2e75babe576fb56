package operations

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/google/uuid"

	"github.com/payonce/payonce/idempotency"
	"github.com/payonce/payonce/provider"
	"github.com/payonce/payonce/repository"
)

// Payer is the provider as payments need it; *provider.Client is the one there is.
//
// Obligations: Authorize sends at most once, under the request's key, and Retrieve and Find change nothing.
type Payer interface {
	Ready() error
	Authorize(ctx context.Context, req provider.AuthorizeRequest) provider.Result
	Retrieve(ctx context.Context, reference string) provider.Result
	Find(ctx context.Context, req provider.FindRequest) provider.Result
}

// Schedule says when an unresolved payment is looked up again; a zero field takes its default.
type Schedule struct {
	First     time.Duration // after the call without an answer; default 1 s
	Settle    time.Duration // between two "not found" that together allow a re-send; default 3 s
	ResendAge time.Duration // an older operation is never sent again; default 15 m
}

// Payments are the operations on payments. It is safe for concurrent use.
type Payments struct {
	payer    Payer
	name     string
	orders   *repository.Orders
	payments *repository.Payments
	attempts *repository.Attempts
	ledger   *repository.Ledger
	events   *repository.Events
	schedule Schedule
	apply    func(ctx context.Context, writes func(*repository.Unit) error) error
	look     func(ctx context.Context, reads func(*repository.Unit)) error
	log      *slog.Logger
}

var _ idempotency.Resumer[*repository.Unit] = (*Payments)(nil)

// NewPayments wires the operations. The attempts' lease must exceed twice the provider's time-out: a check is a look-up
// and, at most, one re-send, which renews the lease.
func NewPayments(payer Payer, db *repository.Database, attempts *repository.Attempts, schedule Schedule, log *slog.Logger) *Payments {
	if schedule.First <= 0 {
		schedule.First = time.Second
	}
	if schedule.Settle <= 0 {
		schedule.Settle = 3 * time.Second
	}
	if schedule.ResendAge <= 0 {
		schedule.ResendAge = 15 * time.Minute
	}
	return &Payments{
		payer: payer, name: "stripe", orders: repository.NewOrders(db), payments: repository.NewPayments(db),
		attempts: attempts, ledger: repository.NewLedger(db), events: repository.NewEvents(db),
		schedule: schedule, apply: db.Apply, look: db.Look, log: log,
	}
}

// NotPayableError says that an order can't be paid (again), and what stands in the way.
type NotPayableError struct {
	Order   uuid.UUID
	Payment uuid.UUID // zero when the order itself is the obstacle
	Open    bool      // the other payment is still under way, so this may change
	Reason  error
}

func (e *NotPayableError) Error() string { return e.Reason.Error() }
func (e *NotPayableError) Unwrap() error { return e.Reason }

// RejectedError says that the provider does not accept the request, with its code; nothing happened.
type RejectedError struct{ Code string }

func (e *RejectedError) Error() string {
	return fmt.Sprintf("the payment provider does not accept the request (%s)", e.Code)
}

// ErrOrderNotFound means no such order, or another merchant's.
var ErrOrderNotFound = errors.New("order not found")

// refusal is the reason for taking a claim back: the call surely had no effect. Nil when it may have had one.
func refusal(result provider.Result) error {
	switch result.Outcome {
	case provider.NotSent:
		return fmt.Errorf("%w: the payment provider was not reached: %w", idempotency.ErrUnavailable, result.Err)
	case provider.Unauthorized:
		return fmt.Errorf("%w: the payment provider does not accept our key", idempotency.ErrUnavailable)
	case provider.Refused:
		return &RejectedError{Code: declineReason(result.Code, "invalid_request")}
	case provider.Unknown, provider.Answered, provider.Declined, provider.NotFound:
	}
	return nil
}
