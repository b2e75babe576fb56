package operations

import (
	"context"
	"errors"
	"time"

	"github.com/payonce/payonce/idempotency"
	"github.com/payonce/payonce/idempotency/postgres"
	"github.com/payonce/payonce/models"
	"github.com/payonce/payonce/repository"
)

// The pause before a look-up goes on that could not read all of the provider's list; longer when a person knows already,
// so that operations in review leave the provider's time to the others.
const (
	goOn         = time.Second
	goOnReviewed = time.Minute
)

// unclear decides about a check that didn't find what became of the operation. It is looked up again, and when that has
// lasted for as long as an operation may be sent again, it is for a person: never a guess, never silence. What was
// not even tried at the provider for so long is canceled first.
func (o *operation) unclear(ctx context.Context, out Outcome) error {
	switch {
	case !o.overdue():
		return o.postpone(ctx, out, repository.Check{Next: o.nextLook(out)})
	case out.Untried:
		return o.cancelUntried(ctx, out)
	}
	return o.stuck(ctx, out)
}

// overdue reports whether no clear answer has come for so long. For an operation that waits for the customer the time runs from
// the provider's last answer.
func (o *operation) overdue() bool {
	since, patience := o.attempt.SentAt, o.schedule.ResendAge
	if resolved := o.attempt.ResolvedAt; resolved != nil { // the pauses between its checks may be longer than that
		since, patience = *resolved, max(patience, 2*longestPause)
	}
	return o.now.Sub(since) >= patience
}

// stuck leaves an operation without a clear answer to a person. The pauses go on growing: the answer may come soon.
func (o *operation) stuck(ctx context.Context, out Outcome) error {
	kind := kindNoAnswer
	out.next = pause(o.attempt.Checks)
	if out.Status != "" {
		kind = kindUnsettled
	}
	return o.review(ctx, out, o.discrepancy(kind, out))
}

// cancelUntried cancels what the provider has not begun to do, and what keeps a reservation (an order, say) from being freed.
// It is free only when the provider confirms it: an answer of any other kind is followed by one more look.
func (o *operation) cancelUntried(ctx context.Context, out Outcome) error {
	ctx, cancel, err := o.renewed(ctx, func(ctx context.Context) error { return o.attempts.Renew(ctx, &o.attempt) })
	if err != nil {
		return err
	}
	defer cancel()
	o.log.InfoContext(ctx, "never tried at the provider; canceling it there", "payment_id", o.publicID(), "reference", out.Reference)
	o.attempt.ProviderReference = &out.Reference
	after := o.effect.Cancel(ctx, out.Reference)
	if after.Kind == Unknown {
		o.warn(ctx, "cancel", after)
		after = o.lookUp(ctx)
	}
	switch {
	case after.Absent:
		return o.missing(ctx, after)
	case after.Kind == Unknown:
		if after.Reference == "" {
			after.Reference = out.Reference
		}
		return o.stuck(ctx, after)
	}
	return o.conclude(ctx, after)
}

// review marks an operation that a person has to look at, once per kind of finding; it is looked up on all the same.
func (o *operation) review(ctx context.Context, out Outcome, found *models.Discrepancy) error {
	if o.underReview() {
		if err := o.report(ctx, found); err != nil {
			return err
		}
		return o.postpone(ctx, out, repository.Check{Next: o.reviewPause(out), NotFound: out.Absent})
	}
	out.Kind = Review
	return o.store(ctx, out, found)
}

// report writes a finding by itself. Only a new one is an alert.
func (o *operation) report(ctx context.Context, found *models.Discrepancy) error {
	added, err := o.discrepancies.Add(ctx, found)
	if added {
		o.alert(found)
	}
	return err
}

// notStorable leaves to a person what the store refuses to write. Nothing of the answer is written then, and the pauses
// grow; when what stands in the way is removed, the next check stores it.
func (o *operation) notStorable(ctx context.Context, out Outcome, refusal error) error {
	o.log.ErrorContext(ctx, "ALERT what the provider answered can't be stored", "payment_id", o.publicID(), "reference", out.Reference,
		"status", out.Status, "error", refusal)
	constraint := ""
	if refused, ok := errors.AsType[*postgres.ConstraintError](refusal); ok {
		constraint = refused.Name
	}
	found := o.discrepancy(kindNotStorable, out, "constraint", constraint)
	plan := repository.Check{Next: pause(o.attempt.Checks)}
	if !o.underReview() {
		err := o.apply(ctx, o.clock(), func(tx *postgres.Tx) error {
			_, err := o.complete(ctx, tx, Outcome{Kind: Review, next: plan.Next}, found)
			return err
		})
		if err == nil || !refusedByStore(err) {
			return err
		}
	}
	return errors.Join(o.report(ctx, found), o.attempts.Postpone(ctx, &o.attempt, plan))
}

// refusedByStore reports whether the store answered, and definitely would not write. A write that touched no row is none of
// that: another process was faster.
func refusedByStore(err error) bool {
	if err == nil {
		return false
	}
	if _, late := errors.AsType[*postgres.NotAffectedError](err); late {
		return false
	}
	for _, passing := range []error{
		idempotency.ErrUnavailable, idempotency.ErrSerialization, idempotency.ErrCommitUnknown, context.Canceled, context.DeadlineExceeded,
	} {
		if errors.Is(err, passing) {
			return false
		}
	}
	return true
}

// reviewPause is the pause between the checks of an operation that needs review.
func (o *operation) reviewPause(out Outcome) time.Duration {
	next := reviewCheck
	if out.next > 0 {
		next = out.next
	}
	if o.gotFurther(out) {
		return min(next, goOnReviewed)
	}
	return next
}

// nextLook is the pause to the next check of an operation that no person knows of.
func (o *operation) nextLook(out Outcome) time.Duration {
	if o.gotFurther(out) {
		return goOn
	}
	return pause(o.attempt.Checks)
}

// gotFurther reports whether the last look-up in the list got further than the one before, but not to its end.
func (o *operation) gotFurther(out Outcome) bool {
	before := ""
	if o.attempt.LookUpPosition != nil {
		before = *o.attempt.LookUpPosition
	}
	return out.Position != "" && out.Position != before
}
