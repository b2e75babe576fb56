package simulator_test

import (
	"strings"
	"testing"
	"time"

	"github.com/payonce/payonce/provider"
)

// later is one operation on a charge, and how much of it is done is seen.
type later struct {
	name    string
	manual  bool // it needs money that is held
	ask     func(t *testing.T, c *provider.Client, intent string) (provider.Outcome, error)
	done    func(c charge) bool
	entries func(c charge) []moved // how often it happened, and how often it was asked for
}

func laterOperations() []later {
	return []later{
		{
			"capture", true,
			func(t *testing.T, c *provider.Client, intent string) (provider.Outcome, error) {
				t.Helper()
				res := c.Capture(t.Context(), provider.CaptureRequest{
					Currency: "USD",
					Key:      "capture-1", Reference: intent, Amount: 500, OperationID: "cap_1", PaymentID: "pay_1", MerchantID: "mer_1",
				})
				return res.Outcome, res.Err
			},
			func(c charge) bool { return c.Status == "requires_capture" && c.AmountCaptured == 500 },
			func(c charge) []moved { return c.Captures },
		},
		{
			"cancel", true,
			func(t *testing.T, c *provider.Client, intent string) (provider.Outcome, error) {
				t.Helper()
				res := c.Cancel(t.Context(), provider.CancelRequest{Key: "cancel-1", Reference: intent})
				return res.Outcome, res.Err
			},
			func(c charge) bool { return c.Status == "canceled" && c.AmountCaptured == 0 },
			func(charge) []moved { return nil },
		},
		{
			"refund", false,
			func(t *testing.T, c *provider.Client, intent string) (provider.Outcome, error) {
				t.Helper()
				res := c.Refund(t.Context(), provider.RefundRequest{
					Currency: "USD",
					Key:      "refund-1", Reference: intent, Amount: 500, OperationID: "re_ours", PaymentID: "pay_1", MerchantID: "mer_1",
				})
				return res.Outcome, res.Err
			},
			func(c charge) bool { return c.AmountRefunded == 500 },
			func(c charge) []moved { return c.Refunds },
		},
	}
}

// pay makes a charge that goes well.
func (w world) pay(t *testing.T, method string, manual bool) (intent string) {
	t.Helper()
	ask := authorization(method)
	ask.Manual = manual
	res := w.client(t, 10*time.Second).Authorize(t.Context(), ask)
	want := map[bool]string{true: "requires_capture", false: "succeeded"}[manual]
	if res.Outcome != provider.Answered || res.Object.Status != want {
		t.Fatalf("%s: %+v, want an intent that is %s", method, res, want)
	}
	return res.Object.Reference
}

// onlyCharge is the one that these tests make.
func (w world) onlyCharge(t *testing.T) charge {
	t.Helper()
	all := w.charges(t, "?all=true")
	if len(all) != 1 {
		t.Fatalf("got %d charges, want 1", len(all))
	}
	return all[0]
}

func TestEachFaultOfALaterOperationLeavesItDoneAtMostOnce(t *testing.T) {
	t.Parallel()
	faults := []struct {
		name          string
		first, second provider.Outcome
		atFirst, ever bool // whether it is done after the first call, and after the second
	}{
		{"slow_50", provider.Answered, provider.Answered, true, true},
		{"timeout_done", provider.Unknown, provider.Answered, true, true},
		{"timeout_not_done", provider.Unknown, provider.Answered, false, true},
		{"error_then_ok", provider.Unknown, provider.Answered, false, true},
		{"error_stored", provider.Unknown, provider.Unknown, false, false},
		{"reset_done", provider.Unknown, provider.Answered, true, true},
		{"declined", provider.Declined, provider.Declined, false, false},
	}
	for _, op := range laterOperations() {
		for _, fault := range faults {
			for _, chosen := range []bool{false, true} {
				name := op.name + "/" + fault.name
				if chosen {
					name += " chosen for the call"
				}
				t.Run(name, func(t *testing.T) {
					t.Parallel()
					w := start(t, t.TempDir())
					method := "pm_sim_" + op.name + "_" + fault.name
					if chosen {
						method = "pm_card_visa"
						w.choose(t, op.name, fault.name, 1)
					}
					intent := w.pay(t, method, op.manual)
					timeout := 10 * time.Second
					if strings.Contains(fault.name, "timeout") {
						timeout = impatient
					}
					w.twice(t, op, intent, w.client(t, timeout), map[bool]provider.Outcome{false: fault.first, true: fault.second},
						map[bool]bool{false: fault.atFirst, true: fault.ever})
				})
			}
		}
	}
}

// twice asks for the operation, and then again with the same key.
func (w world) twice(t *testing.T, op later, intent string, first *provider.Client, outcome map[bool]provider.Outcome, done map[bool]bool) {
	t.Helper()
	c := first
	for _, again := range []bool{false, true} {
		want := outcome[again]
		if want == provider.Declined && op.name == "cancel" {
			want = provider.Unknown // no answer to a cancellation
		}
		if got, err := op.ask(t, c, intent); got != want {
			t.Fatalf("again %v: got %s (%v), want %s", again, got, err, want)
		}
		// A client that gave up early may have done so before anything was done.
		waitFor(t, func() bool { return op.done(w.onlyCharge(t)) == done[again] })
		c = w.client(t, 10*time.Second)
	}
	if entries := op.entries(w.onlyCharge(t)); len(entries) > 1 || (len(entries) == 1 && (entries[0].Amount != 500 || entries[0].Requests != 2)) {
		t.Errorf("got %+v, want one of 500 with 2 requests", entries)
	}
}

func TestAWrongAmountOfACaptureOrRefundIsAnotherOneThanAsked(t *testing.T) {
	t.Parallel()
	w := start(t, "")
	c := w.client(t, 10*time.Second)
	intent := w.pay(t, "pm_sim_capture_wrong_amount", true)
	ask := provider.CaptureRequest{Currency: "USD", Key: "c", Reference: intent, Amount: 1999, Final: true, OperationID: "cap_1", PaymentID: "pay_1", MerchantID: "mer_1"}
	if res := c.Capture(t.Context(), ask); res.Outcome != provider.Answered || res.Object.AmountReceived != 1998 {
		t.Errorf("capture of all: got %+v, want 1998 received", res.Object)
	}
	w.choose(t, "refund", "wrong_amount", 1)
	back := provider.RefundRequest{Currency: "USD", Key: "r", Reference: intent, Amount: 500, OperationID: "re_ours", PaymentID: "pay_1", MerchantID: "mer_1"}
	if res := c.Refund(t.Context(), back); res.Outcome != provider.Answered || res.Object.Amount != 501 {
		t.Errorf("refund: got %+v, want 501", res.Object)
	}
}

func TestARefundMovesOnByItself(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		first, last string
		back        int64 // what counts as refunded at the end
	}{
		"pending_then_succeeded_300": {"pending", "succeeded", 1999},
		"pending_then_failed_3000":   {"pending", "failed", 0},
		"succeeded_then_failed_3000": {"succeeded", "failed", 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			w := start(t, dir)
			c := w.client(t, 10*time.Second)
			intent := w.pay(t, "pm_sim_refund_"+name, false)
			ask := provider.RefundRequest{Currency: "USD", Key: "r", Reference: intent, Amount: 1999, OperationID: "re_ours", PaymentID: "pay_1", MerchantID: "mer_1"}
			made := c.Refund(t.Context(), ask)
			if made.Outcome != provider.Answered || made.Object.Status != tc.first || w.onlyCharge(t).AmountRefunded != 1999 {
				t.Fatalf("got %+v, want %s", made.Object, tc.first)
			}
			copied, _ := copyBook(t, dir) // a crash on the way
			for _, w := range []world{w, start(t, copied)} {
				c := w.client(t, 10*time.Second)
				waitFor(t, func() bool { return c.RetrieveRefund(t.Context(), made.Object.Reference).Object.Status == tc.last })
				found := c.FindRefund(t.Context(), provider.FindRefundRequest{Intent: intent, OperationID: "re_ours", MerchantID: "mer_1"})
				if found.Outcome != provider.Answered || (found.Object.FailureReason != "") != (tc.last == "failed") {
					t.Errorf("found %+v, want %s", found.Object, tc.last)
				}
				if got := w.onlyCharge(t); got.AmountRefunded != tc.back || len(got.Refunds) != 1 || got.Refunds[0].Status != tc.last {
					t.Errorf("charge: got %+v, want %d refunded", got, tc.back)
				}
			}
			ask.Key, ask.OperationID = "r2", "re_second"
			again := c.Refund(t.Context(), ask)
			if free := tc.back == 0; (again.Outcome == provider.Answered) != free || (!free && again.Code != "charge_already_refunded") {
				t.Errorf("a second refund: got %+v, want one only after a failed one", again)
			}
		})
	}
}

func TestAFinalCaptureOfNothingReleasesWhatIsLeft(t *testing.T) {
	t.Parallel()
	w := start(t, "")
	c := w.client(t, 10*time.Second)
	intent := w.pay(t, "pm_card_visa", true)
	part := provider.CaptureRequest{Currency: "USD", Key: "c1", Reference: intent, Amount: 500, OperationID: "cap_1", PaymentID: "pay_1", MerchantID: "mer_1"}
	release := part
	release.Key, release.Amount, release.Final, release.OperationID = "c2", 0, true, "cap_2"
	if res := c.Capture(t.Context(), release); res.Outcome != provider.Refused {
		t.Errorf("of nothing that was captured: got %+v, want refused", res)
	}
	if res := c.Capture(t.Context(), part); res.Outcome != provider.Answered || res.Object.Metadata["operation_id"] != "cap_1" {
		t.Fatalf("part: %+v", res)
	}
	release.Key = "c3"
	res := c.Capture(t.Context(), release)
	if res.Outcome != provider.Answered || res.Object.Status != "succeeded" || res.Object.AmountReceived != 500 || res.Object.AmountCapturable != 0 {
		t.Fatalf("release: got %+v, want succeeded with 500", res.Object)
	}
	got := w.onlyCharge(t)
	if len(got.Captures) != 2 || got.Captures[0].Status != "succeeded" || got.Captures[0].OperationID != "cap_1" ||
		got.Captures[1].Status != "released" || got.Captures[1].OperationID != "cap_2" || got.AmountCaptured != 500 {
		t.Errorf("charge: got %+v, want a capture and a release", got)
	}
	part.Key = "c4"
	if late := c.Capture(t.Context(), part); late.Outcome != provider.Refused || late.Object == nil || late.Object.Status != "succeeded" {
		t.Errorf("after the end: got %+v, want refused, with the intent", late)
	}
}

func TestTheListOfRefundsShowsWhoAskedForThem(t *testing.T) {
	t.Parallel()
	w := start(t, "")
	c := w.client(t, 10*time.Second)
	intent := w.pay(t, "pm_card_visa", false)
	ask := provider.RefundRequest{Currency: "USD", Key: "r1", Reference: intent, Amount: 500, OperationID: "re_1", PaymentID: "pay_1", MerchantID: "mer_1", Reason: "too small"}
	for _, key := range []string{"r1", "r1", "r2"} {
		ask.Key = key
		if res := c.Refund(t.Context(), ask); res.Outcome != provider.Answered || res.Object.Metadata["reason"] != "too small" {
			t.Fatalf("%s: %+v", key, res)
		}
	}
	all := w.refunds(t, "")
	if len(all) != 2 || all[0].IdempotencyKey != "r2" || all[1].Requests != 2 || all[1].OperationID != "re_1" ||
		all[1].PaymentIntent != intent || all[1].Currency != "usd" || all[1].Status != "succeeded" || all[1].Metadata["payment_id"] != "pay_1" {
		t.Errorf("got %+v, want the newest first, and two requests under r1", all)
	}
	for query, want := range map[string]int{"?limit=1": 1, "?idempotency_key=r1": 1, "?payment_id=pay_1": 2, "?payment_id=pay_2": 0} {
		if got := w.refunds(t, query); len(got) != want {
			t.Errorf("%s: got %d, want %d", query, len(got), want)
		}
	}
	for _, path := range []string{"/simulator/refunds?colour=red", "/simulator/charges?limit=0"} {
		if got := w.get(t, path); got.status != 400 {
			t.Errorf("%s: got %+v, want 400", path, got)
		}
	}
}
