package handlers

import (
	"context"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/google/uuid"

	"github.com/payonce/payonce/idempotency"
	"github.com/payonce/payonce/idempotency/postgres"
	"github.com/payonce/payonce/internal/wire"
	"github.com/payonce/payonce/models"
	"github.com/payonce/payonce/repository"
)

// Deliveries shows what was sent to an endpoint.
//
//	@Summary		List the deliveries of a webhook endpoint
//	@Description	Lists what was sent, or is to be sent, newest first: one delivery per event, with how its last attempt ended. Those that have ended are kept for 30 days.
//	@Tags			Webhooks
//	@ID				listWebhookDeliveries
//	@Produce		json
//	@Param			id			path		string		true	"Id of the endpoint"	example(we_01jd8x7w4n9q2m5k3r6t8v0y1z)
//	@Param			status		query		[]string	false	"Only deliveries in this state; send it several times for several states"	Enums(pending, delivered, exhausted, canceled)	collectionFormat(multi)
//	@Param			event_id	query		string		false	"Only the delivery of this event"
//	@Success		200			{object}	List[wire.WebhookDelivery]
//	@Failure		404			{object}	problem.Problem	"not-found"
//	@Router			/v1/webhook-endpoints/{id}/deliveries [get]
func (h *WebhookEndpoints) Deliveries(c *gin.Context) error {
	return listing[models.WebhookDelivery, wire.WebhookDelivery]{
		name: "webhook_deliveries of " + c.Param("id"), filters: []string{"event_id"},
		choices: choicesOf("status", models.DeliveryPending, models.DeliveryDelivered, models.DeliveryExhausted, models.DeliveryCanceled),
		read: func(ctx context.Context, merchant uuid.UUID, q listQuery) ([]models.WebhookDelivery, error) {
			id, err := pathID(c, models.PrefixWebhookEndpoint) // behind the parameters, as on every list
			if err != nil {
				return nil, err
			}
			if _, err := h.endpoints.Get(ctx, merchant, id); err != nil {
				return nil, err
			}
			event, err := q.id("event_id", models.PrefixEvent)
			if err != nil {
				return nil, err
			}
			return h.deliveries.List(ctx, merchant, id, repository.DeliveryFilter{Statuses: q.Chosen, EventID: event}, q.Page)
		},
		position: func(d *models.WebhookDelivery) (time.Time, uuid.UUID) { return d.CreatedAt, d.ID },
		render:   func(d *models.WebhookDelivery) (wire.WebhookDelivery, error) { return wire.NewWebhookDelivery(d), nil },
	}.serve(c, h.cursors)
}

// Redeliver sends one event again.
//
//	@Summary		Deliver an event again
//	@Description	Makes a delivery due now, whatever became of it, with all its attempts. The event has the same webhook-id as before.
//	@Tags			Webhooks
//	@ID				redeliverWebhook
//	@Produce		json
//	@Param			id			path		string	true	"Id of the endpoint"	example(we_01jd8x7w4n9q2m5k3r6t8v0y1z)
//	@Param			delivery_id	path		string	true	"Id of the delivery"	example(del_3h2v9c1m8x4r7t0k5w6z1b2d3f)
//	@Success		202			{object}	wire.WebhookDelivery	"The delivery, made due now or by an earlier copy of this request"
//	@Failure		404			{object}	problem.Problem			"not-found"
//	@Failure		409			{object}	problem.Problem			"idempotency-request-in-flight, webhook-endpoint-disabled"
//	@Failure		422			{object}	problem.Problem			"idempotency-key-reused"
//	@Router			/v1/webhook-endpoints/{id}/deliveries/{delivery_id}/redeliver [post]
func (h *WebhookEndpoints) Redeliver(c *gin.Context, req idempotency.Request) (idempotency.Work[*postgres.Tx], error) {
	if err := noBody(c); err != nil {
		return idempotency.Work[*postgres.Tx]{}, err
	}
	endpoint, err := pathID(c, models.PrefixWebhookEndpoint)
	if err != nil {
		return idempotency.Work[*postgres.Tx]{}, err
	}
	id, err := models.ParseID(models.PrefixWebhookDelivery, c.Param("delivery_id"))
	if err != nil {
		return idempotency.Work[*postgres.Tx]{}, postgres.ErrNotFound
	}
	merchant := uuid.UUID(req.Tenant)
	var to *postgres.Pending[models.WebhookEndpoint]
	var found *postgres.Pending[models.WebhookDelivery]
	return idempotency.Work[*postgres.Tx]{Local: &idempotency.Local[*postgres.Tx]{
		Reads: func(tx *postgres.Tx) {
			to, found = h.endpoints.Read(tx, merchant, endpoint), h.deliveries.Lock(tx, merchant, endpoint, id)
		},
		Run: func(_ context.Context, tx *postgres.Tx) (*idempotency.Response, error) {
			if err := takes(to); err != nil {
				return nil, err
			}
			delivery, err := found.Get()
			if err != nil {
				return nil, err
			}
			now := tx.Now()
			delivery.Status, delivery.Attempts, delivery.NextAttemptAt, delivery.FinishedAt = models.DeliveryPending, 0, &now, nil
			h.deliveries.Again(tx, delivery)
			return accepted(wire.NewWebhookDelivery(delivery), endpoint)
		},
	}}, nil
}

// RedeliverSince sends what an endpoint has missed.
//
//	@Summary		Deliver missed events
//	@Description	Sends the events since a time, at most 30 days ago, that the endpoint wants and has not got: those whose attempts are exhausted, and those of while it was disabled or did not exist yet. One request looks at 5,000 events; next_since says where the next one has to go on.
//	@Tags			Webhooks
//	@ID				redeliverWebhooks
//	@Accept			json
//	@Produce		json
//	@Param			id			path		string					true	"Id of the endpoint"	example(we_01jd8x7w4n9q2m5k3r6t8v0y1z)
//	@Param			redelivery	body		CreateRedelivery		true	"Since when"
//	@Success		202			{object}	wire.WebhookRedelivery	"How many events are sent, now or by an earlier copy of this request"
//	@Failure		404			{object}	problem.Problem			"not-found"
//	@Failure		409			{object}	problem.Problem			"idempotency-request-in-flight, webhook-endpoint-disabled"
//	@Failure		422			{object}	problem.Problem			"idempotency-key-reused, validation-failed"
//	@Router			/v1/webhook-endpoints/{id}/redeliver [post]
func (h *WebhookEndpoints) RedeliverSince(c *gin.Context, req idempotency.Request) (idempotency.Work[*postgres.Tx], error) {
	var in CreateRedelivery
	if err := decode(c, &in); err != nil {
		return idempotency.Work[*postgres.Tx]{}, err
	}
	since, err := in.since(time.Now())
	if err != nil {
		return idempotency.Work[*postgres.Tx]{}, err
	}
	id, err := pathID(c, models.PrefixWebhookEndpoint)
	if err != nil {
		return idempotency.Work[*postgres.Tx]{}, err
	}
	var to *postgres.Pending[models.WebhookEndpoint]
	return idempotency.Work[*postgres.Tx]{Local: &idempotency.Local[*postgres.Tx]{
		Reads: func(tx *postgres.Tx) { to = h.endpoints.Read(tx, uuid.UUID(req.Tenant), id) },
		Run: func(ctx context.Context, tx *postgres.Tx) (*idempotency.Response, error) {
			if err := takes(to); err != nil {
				return nil, err
			}
			endpoint, err := to.Get()
			if err != nil {
				return nil, err
			}
			missed := h.deliveries.AgainSince(tx, endpoint, since, redeliveryPage)
			if err := tx.Flush(ctx); err != nil {
				return nil, err
			}
			document := wire.WebhookRedelivery{EndpointID: models.FormatID(models.PrefixWebhookEndpoint, id), Queued: missed.Queued}
			if missed.Next != nil {
				next := wire.Time(*missed.Next)
				document.NextSince = &next
			}
			return accepted(document, id)
		},
	}}, nil
}

// takes fails unless there is such an endpoint, and events are sent to it.
func takes(to *postgres.Pending[models.WebhookEndpoint]) error {
	endpoint, err := to.Get()
	if err != nil {
		return err
	}
	if !endpoint.Enabled {
		return ErrEndpointDisabled
	}
	return nil
}

// accepted is a response to what is done in the background.
func accepted(document any, endpoint uuid.UUID) (*idempotency.Response, error) {
	body, err := wire.Encode(document)
	if err != nil {
		return nil, err
	}
	where := wire.WebhookEndpointPath(models.FormatID(models.PrefixWebhookEndpoint, endpoint)) + "/deliveries"
	return &idempotency.Response{
		Status: http.StatusAccepted, Body: body,
		Headers:  []idempotency.Header{{Name: "Content-Type", Value: jsonType}, {Name: "Location", Value: where}},
		Resource: idempotency.Resource{Type: wire.TypeWebhookEndpoint, ID: endpoint},
	}, nil
}
