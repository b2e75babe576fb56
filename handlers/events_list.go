package handlers

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/google/uuid"

	"github.com/payonce/payonce/idempotency/postgres"
	"github.com/payonce/payonce/internal/cursor"
	"github.com/payonce/payonce/internal/problem"
	"github.com/payonce/payonce/internal/wire"
	"github.com/payonce/payonce/middleware"
	"github.com/payonce/payonce/models"
	"github.com/payonce/payonce/repository"
)

// List shows the merchant's event log.
//
//	@Summary		List events
//	@Description	Lists what was committed, newest first: one event for each change, however often its request was sent.
//	@Description
//	@Description	With after they are listed oldest first, and none is ever skipped: also not one whose transaction began early and committed late. Ask with the next_cursor of the page before, which is always there then, also on an empty page, and never expires. To begin, ask after evt_00000000000000000000000000. Changes of one resource are put in order by resource_version.
//	@Tags			Events
//	@ID				listEvents
//	@Produce		json
//	@Param			type		query		[]string	false	"Only events of this type; payment.* is every type that begins with payment. Send it several times for several types"	collectionFormat(multi)
//	@Param			resource_id	query		string		false	"Only events of this resource"
//	@Param			after		query		string		false	"Oldest first, behind this event: its id, or the next_cursor of the page before. Not together with cursor"
//	@Success		200			{object}	List[wire.Event]
//	@Failure		404			{object}	problem.Problem	"not-found"
//	@Router			/v1/events [get]
func (h *Events) List(c *gin.Context) error {
	if c.Request.URL.Query().Has("after") {
		return h.listAfter(c)
	}
	return listing[models.Event, wire.Event]{
		name: "events", filters: []string{"resource_id", "after"}, choices: eventTypes(),
		read: func(ctx context.Context, merchant uuid.UUID, q listQuery) ([]models.Event, error) {
			filter, err := eventFilter(q)
			if err != nil {
				return nil, err
			}
			return h.events.List(ctx, merchant, filter, q.Page)
		},
		position: func(e *models.Event) (time.Time, uuid.UUID) { return e.CreatedAt, e.ID },
		render:   func(e *models.Event) (wire.Event, error) { return wire.NewEvent(e), nil },
	}.serve(c, h.cursors)
}

// listAfter reads the log oldest first.
func (h *Events) listAfter(c *gin.Context) error {
	values, err := parameters(c, []string{"limit", "after", createdFrom, createdUntil, "resource_id"}, []string{"type"})
	if err != nil {
		return err
	}
	q := listQuery{values: values}
	if q.Page, err = page(values, nil); err != nil {
		return err
	}
	if q.Chosen, err = eventTypes().of(values); err != nil {
		return err
	}
	filter, err := eventFilter(q)
	if err != nil {
		return err
	}
	ctx, merchant := c.Request.Context(), middleware.IdentityOf(c).Merchant
	part := repository.EventsAfter{Limit: q.Limit, From: q.From, Until: q.Until}
	if part.Position, err = h.position(ctx, merchant, values.Get("after")); err != nil {
		return err
	}
	rows, next, err := h.events.After(ctx, merchant, filter, part)
	if err != nil {
		return err
	}
	after := h.positions.Encode(merchant, cursor.Position{Epoch: next.Epoch, Number: next.Xact, ID: next.ID})
	list := List[wire.Event]{Data: make([]wire.Event, 0, len(rows)), NextCursor: &after}
	for i := range rows {
		list.Data = append(list.Data, wire.NewEvent(&rows[i]))
	}
	return reply(c, list)
}

// position reads the value of after: a cursor, or an event's id, of which the zero one is before all others.
func (h *Events) position(ctx context.Context, merchant uuid.UUID, after string) (models.EventPosition, error) {
	if !strings.HasPrefix(after, models.PrefixEvent) {
		p, err := h.positions.Decode(merchant, after)
		return models.EventPosition{Epoch: p.Epoch, Xact: p.Number, ID: p.ID}, err
	}
	id, err := models.ParseID(models.PrefixEvent, after)
	if err != nil {
		return models.EventPosition{}, &ParameterError{"after", "must be the id of an event, or the next_cursor of the page before"}
	}
	if id == uuid.Nil { // before all others
		return models.EventPosition{}, nil
	}
	event, err := h.events.Get(ctx, merchant, id)
	if errors.Is(err, postgres.ErrNotFound) {
		return models.EventPosition{}, problem.New(problem.CodeNotFound, "There is no event with the id in after.")
	}
	if err != nil {
		return models.EventPosition{}, err
	}
	return event.Position(), nil
}

func eventFilter(q listQuery) (filter repository.EventFilter, err error) {
	filter.Types = q.Chosen
	if text := q.text("resource_id"); text != nil {
		id, ok := wire.ParseResourceID(*text)
		if !ok {
			return filter, &ParameterError{"resource_id", "must be the id of an order, a payment, a capture, a refund or a discrepancy"}
		}
		filter.ResourceID = &id
	}
	return filter, nil
}

func eventTypes() choices {
	return choices{"type", eventType, "must be the type of an event, like payment.succeeded, or a group of them, like payment.*"}
}

// eventType reports whether a text has the form of a type: words of lower-case letters with dots between them, or a star for the
// last ones. Types are added by later releases, so one that is not known yet is no mistake.
func eventType(text string) bool {
	words := strings.Split(text, ".")
	last := len(words) - 1
	if words[last] == "*" {
		words[last] = "all"
	}
	return len(words) > 1 && len(text) <= 64 && !slices.ContainsFunc(words, func(word string) bool {
		return word == "" || strings.Trim(word, "abcdefghijklmnopqrstuvwxyz_") != ""
	})
}
