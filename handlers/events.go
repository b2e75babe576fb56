package handlers

import (
	"time"

	"github.com/gin-gonic/gin"
	"github.com/google/uuid"

	"github.com/payonce/payonce/cursor"
	"github.com/payonce/payonce/middleware"
	"github.com/payonce/payonce/models"
	"github.com/payonce/payonce/repository"
	"github.com/payonce/payonce/wire"
)

// Events are the routes under /v1/events.
type Events struct {
	events  *repository.Events
	cursors *cursor.Codec
}

// NewEvents returns the handlers.
func NewEvents(events *repository.Events, cursors *cursor.Codec) *Events {
	return &Events{events: events, cursors: cursors}
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
	if _, err := query(c); err != nil {
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

// List shows the merchant's event log.
//
//	@Summary		List events
//	@Description	Lists what was committed, newest first: one event for each change, however often its request was sent.
//	@Tags			Events
//	@ID				listEvents
//	@Produce		json
//	@Success		200	{object}	List[wire.Event]
//	@Router			/v1/events [get]
func (h *Events) List(c *gin.Context) error {
	values, err := query(c, "limit", "cursor")
	if err != nil {
		return err
	}
	lister := lister{h.cursors, "events", middleware.IdentityOf(c).Merchant}
	page, err := lister.page(values)
	if err != nil {
		return err
	}
	rows, err := h.events.List(c.Request.Context(), lister.merchant, page)
	if err != nil {
		return err
	}
	list, err := rendered(lister, page, rows, func(e *models.Event) (time.Time, uuid.UUID) { return e.CreatedAt, e.ID },
		func(e *models.Event) (wire.Event, error) { return wire.NewEvent(e), nil })
	if err != nil {
		return err
	}
	return reply(c, list)
}
