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

// Refunds are the routes that give money back.
type Refunds struct {
	operations   *operations.Driver
	payments     *repository.Payments
	refunds      *repository.Refunds
	cursors      *cursor.Codec
	requestCheck RequestCheck
}

// NewRefunds returns the handlers.
func NewRefunds(ops *operations.Driver, payments *repository.Payments, refunds *repository.Refunds, cursors *cursor.Codec,
	requestCheck RequestCheck,
) *Refunds {
	return &Refunds{operations: ops, payments: payments, refunds: refunds, cursors: cursors, requestCheck: requestCheck}
}

// CreateRefund is the body of POST /v1/payments/{id}/refunds; it may be left out.
type CreateRefund struct {
	Amount *int64  `json:"amount" extensions:"x-nullable" format:"int64" example:"500" minimum:"1"` // minor units; default: all that is left
	Reason *string `json:"reason" extensions:"x-nullable" example:"Returned by the customer" minLength:"1" maxLength:"500"`
}

const maxReason = 500

// Create gives (a part of) what a payment captured back.
//
//	@Summary		Refund a payment
//	@Description	Gives captured money back: all that is left, or a part. Refunds of one payment may run at once: together they never exceed what was captured. Sent again under the same key, it gives nothing more.
//	@Description
//	@Description	201: refunded, or pending where a bank still works on it; read it until it is succeeded or failed. 202: the provider gave no clear answer in time; what became of it is found out. 402: the provider refused it for good. 409 when nothing is captured. 422 amount-too-large: less than that is left; refunds under way count as made.
//	@Tags			Refunds
//	@ID				createRefund
//	@Accept			json
//	@Produce		json
//	@Param			id		path		string			true	"Id of the payment"	example(pay_3h2v9c1m8x4r7t0k5w6z1b2d3f)
//	@Param			refund	body		CreateRefund	false	"How much, and why; without a body, all that is left"
//	@Success		201		{object}	wire.Refund		"The refund, made now or by an earlier copy of this request"
//	@Success		202		{object}	wire.Refund		"No clear answer from the provider in time: read the refund until its outcome is known"
//	@Failure		402		{object}	problem.Problem	"payment-declined"
//	@Failure		404		{object}	problem.Problem	"not-found"
//	@Failure		409		{object}	problem.Problem	"idempotency-request-in-flight, payment-not-refundable"
//	@Failure		422		{object}	problem.Problem	"idempotency-key-reused, validation-failed, amount-too-large, provider-rejected"
//	@Router			/v1/payments/{id}/refunds [post]
func (h *Refunds) Create(c *gin.Context, req idempotency.Request) (idempotency.Work[*postgres.Tx], error) {
	var in CreateRefund
	if err := decodeOptional(c, &in); err != nil {
		return idempotency.Work[*postgres.Tx]{}, err
	}
	var v checks
	v.optional("/reason", in.Reason, maxReason)
	input := operations.RefundInput{Amount: v.amount("/amount", in.Amount), Reason: in.Reason, RequestID: middleware.RequestIDOf(c)}
	if err := v.err(); err != nil {
		return idempotency.Work[*postgres.Tx]{}, err
	}
	var err error
	if input.PaymentID, err = pathID(c, models.PrefixPayment); err != nil {
		return idempotency.Work[*postgres.Tx]{}, err
	}
	return idempotency.Work[*postgres.Tx]{External: h.operations.Refund(req, input)}, nil
}

// Get shows a refund.
//
//	@Summary		Read a refund
//	@Description	Shows the refund as it is now. While it is pending, reading it asks for a look-up at the provider, at most one per second.
//	@Tags			Refunds
//	@ID				getRefund
//	@Produce		json
//	@Param			id	path		string	true	"Id of the refund"	example(re_3h2v9c1m8x4r7t0k5w6z1b2d3f)
//	@Success		200	{object}	wire.Refund
//	@Failure		404	{object}	problem.Problem	"not-found"
//	@Router			/v1/refunds/{id} [get]
func (h *Refunds) Get(c *gin.Context) error {
	if err := noQuery(c); err != nil {
		return err
	}
	id, err := pathID(c, models.PrefixRefund)
	if err != nil {
		return err
	}
	refund, err := h.refunds.Get(c.Request.Context(), middleware.IdentityOf(c).Merchant, id)
	if err != nil {
		return err
	}
	if refund.Status == models.RefundPending {
		h.requestCheck(c.Request.Context(), refund.MerchantID, refund.PaymentID)
	}
	return reply(c, wire.NewRefund(refund))
}

// List shows the merchant's refunds.
//
//	@Summary		List refunds
//	@Description	Lists refunds, newest first.
//	@Tags			Refunds
//	@ID				listRefunds
//	@Produce		json
//	@Param			status		query		string	false	"Only refunds in this state"	Enums(pending, succeeded, failed, canceled)
//	@Param			payment_id	query		string	false	"Only refunds of this payment"
//	@Success		200			{object}	List[wire.Refund]
//	@Router			/v1/refunds [get]
func (h *Refunds) List(c *gin.Context) error {
	list := h.listing(func(ctx context.Context, merchant uuid.UUID, q listQuery) ([]models.Refund, error) {
		payment, err := q.id("payment_id", models.PrefixPayment)
		if err != nil {
			return nil, err
		}
		return h.refunds.List(ctx, merchant, repository.RefundFilter{PaymentID: payment, Statuses: q.Chosen}, q.Page)
	})
	list.filters = []string{"payment_id"}
	list.choices = choicesOf("status", models.RefundPending, models.RefundSucceeded, models.RefundFailed, models.RefundCanceled)
	return list.serve(c, h.cursors)
}

// ListOfPayment shows a payment's refunds.
//
//	@Summary		List a payment's refunds
//	@Description	Lists the refunds of one payment, newest first.
//	@Tags			Refunds
//	@ID				listPaymentRefunds
//	@Produce		json
//	@Param			id	path		string	true	"Id of the payment"	example(pay_3h2v9c1m8x4r7t0k5w6z1b2d3f)
//	@Success		200	{object}	List[wire.Refund]
//	@Failure		404	{object}	problem.Problem	"not-found"
//	@Router			/v1/payments/{id}/refunds [get]
func (h *Refunds) ListOfPayment(c *gin.Context) error {
	return h.listing(func(ctx context.Context, merchant uuid.UUID, q listQuery) ([]models.Refund, error) {
		id, err := paymentOf(c, h.payments)
		if err != nil {
			return nil, err
		}
		return h.refunds.List(ctx, merchant, repository.RefundFilter{PaymentID: &id}, q.Page)
	}).serve(c, h.cursors)
}

func (h *Refunds) listing(read func(context.Context, uuid.UUID, listQuery) ([]models.Refund, error)) listing[models.Refund, wire.Refund] {
	return listing[models.Refund, wire.Refund]{
		name: "refunds", read: read,
		position: func(x *models.Refund) (time.Time, uuid.UUID) { return x.CreatedAt, x.ID },
		render:   func(x *models.Refund) (wire.Refund, error) { return wire.NewRefund(x), nil },
	}
}
