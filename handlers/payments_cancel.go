package handlers

import (
	"github.com/gin-gonic/gin"

	"github.com/payonce/payonce/idempotency"
	"github.com/payonce/payonce/idempotency/postgres"
	"github.com/payonce/payonce/middleware"
	"github.com/payonce/payonce/models"
	"github.com/payonce/payonce/operations"
)

// Cancel voids a payment's authorization, or what is left of it.
//
//	@Summary		Cancel a payment
//	@Description	Voids the authorization of a payment, or what is left of it after a capture; also ends a payment that waits for its customer. It takes no body. The order is free for another payment when nothing was captured. Money that was captured is given back by a refund.
//	@Description
//	@Description	200: canceled, or succeeded when a part had been captured. 202: the provider gave no clear answer in time; it is found out. 409 while another operation on the authorization is in flight (retryable), or when there is nothing to void.
//	@Tags			Payments
//	@ID				cancelPayment
//	@Produce		json
//	@Param			id	path		string	true	"Id of the payment"	example(pay_3h2v9c1m8x4r7t0k5w6z1b2d3f)
//	@Success		200	{object}	wire.Payment	"The payment as the cancellation left it"
//	@Success		202	{object}	wire.Payment	"No clear answer from the provider in time: read the payment until its status tells"
//	@Failure		402	{object}	problem.Problem	"payment-declined"
//	@Failure		404	{object}	problem.Problem	"not-found"
//	@Failure		409	{object}	problem.Problem	"idempotency-request-in-flight, payment-not-cancelable"
//	@Failure		422	{object}	problem.Problem	"idempotency-key-reused, provider-rejected"
//	@Router			/v1/payments/{id}/cancel [post]
func (h *Payments) Cancel(c *gin.Context, req idempotency.Request) (idempotency.Work[*postgres.Tx], error) {
	if err := noBody(c); err != nil {
		return idempotency.Work[*postgres.Tx]{}, err
	}
	id, err := pathID(c, models.PrefixPayment)
	if err != nil {
		return idempotency.Work[*postgres.Tx]{}, err
	}
	input := operations.VoidInput{PaymentID: id, RequestID: middleware.RequestIDOf(c)}
	return idempotency.Work[*postgres.Tx]{External: h.operations.Void(req, input)}, nil
}
