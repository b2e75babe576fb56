package reconcile

import (
	"context"

	"github.com/google/uuid"

	"github.com/payonce/payonce/models"
	"github.com/payonce/payonce/provider"
	"github.com/payonce/payonce/repository"
)

// Objects compares single objects of the provider's with our rows, by the same rules and with the same findings as [Run].
type Objects struct {
	provider Provider
	rows     Rows
}

// NewObjects returns the comparison.
func NewObjects(p Provider, rows Rows) *Objects { return &Objects{p, rows} }

func (o *Objects) run() *run {
	return &run{provider: o.provider, rows: o.rows, opt: Options{Found: func(Finding) error { return nil }}}
}

// Intent compares an intent as it was shown somewhere: it may be out of date, and of another account. So the provider is asked before
// a difference counts.
func (o *Objects) Intent(ctx context.Context, shown *provider.Intent) error {
	k, ok := keyOf(shown.Metadata, "payment_id", models.PrefixPayment)
	if !ok {
		return nil
	}
	r := o.run()
	ours, err := r.payment(ctx, k)
	if err != nil || ours != nil && (ours.Open || isReference(ours.ProviderReference, shown.Reference) && chargeAgrees(ours, shown)) {
		return err
	}
	there, err := read(ctx, func() provider.Result[provider.Intent] { return r.provider.Retrieve(ctx, shown.Reference) })
	if err != nil || there == nil {
		return err
	}
	return r.charges(ctx, []*provider.Intent{there}, func(key) {})
}

// Refund compares a refund, as Intent does.
func (o *Objects) Refund(ctx context.Context, shown *provider.Refund) error {
	r := o.run()
	if k, ok := keyOf(shown.Metadata, "operation_id", models.PrefixRefund); ok {
		rows, err := r.rows.Booked.Refunds(ctx, k.merchant, []uuid.UUID{k.id})
		if err != nil || len(rows) > 0 && refundKnown(&rows[0], shown) {
			return err
		}
	}
	there, err := read(ctx, func() provider.Result[provider.Refund] { return r.provider.RetrieveRefund(ctx, shown.Reference) })
	if err != nil || there == nil {
		return err
	}
	return r.refunds(ctx, []*provider.Refund{there}, func(key) {})
}

// refundKnown reports whether nothing is to be found: the checks are at it, or both sides say the same.
func refundKnown(ours *repository.BookedRefund, shown *provider.Refund) bool {
	return ours.Open || isReference(ours.ProviderReference, shown.Reference) && refundAgrees(ours, shown)
}
