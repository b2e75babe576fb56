package operations

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/payonce/payonce/internal/sleep"
	"github.com/payonce/payonce/models"
)

const (
	// askPatience is how long Ask waits for a check that another process makes; its owner may be gone, and the lease is long.
	askPatience = 3 * time.Second
	askPause    = 50 * time.Millisecond
)

// Ask looks a payment's authorization up at the provider now, and applies what is found, when it has no outcome yet or waits for its
// customer. While another process does that, its result is waited for. It holds no connection meanwhile. What can't be found out
// now stays due.
func (d *Driver) Ask(ctx context.Context, merchant, payment uuid.UUID) error {
	waits, cancel := context.WithTimeout(ctx, askPatience)
	defer cancel()
	for {
		until := time.Now().Add(d.attempts.Lease())
		due, err := d.attempts.ClaimAuthorization(ctx, merchant, payment)
		if err != nil {
			return fmt.Errorf("claim the authorization's attempt: %w", err)
		}
		if due != nil {
			d.checkOne(ctx, *due, until)
			return nil
		}
		waiting, err := d.attempts.AuthorizationWaits(ctx, merchant, payment)
		if err != nil || !waiting || !sleep.For(waits, askPause) {
			return err
		}
	}
}

// replace ends a payment that waits for its customer, because another payment of its order is asked for. A customer who was faster
// keeps it. What became of it is read again by the claim that asked for this; what is not known yet is driven on by the checks.
func (d *Driver) replace(ctx context.Context, merchant, payment uuid.UUID) {
	err := d.Ask(ctx, merchant, payment)
	if err == nil {
		var out Outcome
		out, err = d.End(ctx, merchant, payment, models.ReasonReplaced)
		switch {
		case lostRace(err): // ended, or under way: it is asked for again
			err = d.RequestCheck(ctx, merchant, payment)
		case err == nil && out.Kind != Succeeded: // the customer was faster, perhaps
			err = d.Ask(ctx, merchant, payment)
		}
	}
	if err != nil {
		d.log.WarnContext(ctx, "a payment that waits for its customer was not replaced",
			"payment_id", models.FormatID(models.PrefixPayment, payment), "error", err)
	}
}
