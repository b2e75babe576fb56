package handlers

import (
	"context"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/google/uuid"

	"github.com/payonce/payonce/idempotency"
	"github.com/payonce/payonce/idempotency/postgres"
	"github.com/payonce/payonce/internal/cursor"
	"github.com/payonce/payonce/internal/wire"
	"github.com/payonce/payonce/middleware"
	"github.com/payonce/payonce/models"
	"github.com/payonce/payonce/operations"
	"github.com/payonce/payonce/repository"
)

// Captures are the routes that take money that is held.
type Captures struct {
	operations *operations.Driver
	payments   *repository.Payments
	captures   *repository.Captures
	cursors    *cursor.Codec
}

// NewCaptures returns the handlers.
func NewCaptures(ops *operations.Driver, payments *repository.Payments, captures *repository.Captures, cursors *cursor.Codec) *Captures {
	return &Captures{operations: ops, payments: payments, captures: captures, cursors: cursors}
}

// CreateCapture is the body of POST /v1/payments/{id}/capture; it may be left out.
type CreateCapture struct {
	Amount *int64 `json:"amount" extensions:"x-nullable" format:"int64" example:"1500" minimum:"1"` // minor units; default: all that is left
	Final  *bool  `json:"final" extensions:"x-nullable" default:"true" example:"true"`              // the rest of the authorization is released
}

// Create takes (a part of) what a payment holds.
//
//	@Summary		Capture a payment
//	@Description	Takes money that an authorization holds: all of it, or a part. With final (the default) the rest is released, and the payment is succeeded; with final false more captures may follow, until all is taken. Sent again under the same key, it takes nothing more.
//	@Description
//	@Description	200: captured. 202: the provider gave no clear answer in time; the capture is pending, and what became of it is found out. 402: the provider refused it for good. 409 while another operation on the authorization is in flight (retryable), or when nothing can be captured. 422 amount-too-large: less than that is left.
//	@Tags			Payments
//	@ID				capturePayment
//	@Accept			json
//	@Produce		json
//	@Param			id		path		string			true	"Id of the payment"	example(pay_3h2v9c1m8x4r7t0k5w6z1b2d3f)
//	@Param			capture	body		CreateCapture	false	"How much; without a body, all that is left"
//	@Success		200		{object}	wire.Payment	"The payment as the capture left it"
//	@Success		202		{object}	wire.Payment	"No clear answer from the provider in time: read the payment until its amounts tell"
//	@Failure		402		{object}	problem.Problem	"payment-declined"
//	@Failure		404		{object}	problem.Problem	"not-found"
//	@Failure		409		{object}	problem.Problem	"idempotency-request-in-flight, payment-not-capturable"
//	@Failure		422		{object}	problem.Problem	"idempotency-key-reused, validation-failed, amount-too-large, provider-rejected"
//	@Router			/v1/payments/{id}/capture [post]
func (h *Captures) Create(c *gin.Context, req idempotency.Request) (idempotency.Work[*postgres.Tx], error) {
	var in CreateCapture
	if err := decodeOptional(c, &in); err != nil {
		return idempotency.Work[*postgres.Tx]{}, err
	}
	var v checks
	input := operations.CaptureInput{Amount: v.amount("/amount", in.Amount), Final: in.Final == nil || *in.Final, RequestID: middleware.RequestIDOf(c)}
	if err := v.err(); err != nil {
		return idempotency.Work[*postgres.Tx]{}, err
	}
	var err error
	if input.PaymentID, err = pathID(c, models.PrefixPayment); err != nil {
		return idempotency.Work[*postgres.Tx]{}, err
	}
	return idempotency.Work[*postgres.Tx]{External: h.operations.Capture(req, input)}, nil
}

// List shows a payment's captures.
//
//	@Summary		List a payment's captures
//	@Description	Lists the captures of one payment, newest first. An automatic payment has exactly one.
//	@Tags			Payments
//	@ID				listCaptures
//	@Produce		json
//	@Param			id	path		string	true	"Id of the payment"	example(pay_3h2v9c1m8x4r7t0k5w6z1b2d3f)
//	@Success		200	{object}	List[wire.Capture]
//	@Failure		404	{object}	problem.Problem	"not-found"
//	@Router			/v1/payments/{id}/captures [get]
func (h *Captures) List(c *gin.Context) error {
	return listing[models.Capture, wire.Capture]{
		name: "captures",
		read: func(ctx context.Context, merchant uuid.UUID, q listQuery) ([]models.Capture, error) {
			id, err := paymentOf(c, h.payments)
			if err != nil {
				return nil, err
			}
			return h.captures.List(ctx, merchant, id, q.Page)
		},
		position: func(x *models.Capture) (time.Time, uuid.UUID) { return x.CreatedAt, x.ID },
		render:   func(x *models.Capture) (wire.Capture, error) { return wire.NewCapture(x), nil },
	}.serve(c, h.cursors)
}
