package payonce

import (
	"context"
	"iter"
	"net/http"
	"net/url"
	"time"
)

// WebhookEndpoint is where events are sent.
type WebhookEndpoint struct {
	ID                      string     `json:"id"`
	URL                     string     `json:"url"`
	Events                  []string   `json:"events"`
	Description             string     `json:"description"`
	Enabled                 bool       `json:"enabled"`
	DisabledReason          string     `json:"disabled_reason"`
	FailingSince            *time.Time `json:"failing_since"`
	PreviousSecretExpiresAt *time.Time `json:"previous_secret_expires_at"`
	CreatedAt               time.Time  `json:"created_at"`
	UpdatedAt               time.Time  `json:"updated_at"`

	Secret string `json:"secret"` // only in the answers that make or replace it: keep it then
}

// CreateWebhookEndpoint is a new endpoint.
type CreateWebhookEndpoint struct {
	URL         string   `json:"url"`
	Events      []string `json:"events,omitempty"` // default: all
	Description string   `json:"description,omitempty"`
}

// WebhookEndpointChange is what is to be different; what is empty or nil stays.
type WebhookEndpointChange struct {
	Events      []string `json:"events,omitempty"`
	Enabled     *bool    `json:"enabled,omitempty"`
	Description string   `json:"description,omitempty"`
}

// WebhookDelivery is one event on its way to one endpoint.
type WebhookDelivery struct {
	ID             string     `json:"id"`
	EndpointID     string     `json:"endpoint_id"`
	EventID        string     `json:"event_id"`
	Status         string     `json:"status"` // pending, delivered, exhausted, canceled
	Attempts       int        `json:"attempts"`
	NextAttemptAt  *time.Time `json:"next_attempt_at"`
	LastAttemptAt  *time.Time `json:"last_attempt_at"`
	LastError      string     `json:"last_error"`
	ResponseStatus int        `json:"response_status"`
	ResponseBody   string     `json:"response_body"`
	CreatedAt      time.Time  `json:"created_at"`
	FinishedAt     *time.Time `json:"finished_at"`
}

// WebhookRedelivery is how many events an endpoint gets that it had missed.
type WebhookRedelivery struct {
	EndpointID string     `json:"endpoint_id"`
	Queued     int        `json:"queued"`
	NextSince  *time.Time `json:"next_since"` // ask again with this; nil: that was all
}

// DeliveryFilter says which deliveries are listed.
type DeliveryFilter struct {
	Range

	Status  []string // any of them
	EventID string
}

const endpointsPath = "/v1/webhook-endpoints"

func endpointPath(id string) string { return endpointsPath + "/" + url.PathEscape(id) }

// CreateWebhookEndpoint makes an endpoint. The answer has its secret.
func (c *Client) CreateWebhookEndpoint(ctx context.Context, operation string, endpoint CreateWebhookEndpoint) (*WebhookEndpoint, error) {
	return change[WebhookEndpoint](ctx, c, operation, http.MethodPost, endpointsPath, endpoint)
}

// WebhookEndpoints lists endpoints, newest first.
func (c *Client) WebhookEndpoints(ctx context.Context, r Range) iter.Seq2[*WebhookEndpoint, error] {
	return list[WebhookEndpoint](ctx, c, endpointsPath, r.query())
}

// GetWebhookEndpoint reads an endpoint.
func (c *Client) GetWebhookEndpoint(ctx context.Context, id string) (*WebhookEndpoint, error) {
	return get[WebhookEndpoint](ctx, c, endpointPath(id))
}

// UpdateWebhookEndpoint changes an endpoint.
func (c *Client) UpdateWebhookEndpoint(ctx context.Context, operation, id string, to WebhookEndpointChange) (*WebhookEndpoint, error) {
	return change[WebhookEndpoint](ctx, c, operation, http.MethodPatch, endpointPath(id), to)
}

// DeleteWebhookEndpoint stops deliveries.
func (c *Client) DeleteWebhookEndpoint(ctx context.Context, operation, id string) (*WebhookEndpoint, error) {
	return change[WebhookEndpoint](ctx, c, operation, http.MethodDelete, endpointPath(id), nil)
}

// RotateWebhookSecret makes a new secret, which the answer has. The old one signs as well for keepOld, in whole seconds.
func (c *Client) RotateWebhookSecret(ctx context.Context, operation, id string, keepOld time.Duration) (*WebhookEndpoint, error) {
	body := struct {
		ExpiresIn int64 `json:"expires_in"`
	}{int64(keepOld / time.Second)}
	return change[WebhookEndpoint](ctx, c, operation, http.MethodPost, endpointPath(id)+"/rotate-secret", body)
}

// WebhookDeliveries lists what was sent to an endpoint, newest first.
func (c *Client) WebhookDeliveries(ctx context.Context, id string, f DeliveryFilter) iter.Seq2[*WebhookDelivery, error] {
	q := f.query("event_id", f.EventID)
	add(q, "status", f.Status...)
	return list[WebhookDelivery](ctx, c, endpointPath(id)+"/deliveries", q)
}

// Redeliver sends one event again.
func (c *Client) Redeliver(ctx context.Context, operation, id, deliveryID string) (*WebhookDelivery, error) {
	path := endpointPath(id) + "/deliveries/" + url.PathEscape(deliveryID) + "/redeliver"
	return change[WebhookDelivery](ctx, c, operation, http.MethodPost, path, nil)
}

// RedeliverSince sends what an endpoint has missed since a time at most 30 days ago.
func (c *Client) RedeliverSince(ctx context.Context, operation, id string, since time.Time) (*WebhookRedelivery, error) {
	body := struct {
		Since string `json:"since"`
	}{stamp(since)}
	return change[WebhookRedelivery](ctx, c, operation, http.MethodPost, endpointPath(id)+"/redeliver", body)
}
