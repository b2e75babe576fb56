package notifications

import (
	"context"
	"errors"
	"time"

	"github.com/payonce/payonce/models"
	"github.com/payonce/payonce/repository"
)

// Retention is how long deliveries that have ended are kept.
const Retention = 30 * 24 * time.Hour

// Upkeep is what is done beside deliveries, in small batches.
type Upkeep struct {
	Deliveries *repository.WebhookDeliveries
	Endpoints  *repository.WebhookEndpoints
	Secrets    *Secrets
}

// Sweep deletes deliveries that ended long ago.
func (u Upkeep) Sweep(ctx context.Context, limit int) (int, error) {
	return u.Deliveries.Sweep(ctx, Retention, limit)
}

// Purge deletes endpoints that were deleted, when nothing of theirs is left.
func (u Upkeep) Purge(ctx context.Context, limit int) (int, error) {
	return u.Endpoints.Purge(ctx, limit)
}

// Reseal seals again what was sealed with an older SECRET_KEY, so that the older one can be retired. It returns how many endpoints it
// has done; those whose key is not known any more are an error, and stay as they are.
func (u Upkeep) Reseal(ctx context.Context, limit int) (int, error) {
	found, err := u.Endpoints.SealedOtherwise(ctx, u.Secrets.box.Head(), limit)
	if err != nil {
		return 0, err
	}
	done := 0
	var errs []error
	for i := range found {
		if err := u.reseal(ctx, &found[i]); err != nil {
			errs = append(errs, err)
			continue
		}
		done++
	}
	return done, errors.Join(errs...)
}

func (u Upkeep) reseal(ctx context.Context, w *models.WebhookEndpoint) error {
	secret, err := u.Secrets.again(w, w.Secret)
	if err != nil {
		return err
	}
	previous, err := u.Secrets.again(w, w.PreviousSecret)
	if err != nil {
		return err
	}
	return u.Endpoints.Reseal(ctx, w, secret, previous)
}
