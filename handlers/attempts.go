package handlers

import (
	"github.com/gin-gonic/gin"
	"github.com/google/uuid"

	"github.com/payonce/payonce/internal/wire"
	"github.com/payonce/payonce/middleware"
	"github.com/payonce/payonce/models"
	"github.com/payonce/payonce/repository"
)

// AttemptList is all that the provider was asked for about a payment: one page.
type AttemptList struct {
	Data       []wire.Attempt `json:"data"`
	NextCursor *string        `json:"next_cursor" extensions:"x-nullable"` // always null
}

// Attempts shows what the provider was asked for.
//
//	@Summary		Read what the provider was asked for
//	@Description	Lists what the provider was asked for about a payment, newest first, at most 100: authorizations, captures, voids and refunds, each with what is known of it.
//	@Tags			Payments
//	@ID				getAttempts
//	@Produce		json
//	@Param			id	path		string	true	"Id of the payment"	example(pay_3h2v9c1m8x4r7t0k5w6z1b2d3f)
//	@Success		200	{object}	AttemptList
//	@Failure		404	{object}	problem.Problem	"not-found"
//	@Router			/v1/payments/{id}/attempts [get]
func (h *Payments) Attempts(c *gin.Context) error {
	if err := noQuery(c); err != nil {
		return err
	}
	id, err := paymentOf(c, h.payments)
	if err != nil {
		return err
	}
	rows, err := h.attempts.List(c.Request.Context(), middleware.IdentityOf(c).Merchant, id)
	if err != nil {
		return err
	}
	list := AttemptList{Data: make([]wire.Attempt, 0, len(rows))}
	for i := range rows {
		list.Data = append(list.Data, wire.NewAttempt(&rows[i]))
	}
	return reply(c, list)
}

// paymentOf reads the payment that a path names, and returns its id: another merchant's doesn't exist.
func paymentOf(c *gin.Context, payments *repository.Payments) (uuid.UUID, error) {
	id, err := pathID(c, models.PrefixPayment)
	if err != nil {
		return uuid.Nil, err
	}
	_, err = payments.Get(c.Request.Context(), middleware.IdentityOf(c).Merchant, id)
	return id, err
}
