package handlers

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/google/uuid"

	"github.com/payonce/payonce/idempotency"
	"github.com/payonce/payonce/idempotency/postgres"
	"github.com/payonce/payonce/internal/cursor"
	"github.com/payonce/payonce/internal/wire"
	"github.com/payonce/payonce/middleware"
	"github.com/payonce/payonce/models"
	"github.com/payonce/payonce/notifications"
	"github.com/payonce/payonce/repository"
)

// WebhookEndpoints are the routes under /v1/webhook-endpoints.
type WebhookEndpoints struct {
	endpoints  *repository.WebhookEndpoints
	deliveries *repository.WebhookDeliveries
	addresses  *notifications.Addresses
	secrets    *notifications.Secrets
	cursors    *cursor.Codec
}

// NewWebhookEndpoints returns the handlers.
func NewWebhookEndpoints(endpoints *repository.WebhookEndpoints, deliveries *repository.WebhookDeliveries,
	addresses *notifications.Addresses, secrets *notifications.Secrets, cursors *cursor.Codec,
) *WebhookEndpoints {
	return &WebhookEndpoints{endpoints, deliveries, addresses, secrets, cursors}
}

// Why an endpoint, or a delivery of it, can't be had. Their texts are for clients.
var (
	ErrTooManyEndpoints = fmt.Errorf("there are %d webhook endpoints already; delete one", models.MaxWebhookEndpoints)
	ErrEndpointDisabled = errors.New("the webhook endpoint is disabled; enable it first")
)

// Create makes an endpoint.
//
//	@Summary		Create a webhook endpoint
//	@Description	Names an address that events are sent to from now on. The answer shows the secret that deliveries are signed with (Standard Webhooks); no other answer does, but for copies of this request under its key, while they are replayed.
//	@Description
//	@Description	The address has to be of the public internet, with https, without user name and password, on port 443 or one from 1024 on. It is checked again each time it is dialled, and redirects are not followed. A merchant has at most 20 endpoints.
//	@Tags			Webhooks
//	@ID				createWebhookEndpoint
//	@Accept			json
//	@Produce		json
//	@Param			endpoint	body		CreateWebhookEndpoint			true	"Where to, and which events"
//	@Success		201			{object}	wire.WebhookEndpointWithSecret	"The endpoint with its secret, made now or by an earlier copy of this request"
//	@Failure		409			{object}	problem.Problem					"idempotency-request-in-flight, too-many-webhook-endpoints"
//	@Failure		422			{object}	problem.Problem					"idempotency-key-reused, validation-failed"
//	@Router			/v1/webhook-endpoints [post]
func (h *WebhookEndpoints) Create(c *gin.Context, req idempotency.Request) (idempotency.Work[*postgres.Tx], error) {
	var in CreateWebhookEndpoint
	if err := decode(c, &in); err != nil {
		return idempotency.Work[*postgres.Tx]{}, err
	}
	endpoint, err := in.endpoint(uuid.UUID(req.Tenant), h.addresses)
	if err != nil {
		return idempotency.Work[*postgres.Tx]{}, err
	}
	var v checks
	v.address("/url", h.addresses.CheckName(c.Request.Context(), in.URL))
	if err := v.err(); err != nil {
		return idempotency.Work[*postgres.Tx]{}, err
	}
	requestID := middleware.RequestIDOf(c)
	var counted *postgres.Pending[repository.Counted]
	return idempotency.Work[*postgres.Tx]{Local: &idempotency.Local[*postgres.Tx]{
		Reads: func(tx *postgres.Tx) { counted = h.endpoints.Count(tx, endpoint.MerchantID) },
		Run: func(_ context.Context, tx *postgres.Tx) (*idempotency.Response, error) {
			has, err := counted.Get()
			if err != nil {
				return nil, err
			}
			if has.Endpoints >= models.MaxWebhookEndpoints {
				return nil, ErrTooManyEndpoints
			}
			endpoint.ID, endpoint.CreatedAt, endpoint.UpdatedAt = models.NewID(), tx.Now(), tx.Now()
			secret, sealed := h.secrets.New(endpoint)
			endpoint.Secret = sealed
			event, err := notifications.EndpointEvent(endpoint, "webhook_endpoint.created", &requestID)
			if err != nil {
				return nil, err
			}
			h.endpoints.Insert(tx, endpoint, event)
			return endpointWithSecret(endpoint, http.StatusCreated, secret)
		},
	}}, nil
}

// Update changes an endpoint.
//
//	@Summary		Change a webhook endpoint
//	@Description	Changes which events are sent, whether they are, and the description. What is left out stays as it is. To send to another address, make another endpoint.
//	@Tags			Webhooks
//	@ID				updateWebhookEndpoint
//	@Accept			json
//	@Produce		json
//	@Param			id		path		string						true	"Id of the endpoint"	example(we_01jd8x7w4n9q2m5k3r6t8v0y1z)
//	@Param			change	body		CreateWebhookEndpointChange	true	"What is to be different"
//	@Success		200		{object}	wire.WebhookEndpoint		"The endpoint, changed now or by an earlier copy of this request"
//	@Failure		404		{object}	problem.Problem				"not-found"
//	@Failure		409		{object}	problem.Problem				"idempotency-request-in-flight"
//	@Failure		422		{object}	problem.Problem				"idempotency-key-reused, validation-failed"
//	@Router			/v1/webhook-endpoints/{id} [patch]
func (h *WebhookEndpoints) Update(c *gin.Context, req idempotency.Request) (idempotency.Work[*postgres.Tx], error) {
	var in CreateWebhookEndpointChange
	if err := decode(c, &in); err != nil {
		return idempotency.Work[*postgres.Tx]{}, err
	}
	change, err := in.change()
	if err != nil {
		return idempotency.Work[*postgres.Tx]{}, err
	}
	return h.changing(c, req, func(tx *postgres.Tx, w *models.WebhookEndpoint, requestID string) (*idempotency.Response, error) {
		change(w, tx.Now())
		event, err := notifications.EndpointEvent(w, "webhook_endpoint.updated", &requestID)
		if err != nil {
			return nil, err
		}
		h.endpoints.Update(tx, w, event)
		return endpointResponse(w, http.StatusOK, wire.NewWebhookEndpoint(w))
	})
}

// RotateSecret replaces an endpoint's secret.
//
//	@Summary		Replace the secret of a webhook endpoint
//	@Description	Makes a new secret, and shows it in this answer only. For expires_in seconds (a day, unless it says otherwise; 0: not at all) deliveries carry two signatures, by the new secret and by the one before it, so that a receiver can change over without missing one.
//	@Tags			Webhooks
//	@ID				rotateWebhookSecret
//	@Accept			json
//	@Produce		json
//	@Param			id			path		string							true	"Id of the endpoint"	example(we_01jd8x7w4n9q2m5k3r6t8v0y1z)
//	@Param			rotation	body		CreateSecretRotation			false	"For how long the old one signs as well"
//	@Success		200			{object}	wire.WebhookEndpointWithSecret	"The endpoint with its new secret, made now or by an earlier copy of this request"
//	@Failure		404			{object}	problem.Problem					"not-found"
//	@Failure		409			{object}	problem.Problem					"idempotency-request-in-flight"
//	@Failure		422			{object}	problem.Problem					"idempotency-key-reused, validation-failed"
//	@Router			/v1/webhook-endpoints/{id}/rotate-secret [post]
func (h *WebhookEndpoints) RotateSecret(c *gin.Context, req idempotency.Request) (idempotency.Work[*postgres.Tx], error) {
	var in CreateSecretRotation
	if err := decodeOptional(c, &in); err != nil {
		return idempotency.Work[*postgres.Tx]{}, err
	}
	overlap, err := in.overlap()
	if err != nil {
		return idempotency.Work[*postgres.Tx]{}, err
	}
	return h.changing(c, req, func(tx *postgres.Tx, w *models.WebhookEndpoint, requestID string) (*idempotency.Response, error) {
		secret, sealed := h.secrets.New(w)
		w.Rotate(sealed, tx.Now().Add(overlap))
		event, err := notifications.EndpointEvent(w, "webhook_endpoint.secret_rotated", &requestID)
		if err != nil {
			return nil, err
		}
		h.endpoints.Update(tx, w, event)
		return endpointWithSecret(w, http.StatusOK, secret)
	})
}

// changing is the work of a request that changes one endpoint, which is locked for it.
func (h *WebhookEndpoints) changing(c *gin.Context, req idempotency.Request,
	change func(tx *postgres.Tx, w *models.WebhookEndpoint, requestID string) (*idempotency.Response, error),
) (idempotency.Work[*postgres.Tx], error) {
	id, err := pathID(c, models.PrefixWebhookEndpoint)
	if err != nil {
		return idempotency.Work[*postgres.Tx]{}, err
	}
	requestID := middleware.RequestIDOf(c)
	var found *postgres.Pending[models.WebhookEndpoint]
	return idempotency.Work[*postgres.Tx]{Local: &idempotency.Local[*postgres.Tx]{
		Reads: func(tx *postgres.Tx) { found = h.endpoints.Lock(tx, uuid.UUID(req.Tenant), id) },
		Run: func(_ context.Context, tx *postgres.Tx) (*idempotency.Response, error) {
			endpoint, err := found.Get()
			if err != nil {
				return nil, err
			}
			endpoint.UpdatedAt = models.ChangedAt(endpoint.UpdatedAt, tx.Now())
			return change(tx, endpoint, requestID)
		},
	}}, nil
}

// endpointWithSecret is a response that shows a new secret: sealed where it is stored, and kept by no cache.
func endpointWithSecret(w *models.WebhookEndpoint, status int, secret string) (*idempotency.Response, error) {
	response, err := endpointResponse(w, status, wire.WebhookEndpointWithSecret{WebhookEndpoint: wire.NewWebhookEndpoint(w), Secret: secret})
	if err != nil {
		return nil, err
	}
	response.Secret = true
	return response, nil
}

// endpointResponse is a response about an endpoint.
func endpointResponse(w *models.WebhookEndpoint, status int, document any) (*idempotency.Response, error) {
	body, err := wire.Encode(document)
	if err != nil {
		return nil, err
	}
	response := &idempotency.Response{
		Status: status, Body: body, Headers: []idempotency.Header{{Name: "Content-Type", Value: jsonType}},
		Resource: idempotency.Resource{Type: wire.TypeWebhookEndpoint, ID: w.ID},
	}
	if status == http.StatusCreated {
		path := wire.WebhookEndpointPath(models.FormatID(models.PrefixWebhookEndpoint, w.ID))
		response.Headers = append(response.Headers, idempotency.Header{Name: "Location", Value: path})
	}
	return response, nil
}

// Delete takes an endpoint away.
//
//	@Summary		Delete a webhook endpoint
//	@Description	Nothing more is sent to it, and what was pending is canceled. The answer shows the endpoint as it was last.
//	@Tags			Webhooks
//	@ID				deleteWebhookEndpoint
//	@Produce		json
//	@Param			id	path		string	true	"Id of the endpoint"	example(we_01jd8x7w4n9q2m5k3r6t8v0y1z)
//	@Success		200	{object}	wire.WebhookEndpoint	"The endpoint, deleted now or by an earlier copy of this request"
//	@Failure		404	{object}	problem.Problem			"not-found"
//	@Failure		409	{object}	problem.Problem			"idempotency-request-in-flight"
//	@Failure		422	{object}	problem.Problem			"idempotency-key-reused"
//	@Router			/v1/webhook-endpoints/{id} [delete]
func (h *WebhookEndpoints) Delete(c *gin.Context, req idempotency.Request) (idempotency.Work[*postgres.Tx], error) {
	if err := noBody(c); err != nil {
		return idempotency.Work[*postgres.Tx]{}, err
	}
	return h.changing(c, req, func(tx *postgres.Tx, w *models.WebhookEndpoint, requestID string) (*idempotency.Response, error) {
		w.Disable(models.WebhookDisabledByMerchant)
		w.PreviousSecretUntil = nil
		event, err := notifications.EndpointEvent(w, "webhook_endpoint.deleted", &requestID)
		if err != nil {
			return nil, err
		}
		h.endpoints.Delete(tx, tx.Now(), event)
		return endpointResponse(w, http.StatusOK, wire.NewWebhookEndpoint(w))
	})
}

// Get shows an endpoint.
//
//	@Summary		Read a webhook endpoint
//	@Description	Shows an endpoint as it is now, without its secret.
//	@Tags			Webhooks
//	@ID				getWebhookEndpoint
//	@Produce		json
//	@Param			id	path		string	true	"Id of the endpoint"	example(we_01jd8x7w4n9q2m5k3r6t8v0y1z)
//	@Success		200	{object}	wire.WebhookEndpoint
//	@Failure		404	{object}	problem.Problem	"not-found"
//	@Router			/v1/webhook-endpoints/{id} [get]
func (h *WebhookEndpoints) Get(c *gin.Context) error {
	if err := noQuery(c); err != nil {
		return err
	}
	id, err := pathID(c, models.PrefixWebhookEndpoint)
	if err != nil {
		return err
	}
	endpoint, err := h.endpoints.Get(c.Request.Context(), middleware.IdentityOf(c).Merchant, id)
	if err != nil {
		return err
	}
	return reply(c, wire.NewWebhookEndpoint(endpoint))
}

// List shows the merchant's endpoints.
//
//	@Summary		List webhook endpoints
//	@Description	Lists endpoints, newest first, without their secrets.
//	@Tags			Webhooks
//	@ID				listWebhookEndpoints
//	@Produce		json
//	@Success		200	{object}	List[wire.WebhookEndpoint]
//	@Router			/v1/webhook-endpoints [get]
func (h *WebhookEndpoints) List(c *gin.Context) error {
	return listing[models.WebhookEndpoint, wire.WebhookEndpoint]{
		name: "webhook_endpoints",
		read: func(ctx context.Context, merchant uuid.UUID, q listQuery) ([]models.WebhookEndpoint, error) {
			return h.endpoints.List(ctx, merchant, repository.EndpointFilter{}, q.Page)
		},
		position: func(w *models.WebhookEndpoint) (time.Time, uuid.UUID) { return w.CreatedAt, w.ID },
		render:   func(w *models.WebhookEndpoint) (wire.WebhookEndpoint, error) { return wire.NewWebhookEndpoint(w), nil },
	}.serve(c, h.cursors)
}
