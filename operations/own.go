package operations

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"

	"github.com/payonce/payonce/idempotency"
	"github.com/payonce/payonce/idempotency/postgres"
	"github.com/payonce/payonce/models"
	"github.com/payonce/payonce/provider"
	"github.com/payonce/payonce/repository"
)

// do takes an effect that no client asked for from its claim to what the provider answers. The rest is the checks', as with any attempt;
// after a crash, all of it. The effect's id, and with it the provider's key, follow from what it is for: two replicas that do it
// at once do it once.
func (d *Driver) do(ctx context.Context, e Effect) (Outcome, error) {
	op := &operation{Driver: d, effect: e}
	if err := op.Ready(); err != nil {
		return Outcome{}, err
	}
	until := time.Now().Add(d.attempts.Lease())
	err := d.run(ctx, e.Reads, func(ctx context.Context, tx *postgres.Tx) error {
		if err := e.Claim(ctx, tx); err != nil {
			return err
		}
		s := e.Subject()
		key := uuid.UUID(idempotency.UUIDFrom("payonce/own-provider-key/v1", s.Merchant[:], s.ID[:]))
		op.attempt = models.ProviderAttempt{
			MerchantID: s.Merchant, ID: idempotency.UUIDFrom("payonce/attempt-id/v1", s.ID[:]), PaymentID: s.Payment,
			Operation: s.Operation, OperationID: s.ID, Provider: d.account, AttemptNo: 1, ProviderKey: key.String(),
			Status: models.AttemptSent, ClaimID: models.NewID(), Fence: 1, SentAt: tx.Now(),
		}
		op.now, op.read = tx.Now(), time.Now()
		d.attempts.InsertOwn(tx, &op.attempt)
		return nil
	})
	if err != nil {
		return Outcome{}, err
	}
	ctx, cancel := context.WithDeadline(context.WithoutCancel(ctx), until)
	defer cancel()
	out := op.send(ctx)
	if out.Answer == provider.NotSent || out.Answer == provider.Unauthorized { // as with a client's: the one send surely had no effect
		return out, errors.Join(out.Refused, op.apply(ctx, op.clock(), func(tx *postgres.Tx) error {
			op.Undo(tx)
			return nil
		}))
	}
	return out, op.conclude(ctx, out)
}

// End voids a payment for a reason of payonce's own, once per reason.
func (d *Driver) End(ctx context.Context, merchant, payment uuid.UUID, reason string) (Outcome, error) {
	return d.do(ctx, &void{parts: d.parts, row: models.Void{
		MerchantID: merchant, ID: idempotency.UUIDFrom("payonce/own-void-id/v1", payment[:], []byte(reason)), PaymentID: payment,
		Reason: reason, Status: models.VoidPending,
	}})
}

// EndExpired voids up to limit payments whose authorization is over, and returns how many it tried.
func (d *Driver) EndExpired(ctx context.Context, limit int) (int, error) {
	due, err := d.voids.ExpiredAuthorizations(ctx, limit)
	if err != nil {
		return 0, err
	}
	return d.endAll(ctx, due, models.ReasonAuthorizationExpired)
}

// EndLeft cancels up to limit payments whose customer has not come back in time, and returns how many it tried.
func (d *Driver) EndLeft(ctx context.Context, limit int) (int, error) {
	due, err := d.voids.LeftChallenges(ctx, d.schedule.ActionTimeout, limit)
	if err != nil {
		return 0, err
	}
	return d.endAll(ctx, due, models.ReasonActionTimeout)
}

func (d *Driver) endAll(ctx context.Context, due []repository.PaymentKey, reason string) (int, error) {
	var errs []error
	for _, p := range due {
		if _, err := d.End(ctx, p.MerchantID, p.ID, reason); err != nil && !lostRace(err) {
			errs = append(errs, err)
		}
		if ctx.Err() != nil || errors.Is(errors.Join(errs...), idempotency.ErrUnavailable) {
			break // the rest would fail as well
		}
	}
	return len(due), errors.Join(errs...)
}

// lostRace reports whether another request or replica was faster: what was to be ended is ended, or under way.
func lostRace(err error) bool {
	if _, refused := errors.AsType[*postgres.ConstraintError](err); refused {
		return true
	}
	_, refused := errors.AsType[*NotPossibleError](err)
	return refused
}
