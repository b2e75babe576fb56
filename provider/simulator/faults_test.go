package simulator_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/payonce/payonce/provider"
)

// impatient is the client's deadline where a fault is meant to exceed it. Even a busy machine sends a request within it.
const impatient = time.Second

func TestEachFaultLeavesAtMostOneCharge(t *testing.T) {
	t.Parallel()
	cases := []struct {
		method        string
		first, second provider.Outcome
		atFirst       int // charges after the first call
		amount        int64
	}{
		{"pm_sim_slow_50", provider.Answered, provider.Answered, 1, 1999},
		{"pm_sim_timeout_charged", provider.Unknown, provider.Answered, 1, 1999},
		{"pm_sim_timeout_not_charged", provider.Unknown, provider.Answered, 0, 1999},
		{"pm_sim_error_then_ok", provider.Unknown, provider.Answered, 0, 1999},
		{"pm_sim_reset_charged", provider.Unknown, provider.Answered, 1, 1999},
		{"pm_sim_wrong_amount", provider.Answered, provider.Answered, 1, 2000},
	}
	for _, tc := range cases {
		t.Run(tc.method, func(t *testing.T) {
			t.Parallel()
			w := start(t, t.TempDir())
			timeout := 10 * time.Second
			if strings.Contains(tc.method, "timeout") {
				timeout = impatient
			}
			ask := authorization(tc.method)
			if res := w.client(t, timeout).Authorize(t.Context(), ask); res.Outcome != tc.first {
				t.Fatalf("first: %+v, want %s", res, tc.first)
			}
			// A client that gave up early may have done so before the charge was made.
			waitFor(t, func() bool { return len(w.charges(t, "")) == tc.atFirst })
			again := w.client(t, 10*time.Second).Authorize(t.Context(), ask)
			if again.Outcome != tc.second || again.Object.Amount != tc.amount {
				t.Fatalf("second: %+v %+v", again, again.Object)
			}
			w.oneCharge(t, tc.amount, "succeeded", 2)
		})
	}
}

func TestAManualFaultHoldsTheMoneyOnce(t *testing.T) {
	t.Parallel()
	w := start(t, "")
	ask := authorization("pm_sim_reset_charged")
	ask.Manual = true
	c := w.client(t, 10*time.Second)
	if res := c.Authorize(t.Context(), ask); res.Outcome != provider.Unknown {
		t.Fatalf("first: %+v", res)
	}
	find := provider.FindRequest{PaymentID: "pay_1", MerchantID: "mer_1", Amount: 1999, Currency: "USD", Since: time.Now()}
	found := c.Find(t.Context(), find)
	if found.Outcome != provider.Answered || found.Object.Status != "requires_capture" || found.Object.AmountCapturable != 1999 {
		t.Fatalf("find: %+v %+v", found, found.Object)
	}
	w.oneCharge(t, 1999, "requires_capture", 1)
}

func TestAWrongAmountIsAnsweredForTheCallerToSee(t *testing.T) {
	t.Parallel()
	w := start(t, "")
	c := w.client(t, 10*time.Second)
	c.Authorize(t.Context(), authorization("pm_sim_wrong_amount"))
	find := provider.FindRequest{PaymentID: "pay_1", MerchantID: "mer_1", Amount: 1999, Currency: "USD", Since: time.Now()}
	if r := c.Find(t.Context(), find); r.Outcome != provider.Answered || r.Object.Amount != 2000 {
		t.Fatalf("find: %+v %+v", r, r.Object)
	}
}

func TestDeclinesAreFinalAndRepeatThemselves(t *testing.T) {
	t.Parallel()
	for method, code := range map[string]string{
		"pm_card_chargeDeclined":                  "generic_decline",
		"pm_card_chargeDeclinedInsufficientFunds": "insufficient_funds",
	} {
		t.Run(method, func(t *testing.T) {
			t.Parallel()
			w := start(t, "")
			c := w.client(t, 10*time.Second)
			for range 2 {
				res := c.Authorize(t.Context(), authorization(method))
				if res.Outcome != provider.Declined || res.Code != "card_declined" || res.DeclineCode != code || res.Err != nil {
					t.Fatalf("%+v", res)
				}
				if res.Object == nil || res.Object.Status != "requires_payment_method" || res.Object.DeclineCode != code {
					t.Fatalf("declined intent: %+v", res.Object)
				}
				if r := c.Retrieve(t.Context(), res.Object.Reference); r.Outcome != provider.Answered || r.Object.DeclineCode != code {
					t.Fatalf("retrieve: %+v", r)
				}
			}
			if n := len(w.charges(t, "")); n != 0 {
				t.Fatalf("%d charges", n)
			}
			if all := w.charges(t, "?all=true"); len(all) != 1 || all[0].Requests != 2 {
				t.Fatalf("all: %+v", all)
			}
		})
	}
}

func TestAStoredErrorIsNeverCharged(t *testing.T) {
	t.Parallel()
	w := start(t, "")
	c := w.client(t, 10*time.Second)
	for range 3 {
		if res := c.Authorize(t.Context(), authorization("pm_sim_error_stored")); res.Outcome != provider.Unknown || res.HTTPStatus != 500 {
			t.Fatalf("%+v", res)
		}
	}
	if all := w.charges(t, "?all=true"); len(all) != 0 {
		t.Fatalf("charges: %+v", all)
	}
}

func TestAnUnknownPaymentMethodIsRefused(t *testing.T) {
	t.Parallel()
	w := start(t, "")
	for _, method := range []string{"pm_nothing", "pm_sim_slow_visible_60001", "pm_sim_processing_", "pm_sim_strange_x", "pm_sim_slow_60001", "pm_sim_slow_", "pm_sim_slow_-1"} {
		res := w.client(t, 10*time.Second).Authorize(t.Context(), authorization(method))
		if res.Outcome != provider.Refused || res.Code != "resource_missing" || res.HTTPStatus != http.StatusBadRequest {
			t.Fatalf("%s: %+v", method, res)
		}
	}
}

func TestASlowProviderChargesAlthoughTheClientHasGone(t *testing.T) {
	t.Parallel()
	w := start(t, "")
	ask := authorization("pm_sim_slow_5000")
	if res := w.client(t, time.Second).Authorize(t.Context(), ask); res.Outcome != provider.Unknown {
		t.Fatalf("first: %+v", res)
	}
	patient := w.client(t, 10*time.Second)
	if res := patient.Authorize(t.Context(), ask); res.Outcome != provider.Unknown || res.HTTPStatus != http.StatusConflict {
		t.Fatalf("while the first is in flight: %+v", res)
	}
	waitFor(t, func() bool { return patient.Authorize(t.Context(), ask).Outcome == provider.Answered })
	if all := w.charges(t, ""); len(all) != 1 {
		t.Fatalf("charges: %+v", all)
	}
}

func TestClosingEndsASilentRequest(t *testing.T) {
	t.Parallel()
	w := start(t, "")
	ended := make(chan provider.Result[provider.Intent], 1)
	go func() {
		ended <- w.client(t, 30*time.Second).Authorize(t.Context(), authorization("pm_sim_timeout_charged"))
	}()
	waitFor(t, func() bool { return len(w.charges(t, "")) == 1 })
	if err := w.sim.Close(); err != nil {
		t.Fatal(err)
	}
	if res := <-ended; res.Outcome != provider.Unknown {
		t.Fatalf("%+v", res)
	}
}

// waitFor asks until done says yes, for at most 10 s.
func waitFor(t *testing.T, done func() bool) {
	t.Helper()
	deadline := time.After(10 * time.Second)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !done() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatal("condition not met within 10 s")
		}
	}
}
