package check

import (
	"context"
	"strings"

	"github.com/google/uuid"

	"github.com/payonce/payonce/models"
)

// payment is what our side says about one.
type payment struct {
	merchant uuid.UUID
	amount   int64
	currency string
	status   string
	review   bool // a person has to decide
	charges  int
	captured int64
	refunded int64 // and what refunds that a bank works on have reserved
	unclear  bool  // something on it has no outcome yet, or needs a person
}

// money tells whether it took or holds money.
func (p *payment) money() bool {
	return p.status == "succeeded" || p.status == "requires_capture" || p.status == "partially_captured"
}

// checkCharges: our payments and the provider's charges are the same set, with the same amounts.
func (c *checker) checkCharges(ctx context.Context) error {
	ours, err := c.payments(ctx)
	if err != nil {
		return err
	}
	if c.in.Charges == nil {
		c.report.skip("charges: the charges of the provider are not given")
		return nil
	}
	keys := map[string]string{}
	for _, charge := range c.in.Charges {
		c.report.Charges++
		if other, known := keys[charge.IdempotencyKey]; known {
			c.report.violated(OneCharge, "%s and %s, under the provider key %s", other, charge.ID, charge.IdempotencyKey)
		}
		keys[charge.IdempotencyKey] = charge.ID
		c.checkCharge(charge, ours)
	}
	for id, p := range ours {
		if p.charges == 0 && p.money() && !p.review {
			c.report.violated(PaymentHasCharge, "%s %s", p.status, models.FormatID(models.PrefixPayment, id))
		}
	}
	return nil
}

func (c *checker) checkCharge(charge Charge, ours map[uuid.UUID]*payment) {
	id, merchant := charge.Metadata["payment_id"], charge.Metadata["merchant_id"]
	p := ours[parse(id)]
	if p == nil {
		c.report.violated(ChargeHasPayment, "%s of %d %s names %q, which is none", charge.ID, charge.Amount, charge.Currency, id)
		return
	}
	if p.charges++; p.charges > 1 {
		c.report.violated(OneCharge, "%d for %s", p.charges, id)
	}
	if !p.money() && !p.review {
		c.report.violated(ChargeHasPayment, "%s of %d %s belongs to %s, which is %s", charge.ID, charge.Amount, charge.Currency, id, p.status)
	}
	if p.merchant != parse(merchant) {
		c.report.violated(OwnData, "charge %s names %s for a payment of %s", charge.ID, merchant, models.FormatID(models.PrefixMerchant, p.merchant))
	}
	if !p.review && (p.amount != charge.Amount || !strings.EqualFold(p.currency, charge.Currency)) {
		c.report.violated(ChargeAmount, "%s of %d %s is %d %s here", charge.ID, charge.Amount, charge.Currency, p.amount, p.currency)
	}
	if !p.review && !p.unclear && (p.captured != charge.AmountCaptured || p.refunded != charge.AmountRefunded) {
		c.report.violated(ChargeMovements, "%s: %d captured and %d refunded, %d and %d here",
			charge.ID, charge.AmountCaptured, charge.AmountRefunded, p.captured, p.refunded)
	}
}

func (c *checker) payments(ctx context.Context) (map[uuid.UUID]*payment, error) {
	ours := map[uuid.UUID]*payment{}
	err := each(ctx, c.in.DB, `SELECT id, merchant_id, amount, currency, status, status_reason IS NOT DISTINCT FROM 'needs_review', amount_captured,
		amount_refunded + amount_refunding, EXISTS (SELECT 1 FROM provider_attempts a WHERE a.merchant_id = p.merchant_id
			AND a.payment_id = p.id AND a.status IN ('sent', 'unknown')) FROM payments p`, nil, func(scan func(dest ...any) error) error {
		var id uuid.UUID
		var p payment
		if err := scan(&id, &p.merchant, &p.amount, &p.currency, &p.status, &p.review, &p.captured, &p.refunded, &p.unclear); err != nil {
			return err
		}
		ours[id] = &p
		if p.money() {
			c.report.Payments++
		}
		return nil
	})
	return ours, err
}
