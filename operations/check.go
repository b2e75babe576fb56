package operations

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime/debug"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/payonce/payonce/idempotency/postgres"
	"github.com/payonce/payonce/models"
	"github.com/payonce/payonce/provider"
	"github.com/payonce/payonce/repository"
)

// pauses between the checks of an unresolved attempt; after the last one they double, up to longestPause.
var pauses = [...]time.Duration{time.Second, 2 * time.Second, 5 * time.Second, 15 * time.Second, time.Minute}

const longestPause = time.Hour

// pause is the time to the next check after so many, jittered by a fifth so that not all checks meet a
// provider at once when it is back.
func pause(checks int) time.Duration {
	p := pauses[min(checks, len(pauses)-1)]
	for range min(checks-len(pauses)+1, 10) {
		p *= 2
	}
	return jittered(min(p, longestPause))
}

func jittered(p time.Duration) time.Duration { return p - p/5 + rand.N(2*p/5) }

// closedPause is the pause before another try to send again while the provider answers look-ups and takes no calls: as long as its
// breaker stays open.
const closedPause = 2 * time.Second

// CheckDue looks up to limit unresolved attempts up at the provider and applies what is found. It returns how many it
// checked. Any number of replicas may call it at once.
func (d *Driver) CheckDue(ctx context.Context, limit int) (int, error) {
	// The leases run from the claim on; counting from before it errs on the safe side, also when the process sleeps here.
	until := time.Now().Add(d.attempts.Lease())
	due, err := d.attempts.ClaimDue(ctx, limit)
	if err != nil {
		return 0, fmt.Errorf("claim due attempts: %w", err)
	}
	var group sync.WaitGroup
	for _, one := range due {
		group.Go(func() { d.checkOne(ctx, one, until) })
	}
	group.Wait()
	return len(due), nil
}

// errPanicked ends the span of a check that has no other end.
var errPanicked = errors.New("panicked")

// checkOne checks under the lease's time and not the caller's: a service that is shutting down waits for it, and a
// re-send is not cut off halfway. It outlives a panic, because nothing else would catch it.
func (d *Driver) checkOne(ctx context.Context, due repository.Due, until time.Time) {
	log := d.log.With("payment_id", models.FormatID(models.PrefixPayment, due.Attempt.PaymentID), "operation", string(due.Attempt.Operation))
	ctx, cancel := context.WithDeadline(context.WithoutCancel(ctx), until)
	defer cancel()
	defer func() {
		if cause := recover(); cause != nil {
			log.ErrorContext(ctx, "panic while an attempt was checked", "panic", cause, "stack", string(debug.Stack()))
		}
	}()
	ctx, end := d.trace.Start(ctx, "check "+string(due.Attempt.Operation))
	err := errPanicked
	defer func() { end(err) }()
	if err = d.check(ctx, due); err != nil {
		log.WarnContext(ctx, "attempt not checked; it stays due", "error", err)
	}
}

func (d *Driver) check(ctx context.Context, due repository.Due) error {
	op, err := d.load(ctx, due.Attempt.Operation, due.Attempt.MerchantID, due.Attempt.OperationID)
	if err != nil {
		return err
	}
	op.attempt, op.now, op.read = due.Attempt, due.Now, time.Now() // as it was claimed
	out := op.lookUp(ctx)
	if out.Absent {
		return op.missing(ctx, out)
	}
	return op.conclude(ctx, out)
}

// conclude applies an outcome that changes something, and plans the next check otherwise.
func (o *operation) conclude(ctx context.Context, out Outcome) error {
	switch {
	case out.Kind == Unknown:
		return o.unclear(ctx, out)
	case out.Kind == ActionRequired && o.attempt.Status == models.AttemptActionRequired,
		out.Kind == Accepted && o.attempt.Status == models.AttemptAccepted:
		return o.postpone(ctx, out, repository.Check{Next: pause(o.attempt.Checks), Current: true})
	case out.Kind == Review:
		return o.review(ctx, out, o.finding(out))
	}
	return o.store(ctx, out, o.finding(out))
}

// store writes what an outcome changes. What the store refuses is for a person: it would refuse it at each check.
func (o *operation) store(ctx context.Context, out Outcome, found *models.Discrepancy) error {
	err := o.apply(ctx, o.clock(), func(tx *postgres.Tx) error {
		_, err := o.complete(ctx, tx, out, found)
		return err
	})
	if refusedByStore(err) {
		return o.notStorable(ctx, out, err)
	}
	return err
}

// clock is Postgres's, as far as it is known from the claim.
func (o *operation) clock() time.Time { return o.now.Add(time.Since(o.read)) }

func (o *operation) postpone(ctx context.Context, out Outcome, c repository.Check) error {
	c.Position, c.Reference = out.Position, out.Reference // what was found is asked for by name from now on
	return o.attempts.Postpone(ctx, &o.attempt, c)
}

// missing decides about an operation that the provider answers it doesn't know. One such answer proves little: the
// request may still be on its way. Two of them, the re-check delay apart, allow to send the same bytes under the same key
// again, while the operation is young enough for the provider to remember keys. An older one is for a person, and so is
// one whose reference the provider gave us itself. What was sent to another account than the one that is asked now is never
// sent again: it may be charged there.
func (o *operation) missing(ctx context.Context, out Outcome) error {
	since := o.attempt.NotFoundAt
	switch {
	case o.attempt.Provider != o.account && !o.old(): // another account was asked, which can't know it
		return o.postpone(ctx, out, repository.Check{Next: pause(o.attempt.Checks)})
	case o.old(), o.attempt.ProviderReference != nil:
		failed, err := o.markedFailed(ctx)
		if err != nil {
			return err
		}
		if failed {
			out.Kind, out.Reason = Declined, models.ReasonResolvedByOperator
			return o.store(ctx, out, nil)
		}
		return o.review(ctx, out, o.discrepancy(kindNotFound, out))
	case since == nil:
		return o.postpone(ctx, out, repository.Check{Next: o.schedule.RecheckDelay, NotFound: true})
	case o.now.Sub(*since) < o.schedule.RecheckDelay:
		return o.postpone(ctx, out, repository.Check{Next: o.schedule.RecheckDelay - o.now.Sub(*since), NotFound: true})
	case o.provider.Ready() != nil: // what two look-ups have shown stays so
		return o.postpone(ctx, out, repository.Check{Next: jittered(closedPause), NotFound: true})
	}
	return o.resend(ctx)
}

// resend sends the same bytes under the same key once more. A refusal is no end: while the first request may still
// travel, it proves nothing about that one. So it counts as no answer, and the look-ups go on.
func (o *operation) resend(ctx context.Context) error {
	ctx, cancel, err := o.renewed(ctx, func(ctx context.Context) error {
		return o.attempts.Resend(ctx, &o.attempt, o.schedule.ResendAge)
	})
	if err != nil {
		return err
	}
	defer cancel()
	o.attempt.LookUpPosition = nil
	o.log.InfoContext(ctx, "not known at the provider; sending again under the same key", "payment_id", o.publicID())
	out := o.send(ctx)
	if out.Answer == provider.NotSent {
		return o.postpone(ctx, out, repository.Check{Next: jittered(closedPause)})
	}
	return o.conclude(ctx, out)
}

// renewed begins the lease anew before one more call, and returns a context that ends with it. The lease is counted from
// before it is written: a process that sleeps in between finds its time over, and sends nothing.
func (o *operation) renewed(ctx context.Context, renew func(context.Context) error) (context.Context, context.CancelFunc, error) {
	until := time.Now().Add(o.attempts.Lease())
	if err := renew(ctx); err != nil {
		return nil, nil, fmt.Errorf("renew the lease for another call: %w", err)
	}
	ctx, cancel := context.WithDeadline(context.WithoutCancel(ctx), until)
	return ctx, cancel, nil
}

// RequestCheck asks for a check of what a client is reading and has no outcome yet; at most one per second is made.
func (d *Driver) RequestCheck(ctx context.Context, merchant, payment uuid.UUID) error {
	return d.attempts.RequestCheck(ctx, merchant, payment)
}
