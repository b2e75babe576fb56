package handlers

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/payonce/payonce/models"
	"github.com/payonce/payonce/notifications"
)

const (
	maxWebhookDescription = 500
	defaultSecretOverlap  = 24 * time.Hour
	maxSecretOverlap      = 7 * 24 * time.Hour
	// oldestRedelivery is as long as deliveries are kept.
	oldestRedelivery = notifications.Retention
	// redeliveryPage is how many events one request looks at.
	redeliveryPage = 5000
)

// CreateWebhookEndpoint is the body of POST /v1/webhook-endpoints.
type CreateWebhookEndpoint struct {
	URL         string   `json:"url" example:"https://shop.example/webhooks" binding:"required" minLength:"1" maxLength:"2048"` // https, of the public internet, port 443 or one from 1024 on
	Events      []string `json:"events,omitempty" extensions:"x-nullable" example:"payment.*,refund.succeeded"`                 // types, payment.* for all that begin so, or *; default all
	Description *string  `json:"description,omitempty" extensions:"x-nullable" example:"The shop's back office" minLength:"1" maxLength:"500"`
}

// endpoint checks the body.
func (in *CreateWebhookEndpoint) endpoint(merchant uuid.UUID, addresses *notifications.Addresses) (*models.WebhookEndpoint, error) {
	var v checks
	v.address("/url", addresses.Check(in.URL))
	events := v.patterns(in.Events)
	if events == nil {
		events = models.EventPatterns{models.AllEvents}
	}
	v.optional("/description", in.Description, maxWebhookDescription)
	return &models.WebhookEndpoint{
		MerchantID: merchant, URL: in.URL, Events: events, Description: in.Description, Enabled: true, Version: 1,
	}, v.err()
}

// address collects why an address is refused.
func (v *checks) address(pointer string, err error) {
	if refused, ok := errors.AsType[*notifications.AddressError](err); ok {
		v.fail(pointer, refused.Code, refused.Reason)
	}
}

// patterns checks which events are wanted; nil stays nil. They are kept sorted, each once.
func (v *checks) patterns(events []string) models.EventPatterns {
	if events == nil {
		return nil
	}
	if len(events) < 1 || len(events) > models.MaxEventPatterns {
		v.fail("/events", "length", fmt.Sprintf("has %d members; 1 to %d are allowed", len(events), models.MaxEventPatterns))
		return nil
	}
	for i, event := range events {
		if !models.IsEventPattern(event) {
			v.fail(fmt.Sprintf("/events/%d", i), "format", "must be the type of an event, like payment.succeeded, or payment.*, or *")
		}
	}
	sorted := slices.Clone(events)
	slices.Sort(sorted)
	return slices.Compact(sorted)
}

// CreateWebhookEndpointChange is the body of PATCH /v1/webhook-endpoints/{id}: what is left out stays as it is.
type CreateWebhookEndpointChange struct {
	Events      []string `json:"events,omitempty" extensions:"x-nullable" example:"*"`
	Enabled     *bool    `json:"enabled,omitempty" extensions:"x-nullable" example:"true"` // true: events are sent again, also after it was disabled because it failed
	Description *string  `json:"description,omitempty" extensions:"x-nullable" example:"The shop's back office" minLength:"1" maxLength:"500"`
}

// change checks the body, and returns what it does to an endpoint.
func (in *CreateWebhookEndpointChange) change() (func(*models.WebhookEndpoint, time.Time), error) {
	var v checks
	events := v.patterns(in.Events)
	v.optional("/description", in.Description, maxWebhookDescription)
	return func(w *models.WebhookEndpoint, now time.Time) {
		if events != nil {
			w.Events = events
		}
		if in.Description != nil {
			w.Description = in.Description
		}
		switch {
		case in.Enabled == nil:
		case *in.Enabled:
			w.Enable(now)
		default:
			w.Disable(models.WebhookDisabledByMerchant)
		}
	}, v.err()
}

// CreateSecretRotation is the body of POST /v1/webhook-endpoints/{id}/rotate-secret.
type CreateSecretRotation struct {
	ExpiresIn *int64 `json:"expires_in,omitempty" extensions:"x-nullable" example:"86400" minimum:"0" maximum:"604800"` // seconds for which the old secret signs as well; default a day
}

func (in *CreateSecretRotation) overlap() (time.Duration, error) {
	if in.ExpiresIn == nil {
		return defaultSecretOverlap, nil
	}
	var v checks
	if *in.ExpiresIn < 0 || *in.ExpiresIn > int64(maxSecretOverlap/time.Second) {
		v.fail("/expires_in", "range", fmt.Sprintf("must be 0 to %d seconds", int64(maxSecretOverlap/time.Second)))
		return 0, v.err()
	}
	return time.Duration(*in.ExpiresIn) * time.Second, nil
}

// CreateRedelivery is the body of POST /v1/webhook-endpoints/{id}/redeliver.
type CreateRedelivery struct {
	Since string `json:"since" format:"date-time" example:"2026-11-23T12:00:00.123456Z" binding:"required"` // at most 30 days ago
}

func (in *CreateRedelivery) since(now time.Time) (time.Time, error) {
	var v checks
	at := v.time("/since", &in.Since)
	if at != nil && now.Sub(*at) > oldestRedelivery {
		v.fail("/since", "range", "must be at most 30 days ago")
	}
	if err := v.err(); err != nil {
		return time.Time{}, err
	}
	return *at, nil
}
