package operations

import (
	"context"
	"fmt"
	"math/rand/v2"
	"runtime/debug"
	"sync"
	"time"

	"github.com/payonce/payonce/models"
	"github.com/payonce/payonce/provider"
	"github.com/payonce/payonce/repository"
)

// pauses between the checks of an unresolved attempt; after the last one they double, up to longestPause.
var pauses = [...]time.Duration{time.Second, 2 * time.Second, 5 * time.Second, 15 * time.Second, time.Minute}

const longestPause = time.Hour

// pause is the time to the next check after so many, jittered by a fifth so that a provider's recovery is not met by
// everybody at once.
func pause(checks int) time.Duration {
	p := pauses[min(checks, len(pauses)-1)]
	for range min(checks-len(pauses)+1, 10) {
		p *= 2
	}
	p = min(p, longestPause)
	return p - p/5 + rand.N(2*p/5)
}

// CheckDue looks up to limit unresolved attempts up at the provider and applies what is found. It returns how many it
// checked. Any number of replicas may call it at once.
func (s *Payments) CheckDue(ctx context.Context, limit int) (int, error) {
	due, err := s.attempts.ClaimDue(ctx, limit)
	if err != nil {
		return 0, fmt.Errorf("claim due attempts: %w", err)
	}
	var group sync.WaitGroup
	for _, d := range due {
		group.Go(func() { s.checkOne(ctx, d) })
	}
	group.Wait()
	return len(due), nil
}

// checkOne checks under the lease's time and not the caller's: a service that is shutting down waits for it, and a
// re-send is not cut off halfway. It outlives a panic, because nobody else is there to catch it.
func (s *Payments) checkOne(ctx context.Context, due repository.Due) {
	log := s.log.With("payment_id", models.FormatID(models.PrefixPayment, due.Attempt.PaymentID))
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.attempts.Lease())
	defer cancel()
	defer func() {
		if cause := recover(); cause != nil {
			log.ErrorContext(ctx, "panic while an attempt was checked", "panic", cause, "stack", string(debug.Stack()))
		}
	}()
	if err := s.check(ctx, due); err != nil {
		log.WarnContext(ctx, "attempt not checked; it stays due", "error", err)
	}
}

func (s *Payments) check(ctx context.Context, due repository.Due) error {
	op, err := s.load(ctx, due.Attempt.MerchantID, due.Attempt.OperationID)
	if err != nil {
		return err
	}
	op.attempt = due.Attempt // as it was claimed
	op.old = due.Now.Sub(due.Attempt.SentAt) >= s.schedule.ResendAge
	t, _ := op.LookUp(ctx).Truth.(truth)
	if t.absent {
		return op.missing(ctx, due)
	}
	return op.conclude(ctx, t)
}

// conclude applies a verdict that changes something, and plans the next check otherwise.
func (a *authorize) conclude(ctx context.Context, t truth) error {
	next := pause(a.attempt.Checks)
	switch {
	case t.verdict == unknown, t.verdict == action && a.payment.Status == models.PaymentRequiresAction:
		return a.attempts.Postpone(ctx, &a.attempt, next, false)
	case t.verdict == review && a.needsReview():
		return a.attempts.Postpone(ctx, &a.attempt, reviewCheck, false)
	}
	return a.apply(ctx, func(u *repository.Unit) error {
		_, err := a.write(u, t)
		return err
	})
}

func (a *authorize) needsReview() bool {
	return a.payment.StatusReason != nil && *a.payment.StatusReason == models.ReasonNeedsReview
}

// missing decides about an operation that the provider answers it doesn't know. One such answer proves little: the
// request may still be on its way. Two of them, a settling pause apart, allow to send the same bytes under the same key
// again, while the operation is young enough for the provider to remember keys. An older one is for a person, and so is
// one whose reference the provider gave us itself.
func (a *authorize) missing(ctx context.Context, due repository.Due) error {
	since := a.attempt.NotFoundAt
	switch {
	case a.old, a.attempt.ProviderReference != nil:
		if a.needsReview() {
			return a.attempts.Postpone(ctx, &a.attempt, reviewCheck, true)
		}
		return a.giveUp(ctx)
	case since == nil:
		return a.attempts.Postpone(ctx, &a.attempt, a.schedule.Settle, true)
	case due.Now.Sub(*since) < a.schedule.Settle:
		return a.attempts.Postpone(ctx, &a.attempt, a.schedule.Settle-due.Now.Sub(*since), true)
	}
	return a.resend(ctx)
}

func (a *authorize) resend(ctx context.Context) error {
	if err := a.attempts.Resend(ctx, &a.attempt); err != nil {
		return fmt.Errorf("note the re-send: %w", err)
	}
	a.log.InfoContext(ctx, "not known at the provider; sending again under the same key", "payment_id", a.publicID())
	t, result := a.send(ctx)
	if result.Outcome == provider.Refused { // the answer under this key, whenever it was sent
		t.verdict, t.reason = refused, declineReason(result.Code, "provider_rejected")
	}
	return a.conclude(ctx, t)
}

// giveUp marks a payment that nobody knows of and that may not be sent again.
func (a *authorize) giveUp(ctx context.Context) error {
	return a.apply(ctx, func(u *repository.Unit) error {
		next := a.payment
		next.StatusReason = optional(models.ReasonNeedsReview)
		a.attempts.Resolve(u, &a.attempt, repository.Resolved{Status: models.AttemptUnknown, NextCheck: reviewCheck})
		a.payments.Change(u, &next, a.payment.Status, a.payment.Version)
		next.Version++
		a.writeDiscrepancy(u, &next, "not_found_at_provider", truth{})
		return a.writeEvent(u, &next)
	})
}

// Nudge asks for a check of a payment that somebody is looking at; at most one a second is made.
func (s *Payments) Nudge(ctx context.Context, p *models.Payment) error {
	if p.Status != models.PaymentProcessing && p.Status != models.PaymentRequiresAction {
		return nil
	}
	return s.attempts.Nudge(ctx, p.MerchantID, p.ID)
}
