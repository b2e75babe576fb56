package reconcile_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/payonce/payonce/internal/reconcile"
	"github.com/payonce/payonce/models"
	"github.com/payonce/payonce/provider"
)

// disagreement is one state of both books, and what it comes to ("": they agree).
type disagreement struct {
	set  func(w *world)
	want string
}

func disagreements() map[string]disagreement {
	const (
		succeeded = models.PaymentSucceeded
		held      = models.PaymentRequiresCapture
		partly    = models.PaymentPartiallyCaptured
		failed    = models.PaymentFailed
	)
	return map[string]disagreement{
		"a charge in both":      {func(w *world) { w.paid() }, ""},
		"held in both":          {func(w *world) { w.charged(w.pay(held, 1999, 0, 0, "pi_1"), "requires_capture", 0, 1999) }, ""},
		"captured in part":      {func(w *world) { w.charged(w.pay(partly, 1999, 500, 0, "pi_1"), "requires_capture", 500, 1499) }, ""},
		"the rest released":     {func(w *world) { w.charged(w.pay(succeeded, 1999, 500, 1499, "pi_1"), "succeeded", 500, 0) }, ""},
		"failed, and untried":   {func(w *world) { w.charged(w.pay(failed, 0, 0, 0, "pi_1"), "requires_payment_method", 0, 0) }, ""},
		"failed, and not there": {func(w *world) { w.pay(failed, 0, 0, 0, "") }, ""},
		"money of a failed one": {func(w *world) { w.charged(w.pay(failed, 0, 0, 0, "pi_1"), "succeeded", 1999, 0) }, reconcile.KindChargeDiffers},
		"another amount":        {func(w *world) { w.charged(w.pay(succeeded, 1999, 1999, 0, "pi_1"), "succeeded", 2000, 0) }, reconcile.KindChargeDiffers},
		"still held":            {func(w *world) { w.charged(w.pay(succeeded, 1999, 1999, 0, "pi_1"), "requires_capture", 0, 1999) }, reconcile.KindChargeDiffers},
		"canceled there":        {func(w *world) { w.charged(w.pay(held, 1999, 0, 0, "pi_1"), "canceled", 0, 0) }, reconcile.KindChargeDiffers},
		"another currency": {func(w *world) {
			w.charged(w.pay(succeeded, 1999, 1999, 0, "pi_1"), "succeeded", 1999, 0).Currency = "USD"
		}, reconcile.KindChargeDiffers},
		"not at the provider":    {func(w *world) { w.pay(succeeded, 1999, 1999, 0, "pi_1") }, reconcile.KindChargeNotAtProvider},
		"held, without a name":   {func(w *world) { w.pay(held, 1999, 0, 0, "") }, reconcile.KindChargeNotAtProvider},
		"not here":               {func(w *world) { w.charged(w.lost(), "succeeded", 1999, 0) }, reconcile.KindChargeNotHere},
		"held, and not here":     {func(w *world) { w.charged(w.lost(), "requires_capture", 0, 1999) }, reconcile.KindChargeNotHere},
		"declined, and not here": {func(w *world) { w.charged(w.lost(), "requires_payment_method", 0, 0) }, ""},
		"two charges": {func(w *world) {
			again := w.paid()
			again.ProviderReference = nil
			w.charged(again, "succeeded", 1999, 0).Reference = "pi_second"
		}, reconcile.KindSecondCharge},
		"a second one without money": {func(w *world) {
			again := w.paid()
			again.ProviderReference = nil
			w.charged(again, "canceled", 0, 0).Reference = "pi_second"
		}, ""},
		"another program's": {func(w *world) {
			w.charged(w.lost(), "succeeded", 1999, 0).Metadata = map[string]string{"order": "1"}
		}, ""},
		"still open": {func(w *world) {
			p := w.pay(held, 1999, 0, 0, "pi_1")
			w.charged(p, "succeeded", 1999, 0)
			w.attempt(p, "capture", models.NewID(), "unknown", "")
		}, ""},
		"made under another key": {func(w *world) {
			w.exec("UPDATE payments SET provider = 'stripe:fedcba9876543210' WHERE id = ?", w.pay(succeeded, 1999, 1999, 0, "pi_1").ID)
		}, ""},
		"a refund in both":      {func(w *world) { p := w.paid(); w.returned(p, w.refund(p, "succeeded", "re_1"), "re_1", "succeeded") }, ""},
		"found by its payment":  {func(w *world) { p := w.paid(); w.returned(p, w.refund(p, "succeeded", ""), "re_1", "succeeded") }, ""},
		"failed in both":        {func(w *world) { p := w.paid(); w.returned(p, w.refund(p, "failed", "re_1"), "re_1", "failed") }, ""},
		"pending in both":       {func(w *world) { p := w.paid(); w.returned(p, w.refund(p, "pending", "re_1"), "re_1", "pending") }, ""},
		"refused at once":       {func(w *world) { w.refund(w.paid(), "failed", "") }, ""},
		"a refund not here":     {func(w *world) { w.returned(w.paid(), models.NewID(), "re_1", "succeeded") }, reconcile.KindRefundNotHere},
		"a failed one not here": {func(w *world) { w.returned(w.paid(), models.NewID(), "re_1", "failed") }, ""},
		"a refund by hand": {func(w *world) {
			w.returned(w.paid(), models.NewID(), "re_1", "succeeded").Metadata = nil
		}, reconcile.KindRefundNotHere},
		"another program's refund": {func(w *world) {
			p := w.lost()
			w.charged(p, "succeeded", 1999, 0).Metadata = nil
			re := w.returned(w.paid(), models.NewID(), "re_1", "succeeded")
			re.Metadata, re.Intent = nil, w.provider.intents[0].Reference
		}, ""},
		"a refund not there":  {func(w *world) { w.refund(w.paid(), "succeeded", "re_1") }, reconcile.KindRefundNotAtProvider},
		"one without a name":  {func(w *world) { w.refund(w.paid(), "succeeded", "") }, reconcile.KindRefundNotAtProvider},
		"failed after all":    {func(w *world) { p := w.paid(); w.returned(p, w.refund(p, "succeeded", "re_1"), "re_1", "failed") }, reconcile.KindRefundDiffers},
		"succeeded after all": {func(w *world) { p := w.paid(); w.returned(p, w.refund(p, "failed", "re_1"), "re_1", "succeeded") }, reconcile.KindRefundDiffers},
		"another amount given back": {func(w *world) {
			p := w.paid()
			w.returned(p, w.refund(p, "succeeded", "re_1"), "re_1", "succeeded").Amount = 501
		}, reconcile.KindRefundDiffers},
		"given back two times": {func(w *world) {
			p := w.paid()
			id := w.refund(p, "succeeded", "re_1")
			w.returned(p, id, "re_1", "succeeded")
			w.returned(p, id, "re_2", "succeeded")
		}, reconcile.KindRefundNotHere},
		"a refund still open": {func(w *world) {
			p := w.paid()
			id := w.refund(p, "pending", "")
			w.attempt(p, "refund", id, "unknown", "re_1")
			w.returned(p, id, "re_1", "succeeded")
		}, ""},
	}
}

// lost is a payment that only the provider remembers: what a failover took from our database.
func (w *world) lost() models.Payment {
	return models.Payment{MerchantID: w.merchant, ID: models.NewID(), CreatedAt: w.at()}
}

func TestEachDisagreementIsFoundOnce(t *testing.T) {
	t.Parallel()
	for name, tc := range disagreements() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			tc.set(w)
			first, found := w.run()
			if kinds(found) != tc.want || first.New != len(found) || w.discrepancies(w.merchant) != int64(len(found)) {
				t.Fatalf("got %+v in %+v, want %q, and all of it new and written", found, first, tc.want)
			}
			for _, f := range found {
				if !f.Stored || !f.New || f.Payment == "" || f.Merchant != models.FormatID(models.PrefixMerchant, w.merchant) {
					t.Errorf("got %+v, want a stored one with its merchant and payment", f)
				}
				if here := f.Here != nil; here == strings.HasSuffix(f.Kind, "_not_here") {
					t.Errorf("%s: got our side %+v", f.Kind, f.Here)
				}
				if there := f.AtProvider != nil; there == strings.HasSuffix(f.Kind, "_not_at_provider") {
					t.Errorf("%s: got the provider's side %+v", f.Kind, f.AtProvider)
				}
			}
			again, repeated := w.run()
			if kinds(repeated) != tc.want || again.New != 0 || w.discrepancies(w.merchant) != int64(len(found)) {
				t.Errorf("again: got %+v in %+v, want the same, and nothing new", repeated, again)
			}
		})
	}
}

func TestAFindingThatAPersonClosedStaysClosed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.pay(models.PaymentSucceeded, 1999, 1999, 0, "pi_1")
	w.run()
	w.exec("UPDATE discrepancies SET resolved_at = now(), resolution = 'ticket 7'")
	if sum, _ := w.run(); sum.Findings != 1 || sum.New != 0 {
		t.Errorf("got %+v, want the same one, not new", sum)
	}
	var resolution string
	if err := w.db.GORM().Raw("SELECT resolution FROM discrepancies").Scan(&resolution).Error; err != nil || resolution != "ticket 7" {
		t.Errorf("got the resolution %q, %v, want ticket 7", resolution, err)
	}
}

func TestEachMerchantHasItsOwnFindings(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.pay(models.PaymentSucceeded, 1999, 1999, 0, "pi_1")
	first := w.merchant
	w.merchant = w.newMerchant()
	w.paid()
	w.charged(w.lost(), "succeeded", 1999, 0)
	w.returned(w.paid(), models.NewID(), "re_1", "succeeded")
	second := w.merchant
	w.merchant = models.NewID() // of a database that is not this one
	w.charged(w.lost(), "succeeded", 1999, 0)
	sum, found := w.run()
	if sum.Charges != 4 || sum.Refunds != 1 || sum.Rows != 3 || len(found) != 4 {
		t.Errorf("got %+v with %+v, want 4 charges, a refund, 3 rows and 4 findings", sum, found)
	}
	if a, b := w.discrepancies(first), w.discrepancies(second); a != 1 || b != 2 {
		t.Errorf("got %d and %d discrepancies, want 1 and 2", a, b)
	}
	unknown := 0
	for _, f := range found {
		if !f.Stored {
			unknown++
		}
	}
	if unknown != 1 || w.discrepancies(w.merchant) != 0 {
		t.Errorf("got %d findings that aren't stored, want the unknown merchant's", unknown)
	}
}

// What was read of the two books was read at two moments.
func TestADifferenceThatIsOverWhenItIsLookedAtAgainIsNone(t *testing.T) {
	t.Parallel()
	t.Run("the provider moved on", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		in := w.charged(w.pay(models.PaymentSucceeded, 1999, 1999, 0, "pi_1"), "requires_capture", 0, 1999)
		w.provider.retrieve = func() { in.Status, in.AmountReceived, in.AmountCapturable = "succeeded", 1999, 0 }
		if _, found := w.run(); len(found) != 0 {
			t.Errorf("got %+v, want none", found)
		}
	})
	t.Run("our row moved on", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		p := w.pay(models.PaymentRequiresCapture, 1999, 0, 0, "pi_1")
		w.charged(p, "succeeded", 1999, 0)
		steps := []string{ // the first time the provider is ahead of us, and our row is on its way
			"UPDATE payments SET status = 'partially_captured', amount_captured = 500 WHERE id = ?",
			"UPDATE payments SET status = 'succeeded', amount_captured = 1999 WHERE id = ?",
		}
		w.provider.retrieve = func() {
			if len(steps) > 0 {
				w.exec(steps[0], p.ID)
				steps = steps[1:]
			}
		}
		if _, found := w.run(); len(found) != 0 {
			t.Errorf("got %+v, want none", found)
		}
	})
}

// A charge may be made outside the range whose row is inside: it was sent again later, or the clocks differ.
func TestARowWhoseChargeIsOutsideTheRangeIsAskedForByItsReference(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.charged(w.pay(models.PaymentSucceeded, 1999, 1999, 0, "pi_1"), "succeeded", 1999, 0).Created = w.until.Add(time.Hour)
	if sum, found := w.run(); len(found) != 0 || sum.Rows != 1 || w.provider.asked != 1 {
		t.Errorf("got %+v in %+v after asking for %d, want none after asking for one", found, sum, w.provider.asked)
	}
}

func TestAListThatFailsIsReadAgainAndThenEndsTheRun(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.paid()
	w.provider.failing = 2
	if sum, _ := w.run(); sum.Charges != 1 {
		t.Errorf("got %+v, want one charge after two failures", sum)
	}
	w.provider.failing = 1000
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := reconcile.Run(ctx, w.provider, w.rows, reconcile.Options{From: w.from, Until: w.until})
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, want the provider's failure", err)
	}
	if _, err := reconcile.Run(t.Context(), w.provider, w.rows, reconcile.Options{From: w.until, Until: w.until}); err == nil {
		t.Error("got no error for an empty range")
	}
}

var _ reconcile.Provider = (*provider.Client)(nil)
