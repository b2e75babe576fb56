package handlers

import (
	"github.com/gin-gonic/gin"

	"github.com/payonce/payonce/internal/cursor"
	"github.com/payonce/payonce/internal/wire"
	"github.com/payonce/payonce/middleware"
	"github.com/payonce/payonce/models"
	"github.com/payonce/payonce/repository"
)

// Events are the routes under /v1/events.
type Events struct {
	events    *repository.Events
	cursors   *cursor.Codec
	positions *cursor.Sealer
}

// NewEvents returns the handlers.
func NewEvents(events *repository.Events, cursors *cursor.Codec, positions *cursor.Sealer) *Events {
	return &Events{events: events, cursors: cursors, positions: positions}
}

// Get shows an event.
//
//	@Summary		Read an event
//	@Description	Shows one change that was committed, with the resource as it was right after it.
//	@Tags			Events
//	@ID				getEvent
//	@Produce		json
//	@Param			id	path		string	true	"Id of the event"	example(evt_01jd8x7w4n9q2m5k3r6t8v0y1z)
//	@Success		200	{object}	wire.Event
//	@Failure		404	{object}	problem.Problem	"not-found"
//	@Router			/v1/events/{id} [get]
func (h *Events) Get(c *gin.Context) error {
	if err := noQuery(c); err != nil {
		return err
	}
	id, err := pathID(c, models.PrefixEvent)
	if err != nil {
		return err
	}
	event, err := h.events.Get(c.Request.Context(), middleware.IdentityOf(c).Merchant, id)
	if err != nil {
		return err
	}
	return reply(c, wire.NewEvent(event))
}
