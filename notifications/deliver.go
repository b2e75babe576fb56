package notifications

import (
	"context"
	"time"

	"github.com/payonce/payonce/idempotency/postgres"
	"github.com/payonce/payonce/internal/wire"
	"github.com/payonce/payonce/models"
	"github.com/payonce/payonce/repository"
)

// deliver makes one attempt of a claimed delivery, and records it. asked is a time, by the monotonic clock, before the claim.
func (d *Dispatcher) deliver(ctx context.Context, c *repository.ClaimedDelivery, asked time.Time) {
	d.cfg.Reach(ctx, StepClaimed)
	if !c.Endpoint.Enabled {
		d.end(ctx, c, repository.DeliveryResult{Status: models.DeliveryCanceled}, OutcomeCanceled, 0)
		return
	}
	if time.Since(asked) > d.lease()/2-recordBudget/4 { // it slept: another replica may have the delivery before this attempt ends
		return
	}
	var outcome string
	var a answer
	ctx, ended := d.cfg.Trace.Delivery(ctx, models.FormatID(models.PrefixWebhookDelivery, c.Delivery.ID), c.Delivery.Parent())
	defer func() { ended(outcome, a.status) }()
	began := time.Now()
	a = d.attempt(ctx, c, asked)
	d.cfg.Reach(ctx, StepAnswered)
	if ctx.Err() != nil && a.failure != "" { // cut off by the end of the process: nothing is known of the receiver
		d.end(ctx, c, repository.DeliveryResult{Status: models.DeliveryPending}, "", 0)
		return
	}
	outcome = OutcomeDelivered
	if a.failure != "" {
		outcome = a.failure
		d.cfg.Log.DebugContext(ctx, "webhook not delivered", "delivery", models.FormatID(models.PrefixWebhookDelivery, c.Delivery.ID),
			"failure", a.failure, "status", a.status)
	}
	age := c.Now.Add(time.Since(asked)).Sub(c.Event.CreatedAt)
	first := c.Delivery.Fence == 1 // it was never claimed, and never asked for again, before
	if d.end(ctx, c, d.result(c, a), outcome, time.Since(began)) && first && a.failure == "" {
		d.cfg.Observe.Delivered(age)
	}
	d.judge(ctx, c, a)
}

// attempt sends the event. Its time is PostgreSQL's, moved on by the monotonic clock: a receiver refuses what is minutes off, and a
// replica's own clock may be.
func (d *Dispatcher) attempt(ctx context.Context, c *repository.ClaimedDelivery, asked time.Time) answer {
	now := c.Now.Add(time.Since(asked))
	secrets, err := d.cfg.Secrets.Of(&c.Endpoint, now)
	if err != nil {
		d.cfg.Log.ErrorContext(ctx, "webhook not sent: is SECRET_KEY the one that the endpoint's secret was sealed with?", "error", err)
		return answer{failure: FailedInside, err: err}
	}
	body, err := d.cfg.Render(&c.Event)
	if err != nil {
		d.cfg.Log.ErrorContext(ctx, "webhook not sent", "error", err)
		return answer{failure: FailedInside, err: err}
	}
	return d.sender.send(ctx, message{
		url: c.Endpoint.URL, id: models.FormatID(models.PrefixEvent, c.Event.ID), at: now, body: body, secrets: secrets,
		traceparent: d.cfg.Trace.Traceparent(ctx),
	})
}

// result is what an answer makes of a delivery.
func (d *Dispatcher) result(c *repository.ClaimedDelivery, a answer) repository.DeliveryResult {
	res := repository.DeliveryResult{Status: models.DeliveryDelivered, Attempted: true}
	if a.status != 0 {
		res.ResponseStatus, res.ResponseBody = &a.status, &a.body
	}
	if a.failure == "" {
		return res
	}
	res.Error, res.Status = &a.failure, models.DeliveryPending
	pause, again := d.cfg.Schedule.next(c.Delivery.Attempts+1, a.retryAfter)
	if res.Next = pause; !again {
		res.Status = models.DeliveryExhausted
	}
	return res
}

// end records a result, also when the process is about to end, and reports whether it counts. When it can't be recorded, the lease ends and the event is sent once more.
func (d *Dispatcher) end(ctx context.Context, c *repository.ClaimedDelivery, res repository.DeliveryResult, outcome string, elapsed time.Duration) (recorded bool) {
	recorded, err := d.record(ctx, repository.DeliveryEnd{Delivery: &c.Delivery, Result: res})
	if err != nil {
		d.cfg.Log.WarnContext(ctx, "webhook delivery not recorded; it is sent again", "delivery",
			models.FormatID(models.PrefixWebhookDelivery, c.Delivery.ID), "error", err)
		return false
	}
	if recorded && outcome != "" {
		d.cfg.Observe.Delivery(outcome, elapsed)
		if res.Status == models.DeliveryExhausted {
			d.cfg.Observe.Delivery(OutcomeExhausted, elapsed)
		}
	}
	d.cfg.Reach(ctx, StepRecorded)
	return recorded
}

// gone is the status by which a receiver says that it wants no more (RFC 9110, section 15.5.11).
const gone = 410

// judge disables an endpoint that says it is gone, or that has failed for too long.
func (d *Dispatcher) judge(ctx context.Context, c *repository.ClaimedDelivery, a answer) {
	var reason models.WebhookDisabledReason
	switch since := c.Endpoint.FailingSince; {
	case a.status == gone:
		reason = models.WebhookGone
	case a.failure != "" && a.failure != FailedInside && since != nil && c.Now.Sub(*since) >= d.cfg.Schedule.DisableAfter:
		reason = models.WebhookFailing
	default:
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), recordBudget)
	defer cancel()
	err := d.cfg.Endpoints.Change(ctx, c.Endpoint.MerchantID, c.Endpoint.ID, func(tx *postgres.Tx, w *models.WebhookEndpoint) error {
		if !w.Enabled || reason == models.WebhookFailing && (w.FailingSince == nil || tx.Now().Sub(*w.FailingSince) < d.cfg.Schedule.DisableAfter) {
			return nil // it was disabled, or took an event, or was enabled again meanwhile
		}
		w.Disable(reason)
		w.UpdatedAt = models.ChangedAt(w.UpdatedAt, tx.Now())
		event, err := EndpointEvent(w, "webhook_endpoint.disabled", nil)
		if err != nil {
			return err
		}
		d.cfg.Endpoints.Update(tx, w, event)
		return nil
	})
	if err != nil {
		d.cfg.Log.WarnContext(ctx, "webhook endpoint not disabled; its next failure disables it", "error", err)
	}
}

// EndpointEvent is the event of a change of an endpoint, with the endpoint as clients read it: without its secret.
func EndpointEvent(w *models.WebhookEndpoint, name string, requestID *string) (*models.Event, error) {
	document, err := wire.Encode(wire.NewWebhookEndpoint(w))
	if err != nil {
		return nil, err
	}
	return &models.Event{
		MerchantID: w.MerchantID, ID: models.NewID(), Type: name, ResourceType: wire.TypeWebhookEndpoint, ResourceID: w.ID,
		Data: document, RequestID: requestID,
	}, nil
}

// Event is an event's body: what GET /v1/events/{id} answers with.
func Event(e *models.Event) ([]byte, error) { return wire.Encode(wire.NewEvent(e)) }
