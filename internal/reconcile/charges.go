package reconcile

import (
	"context"

	"github.com/google/uuid"

	"github.com/payonce/payonce/models"
	"github.com/payonce/payonce/provider"
	"github.com/payonce/payonce/repository"
)

// charges compares one page of intents with our payments.
func (r *run) charges(ctx context.Context, page []*provider.Intent, note func(key)) error {
	of, order := map[uuid.UUID][]uuid.UUID{}, []*provider.Intent{}
	for _, in := range page {
		k, ok := keyOf(in.Metadata, "payment_id", models.PrefixPayment)
		if !ok {
			r.sum.Foreign++
			continue
		}
		of[k.merchant] = append(of[k.merchant], k.id)
		order = append(order, in)
	}
	rows := map[key]*repository.BookedPayment{}
	for merchant, ids := range of {
		read, err := r.rows.Booked.Payments(ctx, merchant, ids)
		if err != nil {
			return err
		}
		for i := range read {
			rows[key{merchant, read[i].ID}] = &read[i]
		}
	}
	for _, in := range order {
		k, _ := keyOf(in.Metadata, "payment_id", models.PrefixPayment)
		ours := rows[k]
		if ours != nil && isReference(ours.ProviderReference, in.Reference) {
			note(k)
		}
		r.sum.Charges++
		if err := r.charge(ctx, k, ours, in); err != nil {
			return err
		}
	}
	return nil
}

// isReference reports whether a row's reference is this one, as far as it has any.
func isReference(known *string, reference string) bool { return known == nil || *known == reference }

// charge compares one intent with the payment that it is of, nil when there is none.
func (r *run) charge(ctx context.Context, k key, ours *repository.BookedPayment, in *provider.Intent) error {
	switch {
	case ours == nil && hasMoney(in):
		return r.found(ctx, k, in.Reference, Finding{Kind: KindChargeNotHere, Payment: paymentID(k.id), AtProvider: chargeThere(in)})
	case ours == nil:
		return nil
	case ours.Open:
		r.sum.Unresolved++
		return nil
	case !isReference(ours.ProviderReference, in.Reference):
		if !hasMoney(in) {
			return nil
		}
		return r.found(ctx, k, in.Reference, Finding{
			Kind: KindSecondCharge, Payment: paymentID(k.id), Here: chargeHere(ours), AtProvider: chargeThere(in),
		})
	case chargeAgrees(ours, in):
		return nil
	}
	return r.chargeAgain(ctx, k, in.Reference)
}

// ownCharges asks for those of our payments that the list did not show.
func (r *run) ownCharges(ctx context.Context, merchant uuid.UUID, span repository.Span, seen func(key) bool) (read []row, err error) {
	payments, err := r.rows.Booked.PaymentsWithMoney(ctx, merchant, span)
	if err != nil {
		return nil, err
	}
	for i := range payments {
		p := &payments[i]
		read = append(read, row{p.CreatedAt, p.ID})
		k := key{merchant, p.ID}
		switch {
		case seen(k):
		case p.Provider != r.provider.Account():
			r.sum.Elsewhere++
		case p.ProviderReference == nil:
			err = r.found(ctx, k, "", Finding{Kind: KindChargeNotAtProvider, Payment: paymentID(p.ID), Here: chargeHere(p)})
		default:
			err = r.chargeAgain(ctx, k, *p.ProviderReference)
		}
		if err != nil {
			return nil, err
		}
	}
	return read, nil
}

// changing is how often a payment may change while it is looked at, before it is left to the next run.
const changing = 3

// chargeAgain looks at both sides once more: what was read of them was read at two moments. The provider is asked between
// two reads of our row, so a difference counts only when the row did not change.
func (r *run) chargeAgain(ctx context.Context, k key, reference string) error {
	before, err := r.payment(ctx, k)
	for range changing {
		if err != nil {
			return err
		}
		in, err := read(ctx, func() provider.Result[provider.Intent] { return r.provider.Retrieve(ctx, reference) })
		if err != nil {
			return err
		}
		after, err := r.payment(ctx, k)
		switch {
		case err != nil:
			return err
		case after == nil || after.Open:
			r.sum.Unresolved++
			return nil
		case in != nil && chargeAgrees(after, in), in == nil && !saysMoney(after):
			return nil
		case before != nil && before.Version == after.Version:
			return r.chargeDiffers(ctx, k, after, in)
		}
		before = after
	}
	r.sum.Unresolved++
	return nil
}

func (r *run) chargeDiffers(ctx context.Context, k key, ours *repository.BookedPayment, in *provider.Intent) error {
	f := Finding{Kind: KindChargeNotAtProvider, Payment: paymentID(k.id), Here: chargeHere(ours)}
	if in != nil {
		f.Kind, f.AtProvider = KindChargeDiffers, chargeThere(in)
	}
	return r.found(ctx, k, "", f)
}

// payment reads one payment; nil when it is gone.
func (r *run) payment(ctx context.Context, k key) (*repository.BookedPayment, error) {
	rows, err := r.rows.Booked.Payments(ctx, k.merchant, []uuid.UUID{k.id})
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	return &rows[0], nil
}

// hasMoney reports whether the provider took or holds anything.
func hasMoney(in *provider.Intent) bool { return in.AmountReceived > 0 || in.AmountCapturable > 0 }

// saysMoney reports whether a payment says that the provider took or holds anything.
func saysMoney(p *repository.BookedPayment) bool {
	switch p.Status {
	case models.PaymentSucceeded, models.PaymentRequiresCapture, models.PaymentPartiallyCaptured:
		return true
	}
	return false
}

// chargeAgrees is the table of what the provider has to show for a payment in each state. A payment that took nothing may be
// shown in any way that took nothing.
func chargeAgrees(p *repository.BookedPayment, in *provider.Intent) bool {
	if !saysMoney(p) {
		return !hasMoney(in)
	}
	held := int64(0)
	status := "succeeded"
	if p.Status != models.PaymentSucceeded {
		status, held = "requires_capture", p.AmountAuthorized-p.AmountCaptured-p.AmountVoided
	}
	return in.Amount == p.Amount && in.Currency == p.Currency && in.Status == status &&
		in.AmountReceived == p.AmountCaptured && in.AmountCapturable == held
}
