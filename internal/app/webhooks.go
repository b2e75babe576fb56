package app

import (
	"context"
	"time"

	"github.com/payonce/payonce/handlers"
	"github.com/payonce/payonce/internal/cursor"
	"github.com/payonce/payonce/internal/jobs"
	"github.com/payonce/payonce/internal/metrics"
	"github.com/payonce/payonce/notifications"
	"github.com/payonce/payonce/repository"
)

// webhooksPatience is what attempts under way may take when the process ends: less than the grace of requests.
const webhooksPatience = 5 * time.Second

// webhooks are what sends events to merchants.
type webhooks struct {
	deliveries *repository.WebhookDeliveries
	dispatcher *notifications.Dispatcher
	upkeep     notifications.Upkeep
}

func (a *App) wireWebhooks(cursors *cursor.Codec) error {
	secrets, err := notifications.NewSecrets(a.stores.secrets)
	if err != nil {
		return err
	}
	addresses := notifications.NewAddresses(a.Config.WebhookAllowLoopback == "on")
	endpoints, deliveries := repository.NewWebhookEndpoints(a.db), repository.NewWebhookDeliveries(a.db)
	a.WebhookEndpoints = handlers.NewWebhookEndpoints(endpoints, deliveries, addresses, secrets, cursors)
	a.webhooks = &webhooks{
		deliveries: deliveries, upkeep: notifications.Upkeep{Deliveries: deliveries, Endpoints: endpoints, Secrets: secrets},
		dispatcher: notifications.New(notifications.Config{
			Deliveries: deliveries, Endpoints: endpoints, Secrets: secrets, Addresses: addresses, Render: notifications.Event,
			Wake: a.db.Listen(repository.DeliveriesDue), Log: a.Log, Observe: a.Metrics, Reach: a.failpoints.reach, Timeout: a.Config.WebhookTimeout,
			Trace: a.deliveryTracer(),
		}),
	}
	return nil
}

// webhookJobs are what is done beside deliveries.
func (a *App) webhookJobs() []jobs.Job {
	cleanup, w := a.Config.CleanupInterval, a.webhooks
	return []jobs.Job{
		{Name: "old deliveries", Interval: cleanup, Batch: cleanupBatch, Rest: cleanupRest, Run: a.swept(metrics.SweptDeliveries, w.upkeep.Sweep)},
		{Name: "deleted endpoints", Interval: cleanup, Batch: cleanupBatch, Rest: cleanupRest, Run: w.upkeep.Purge},
		{Name: "secrets under an old key", Interval: cleanup, Batch: cleanupBatch, Rest: cleanupRest, Run: w.upkeep.Reseal},
		{Name: "pending deliveries", Interval: a.Config.RecoveryInterval, Batch: 1, Run: a.measureDeliveries},
	}
}

func (a *App) measureDeliveries(ctx context.Context, _ int) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	pending, oldest, err := a.webhooks.deliveries.Backlog(ctx)
	if err != nil {
		return 0, err
	}
	a.Metrics.Deliveries(pending, oldest)
	return 0, nil
}
