package reconcile

import (
	"context"

	"github.com/google/uuid"

	"github.com/payonce/payonce/models"
	"github.com/payonce/payonce/provider"
	"github.com/payonce/payonce/repository"
)

// refunds compares one page of the provider's refunds with ours.
func (r *run) refunds(ctx context.Context, page []*provider.Refund, note func(key)) error {
	of, order := map[uuid.UUID][]uuid.UUID{}, []*provider.Refund{}
	for _, there := range page {
		k, ok := keyOf(there.Metadata, "operation_id", models.PrefixRefund)
		if !ok {
			if err := r.byHand(ctx, there); err != nil {
				return err
			}
			continue
		}
		of[k.merchant] = append(of[k.merchant], k.id)
		order = append(order, there)
	}
	rows := map[key]*repository.BookedRefund{}
	for merchant, ids := range of {
		read, err := r.rows.Booked.Refunds(ctx, merchant, ids)
		if err != nil {
			return err
		}
		for i := range read {
			rows[key{merchant, read[i].ID}] = &read[i]
		}
	}
	for _, there := range order {
		k, _ := keyOf(there.Metadata, "operation_id", models.PrefixRefund)
		ours := rows[k]
		if ours != nil && isReference(ours.ProviderReference, there.Reference) {
			note(k)
		}
		r.sum.Refunds++
		if err := r.refund(ctx, k, ours, there); err != nil {
			return err
		}
	}
	return nil
}

// byHand is about a refund without an operation of ours: one that a person made on the provider's pages. It counts when it is
// one of a payment of ours.
func (r *run) byHand(ctx context.Context, there *provider.Refund) error {
	if there.Intent == "" || refundEnded(there.Status) {
		r.sum.Foreign++
		return nil
	}
	in, err := read(ctx, func() provider.Result[provider.Intent] { return r.provider.Retrieve(ctx, there.Intent) })
	if err != nil {
		return err
	}
	if in == nil {
		r.sum.Foreign++
		return nil
	}
	k, ok := keyOf(in.Metadata, "payment_id", models.PrefixPayment)
	if !ok {
		r.sum.Foreign++
		return nil
	}
	r.sum.Refunds++
	return r.found(ctx, k, there.Reference, Finding{Kind: KindRefundNotHere, Payment: paymentID(k.id), AtProvider: refundThere(there)})
}

// refund compares one refund of the provider's with ours, nil when there is none.
func (r *run) refund(ctx context.Context, k key, ours *repository.BookedRefund, there *provider.Refund) error {
	switch {
	case ours == nil && refundEnded(there.Status):
		return nil
	case ours == nil, !isReference(ours.ProviderReference, there.Reference) && !refundEnded(there.Status):
		payment := there.Metadata["payment_id"]
		if _, err := models.ParseID(models.PrefixPayment, payment); err != nil {
			payment = ""
		}
		return r.found(ctx, k, there.Reference, Finding{
			Kind: KindRefundNotHere, Payment: payment, Refund: refundID(k.id), AtProvider: refundThere(there),
		})
	case ours.Open:
		r.sum.Unresolved++
		return nil
	case !isReference(ours.ProviderReference, there.Reference), refundAgrees(ours, there):
		return nil
	}
	return r.refundAgain(ctx, k, ours)
}

// ownRefunds asks for those of our refunds that the list did not show.
func (r *run) ownRefunds(ctx context.Context, merchant uuid.UUID, span repository.Span, seen func(key) bool) (read []row, err error) {
	refunds, err := r.rows.Booked.RefundsWithMoney(ctx, merchant, span)
	if err != nil {
		return nil, err
	}
	for i := range refunds {
		ours := &refunds[i]
		read = append(read, row{ours.CreatedAt, ours.ID})
		k := key{merchant, ours.ID}
		switch {
		case seen(k):
		case ours.Provider != r.provider.Account():
			r.sum.Elsewhere++
		default:
			err = r.refundAgain(ctx, k, ours)
		}
		if err != nil {
			return nil, err
		}
	}
	return read, nil
}

// refundAgain looks at both sides once more, as chargeAgain does.
func (r *run) refundAgain(ctx context.Context, k key, before *repository.BookedRefund) error {
	for range changing {
		there, err := r.refundAtProvider(ctx, before)
		if err != nil {
			return err
		}
		rows, err := r.rows.Booked.Refunds(ctx, k.merchant, []uuid.UUID{k.id})
		if err != nil {
			return err
		}
		if len(rows) == 0 || rows[0].Open {
			r.sum.Unresolved++
			return nil
		}
		after := &rows[0]
		switch {
		case there != nil && refundAgrees(after, there), there == nil && after.Status != string(models.RefundSucceeded):
			return nil
		case before.Version == after.Version:
			f := Finding{Kind: KindRefundNotAtProvider, Payment: paymentID(after.PaymentID), Refund: refundID(k.id), Here: refundHere(after)}
			if there != nil {
				f.Kind, f.AtProvider = KindRefundDiffers, refundThere(there)
			}
			return r.found(ctx, k, "", f)
		}
		before = after
	}
	r.sum.Unresolved++
	return nil
}

// refundAtProvider asks for a refund by its reference, or in the list of its intent's refunds; nil when it is not there.
func (r *run) refundAtProvider(ctx context.Context, ours *repository.BookedRefund) (*provider.Refund, error) {
	if ours.ProviderReference != nil {
		return read(ctx, func() provider.Result[provider.Refund] {
			return r.provider.RetrieveRefund(ctx, *ours.ProviderReference)
		})
	}
	if ours.Intent == nil {
		return nil, nil //nolint:nilnil // not there is an answer
	}
	ask := provider.FindRefundRequest{
		Intent: *ours.Intent, OperationID: refundID(ours.ID), MerchantID: models.FormatID(models.PrefixMerchant, ours.MerchantID),
	}
	return read(ctx, func() provider.Result[provider.Refund] {
		res := r.provider.FindRefund(ctx, ask)
		ask.Position = res.Position
		return res
	})
}

// refundEnded reports whether no money went back, and none will.
func refundEnded(status string) bool { return status == "failed" || status == "canceled" }

// refundAgrees is the table of what the provider has to show for a refund in each state.
func refundAgrees(ours *repository.BookedRefund, there *provider.Refund) bool {
	switch models.RefundStatus(ours.Status) {
	case models.RefundSucceeded:
		return there.Amount == ours.Amount && there.Currency == ours.Currency && there.Status == "succeeded"
	case models.RefundFailed, models.RefundCanceled:
		return refundEnded(there.Status)
	case models.RefundPending:
		return there.Amount == ours.Amount && there.Currency == ours.Currency && (there.Status == "pending" || there.Status == "requires_action")
	}
	return false
}
