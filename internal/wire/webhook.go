package wire

import "github.com/payonce/payonce/models"

// WebhookEndpoint is where events are sent, as clients see it. Its secret is shown once, when it is made or replaced.
type WebhookEndpoint struct {
	ID                      string   `json:"id" example:"we_01jd8x7w4n9q2m5k3r6t8v0y1z"`
	URL                     string   `json:"url" example:"https://shop.example/webhooks"`
	Events                  []string `json:"events" example:"payment.*,refund.succeeded"` // types of events, payment.* for all that begin so, or *
	Description             *string  `json:"description" extensions:"x-nullable" example:"The shop's back office"`
	Enabled                 bool     `json:"enabled" example:"true"`
	DisabledReason          *string  `json:"disabled_reason" extensions:"x-nullable" enums:"by_merchant,gone,failing" example:"gone"`                     // gone: it answered 410; failing: for five days
	FailingSince            *string  `json:"failing_since" extensions:"x-nullable" format:"date-time" example:"2026-11-23T12:00:00.123456Z"`              // null: the last delivery arrived
	PreviousSecretExpiresAt *string  `json:"previous_secret_expires_at" extensions:"x-nullable" format:"date-time" example:"2026-11-24T12:00:00.123456Z"` // until when the secret before this one signs as well
	CreatedAt               string   `json:"created_at" format:"date-time" example:"2026-11-23T12:00:00.123456Z"`
	UpdatedAt               string   `json:"updated_at" format:"date-time" example:"2026-11-23T12:00:00.123456Z"`
}

// WebhookEndpointWithSecret is an endpoint with its new secret, which no other answer shows.
type WebhookEndpointWithSecret struct {
	WebhookEndpoint

	Secret string `json:"secret" example:"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYo="` // what deliveries are signed with (Standard Webhooks)
}

// NewWebhookEndpoint renders a row.
func NewWebhookEndpoint(w *models.WebhookEndpoint) WebhookEndpoint {
	out := WebhookEndpoint{
		ID: models.FormatID(models.PrefixWebhookEndpoint, w.ID), URL: w.URL, Events: w.Events, Description: w.Description, Enabled: w.Enabled,
		FailingSince: optionalTime(w.FailingSince), PreviousSecretExpiresAt: optionalTime(w.PreviousSecretUntil),
		CreatedAt: Time(w.CreatedAt), UpdatedAt: Time(w.UpdatedAt),
	}
	if w.DisabledReason != nil {
		reason := string(*w.DisabledReason)
		out.DisabledReason = &reason
	}
	return out
}

// WebhookDelivery is one event on its way to one endpoint, as clients see it.
type WebhookDelivery struct {
	ID             string  `json:"id" example:"del_3h2v9c1m8x4r7t0k5w6z1b2d3f"`
	EndpointID     string  `json:"endpoint_id" example:"we_01jd8x7w4n9q2m5k3r6t8v0y1z"`
	EventID        string  `json:"event_id" example:"evt_01jd8x7w4n9q2m5k3r6t8v0y1z"`
	Status         string  `json:"status" enums:"pending,delivered,exhausted,canceled" example:"delivered"` // exhausted: every attempt failed; canceled: the endpoint was disabled or deleted
	Attempts       int     `json:"attempts" example:"1"`                                                    // that have ended, since it was last asked for
	NextAttemptAt  *string `json:"next_attempt_at" extensions:"x-nullable" format:"date-time" example:"2026-11-23T12:05:00.123456Z"`
	LastAttemptAt  *string `json:"last_attempt_at" extensions:"x-nullable" format:"date-time" example:"2026-11-23T12:00:00.123456Z"`
	LastError      *string `json:"last_error" extensions:"x-nullable" enums:"timeout,name_not_resolved,address_not_allowed,connection_failed,tls_failed,status,internal" example:"timeout"`
	ResponseStatus *int    `json:"response_status" extensions:"x-nullable" example:"200"`
	ResponseBody   *string `json:"response_body" extensions:"x-nullable" example:"ok"` // its first 1024 bytes
	CreatedAt      string  `json:"created_at" format:"date-time" example:"2026-11-23T12:00:00.123456Z"`
	FinishedAt     *string `json:"finished_at" extensions:"x-nullable" format:"date-time" example:"2026-11-23T12:00:00.123456Z"`
}

// NewWebhookDelivery renders a row.
func NewWebhookDelivery(d *models.WebhookDelivery) WebhookDelivery {
	return WebhookDelivery{
		ID: models.FormatID(models.PrefixWebhookDelivery, d.ID), EndpointID: models.FormatID(models.PrefixWebhookEndpoint, d.EndpointID),
		EventID: models.FormatID(models.PrefixEvent, d.EventID), Status: string(d.Status), Attempts: d.Attempts,
		NextAttemptAt: optionalTime(d.NextAttemptAt), LastAttemptAt: optionalTime(d.LastAttemptAt), LastError: d.LastError,
		ResponseStatus: d.ResponseStatus, ResponseBody: d.ResponseBody, CreatedAt: Time(d.CreatedAt), FinishedAt: optionalTime(d.FinishedAt),
	}
}

// WebhookRedelivery is how many events an endpoint gets that it had missed.
type WebhookRedelivery struct {
	EndpointID string  `json:"endpoint_id" example:"we_01jd8x7w4n9q2m5k3r6t8v0y1z"`
	Queued     int     `json:"queued" example:"12"`                                                                         // deliveries that are due now
	NextSince  *string `json:"next_since" extensions:"x-nullable" format:"date-time" example:"2026-11-23T12:00:00.123456Z"` // there is more: ask again with this as since; null: that was all
}

// WebhookEndpointPath is where an endpoint is read.
func WebhookEndpointPath(id string) string { return "/v1/webhook-endpoints/" + id }
