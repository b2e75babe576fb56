package handlers

import (
	"context"
	"net/http"

	"github.com/gin-gonic/gin"
	"github.com/google/uuid"

	"github.com/payonce/payonce/idempotency"
	"github.com/payonce/payonce/idempotency/postgres"
	"github.com/payonce/payonce/internal/wire"
	"github.com/payonce/payonce/models"
)

// Confirm finds out how a challenge went, when the customer comes back from it.
//
//	@Summary		Confirm a payment
//	@Description	For when the customer comes back to your return_url: asks the provider now how the payment stands, and shows it as it is then. It takes no body. The state after the return is found out without it as well, within seconds while the payment is being read; an answer in the address that the customer comes back to proves nothing.
//	@Description
//	@Description	200 whatever the state is: requires_action means that the customer has not acted yet, or that the provider could not be asked. Sent again under the same key, it gives the first answer again and asks nothing; use a new key to ask again.
//	@Tags			Payments
//	@ID				confirmPayment
//	@Produce		json
//	@Param			id	path		string	true	"Id of the payment"	example(pay_3h2v9c1m8x4r7t0k5w6z1b2d3f)
//	@Success		200	{object}	wire.Payment	"The payment, as the provider knows it now or knew it for an earlier copy of this request"
//	@Failure		404	{object}	problem.Problem	"not-found"
//	@Failure		409	{object}	problem.Problem	"idempotency-request-in-flight"
//	@Failure		422	{object}	problem.Problem	"idempotency-key-reused"
//	@Router			/v1/payments/{id}/confirm [post]
func (h *Payments) Confirm(c *gin.Context, req idempotency.Request) (idempotency.Work[*postgres.Tx], error) {
	if err := noBody(c); err != nil {
		return idempotency.Work[*postgres.Tx]{}, err
	}
	id, err := pathID(c, models.PrefixPayment)
	if err != nil {
		return idempotency.Work[*postgres.Tx]{}, err
	}
	merchant, asked := uuid.UUID(req.Tenant), false
	var found *postgres.Pending[models.Payment]
	return idempotency.Work[*postgres.Tx]{Local: &idempotency.Local[*postgres.Tx]{
		Reads: func(tx *postgres.Tx) { found = h.payments.Read(tx, merchant, id) },
		Run: func(context.Context, *postgres.Tx) (*idempotency.Response, error) {
			payment, err := found.Get()
			if err != nil {
				return nil, err
			}
			if !asked && payment.Undecided() {
				// Outside the transaction, and only once it is known that the key has no answer yet.
				return nil, &idempotency.PrerequisiteError{Err: idempotency.ErrUnavailable, Do: func(ctx context.Context) {
					asked = true
					h.ask(ctx, merchant, id)
				}}
			}
			body, err := wire.Encode(wire.NewPayment(payment))
			return &idempotency.Response{
				Status: http.StatusOK, Body: body, Headers: []idempotency.Header{{Name: "Content-Type", Value: jsonType}},
				Resource: idempotency.Resource{Type: wire.TypePayment, ID: id},
			}, err
		},
	}}, nil
}

// ask asks the provider now; where that fails, soon.
func (h *Payments) ask(ctx context.Context, merchant, id uuid.UUID) {
	if err := h.operations.Ask(ctx, merchant, id); err != nil {
		h.requestCheck(ctx, merchant, id)
	}
}
