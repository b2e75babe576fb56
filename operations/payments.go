package operations

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/google/uuid"

	"github.com/payonce/payonce/idempotency"
	"github.com/payonce/payonce/idempotency/postgres"
	"github.com/payonce/payonce/internal/problem"
	"github.com/payonce/payonce/internal/wire"
	"github.com/payonce/payonce/models"
)

// ErrOrderNotFound means no such order, or another merchant's.
var ErrOrderNotFound = errors.New("order not found")

// NotPayableError says that an order can't be paid (again), and what stands in the way.
type NotPayableError struct {
	Order   uuid.UUID
	Payment uuid.UUID // zero when the order itself is the obstacle
	Open    bool      // the other payment is still under way, so this may change
	// Replaceable: the other payment waits for its customer, and the order could be paid without it.
	Replaceable bool
	Reason      error
}

func (e *NotPayableError) Error() string { return e.Reason.Error() }
func (e *NotPayableError) Unwrap() error { return e.Reason }

// obstacle names the payment that stands in the way of another one, when it is one.
func (p *parts) obstacle(ctx context.Context, tx *postgres.Tx, order *models.Order, reason error) error {
	live := p.payments.LiveForOrder(tx, order.MerchantID, order.ID)
	if err := tx.Flush(ctx); err != nil {
		return err
	}
	refusal := &NotPayableError{Order: order.ID, Reason: reason}
	if payment, err := live.Get(); err == nil {
		waiting := payment.Status == models.PaymentRequiresAction
		refusal.Payment, refusal.Open = payment.ID, waiting || payment.Status == models.PaymentProcessing
		refusal.Replaceable = waiting && !order.Expired(tx.Now())
	}
	return refusal
}

// paymentResponse shows a payment as its outcome left it: bytes that are stored and never made again.
func paymentResponse(p *models.Payment, out Outcome) (*idempotency.Response, error) {
	response := &idempotency.Response{
		Resource: idempotency.Resource{Type: wire.TypePayment, ID: p.ID},
		Headers: []idempotency.Header{
			{Name: "Content-Type", Value: "application/json; charset=utf-8"}, {Name: "Location", Value: wire.PaymentPath(p.PublicID())},
		},
	}
	var document any = wire.NewPayment(p)
	switch p.Status {
	case models.PaymentProcessing:
		response.Status = http.StatusAccepted
	case models.PaymentFailed, models.PaymentCanceled:
		response.Status = http.StatusPaymentRequired
		response.Headers = []idempotency.Header{{Name: "Content-Type", Value: "application/problem+json"}}
		document = declinedProblem(models.OperationAuthorize, p.PublicID(), out.Reason)
	default:
		response.Status = http.StatusCreated
	}
	return response, encodeInto(response, document)
}

// encodeInto makes the response's body: bytes that are stored and never made again.
func encodeInto(response *idempotency.Response, document any) error {
	body, err := wire.Encode(document)
	if err != nil {
		return fmt.Errorf("encode the response: %w", err)
	}
	response.Body = body
	return nil
}

// declinedProblem is stored and replayed, so it names the payment and not the request: a request id would be another
// request's at the first replay.
func declinedProblem(what models.Operation, id, reason string) *problem.Problem {
	if reason == "" {
		reason = "declined"
	}
	p := problem.New(problem.CodePaymentDeclined, "The "+nounOf(what)+" was declined: "+reason+".")
	p.Instance, p.PaymentID, p.DeclineCode = wire.PaymentPath(id), id, reason
	return p
}

// nounOf is how people call what an operation does.
func nounOf(name models.Operation) string {
	switch name {
	case models.OperationAuthorize:
		return "payment"
	case models.OperationVoid:
		return "cancellation"
	}
	return string(name)
}
