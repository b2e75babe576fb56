package reconcile

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/google/uuid"

	"github.com/payonce/payonce/idempotency"
	"github.com/payonce/payonce/idempotency/postgres"
	"github.com/payonce/payonce/models"
	"github.com/payonce/payonce/provider"
	"github.com/payonce/payonce/repository"
)

// The kinds of findings, each described in docs/runbook.md.
const (
	KindChargeNotHere       = "charge_not_here"
	KindChargeNotAtProvider = "charge_not_at_provider"
	KindChargeDiffers       = "charge_differs"
	KindSecondCharge        = "second_charge_at_provider"
	KindRefundNotHere       = "refund_not_here"
	KindRefundNotAtProvider = "refund_not_at_provider"
	KindRefundDiffers       = "refund_differs"
)

// Kinds lists them.
func Kinds() []string {
	return []string{
		KindChargeNotHere, KindChargeNotAtProvider, KindChargeDiffers, KindSecondCharge,
		KindRefundNotHere, KindRefundNotAtProvider, KindRefundDiffers,
	}
}

// Finding is one difference.
type Finding struct {
	Kind       string `json:"kind"`
	Merchant   string `json:"merchant_id"`
	Payment    string `json:"payment_id,omitempty"`
	Refund     string `json:"refund_id,omitempty"`
	Here       *State `json:"here"`        // null: not here
	AtProvider *State `json:"at_provider"` // null: not there
	New        bool   `json:"new"`         // no earlier run wrote it
	// Stored is false for a merchant that this database doesn't have: no merchant can be shown it.
	Stored bool `json:"stored"`
}

// State is how one side has it. Amounts are in minor units.
type State struct {
	Reference string `json:"reference,omitempty"` // the provider's
	Status    string `json:"status"`
	Amount    int64  `json:"amount"`
	Currency  string `json:"currency"`
	Captured  *int64 `json:"captured,omitempty"` // of a charge
	Held      *int64 `json:"held,omitempty"`     // of a charge
}

// found writes a finding about a row, or about one object of the provider's where reference names it, and hands it on.
func (r *run) found(ctx context.Context, k key, reference string, f Finding) error {
	f.Merchant = models.FormatID(models.PrefixMerchant, k.merchant)
	details, err := json.Marshal(map[string]any{"refund_id": optional(f.Refund), "here": f.Here, "at_provider": f.AtProvider})
	if err != nil {
		return fmt.Errorf("write the finding down: %w", err)
	}
	switch _, err := r.rows.Merchants.ByID(ctx, k.merchant); {
	case err == nil:
		f.Stored = true
		f.New, err = r.rows.Discrepancies.Add(ctx, &models.Discrepancy{
			MerchantID: k.merchant, ID: findingID(k, f.Kind, reference), Kind: f.Kind, PaymentID: parsed(f.Payment), Details: details,
		})
		if err != nil {
			return err
		}
	case !errors.Is(err, postgres.ErrNotFound):
		return err
	}
	r.sum.Findings++
	if f.New {
		r.sum.New++
	}
	return r.opt.Found(f)
}

// findingID follows from what a finding is about, so that it is one finding however often it is made.
func findingID(k key, kind, reference string) uuid.UUID {
	return idempotency.UUIDFrom("payonce/reconciliation/v1", k.merchant[:], k.id[:], []byte(kind), []byte(reference))
}

func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func parsed(payment string) *uuid.UUID {
	id, err := models.ParseID(models.PrefixPayment, payment)
	if err != nil {
		return nil
	}
	return &id
}

func paymentID(id uuid.UUID) string { return models.FormatID(models.PrefixPayment, id) }
func refundID(id uuid.UUID) string  { return models.FormatID(models.PrefixRefund, id) }

func chargeHere(p *repository.BookedPayment) *State {
	held := p.AmountAuthorized - p.AmountCaptured - p.AmountVoided
	s := &State{Status: string(p.Status), Amount: p.Amount, Currency: p.Currency, Captured: &p.AmountCaptured, Held: &held}
	if p.ProviderReference != nil {
		s.Reference = *p.ProviderReference
	}
	return s
}

func chargeThere(in *provider.Intent) *State {
	return &State{
		Reference: in.Reference, Status: in.Status, Amount: in.Amount, Currency: in.Currency,
		Captured: &in.AmountReceived, Held: &in.AmountCapturable,
	}
}

func refundHere(ours *repository.BookedRefund) *State {
	s := &State{Status: ours.Status, Amount: ours.Amount, Currency: ours.Currency}
	if ours.ProviderReference != nil {
		s.Reference = *ours.ProviderReference
	}
	return s
}

func refundThere(there *provider.Refund) *State {
	return &State{Reference: there.Reference, Status: there.Status, Amount: there.Amount, Currency: there.Currency}
}
