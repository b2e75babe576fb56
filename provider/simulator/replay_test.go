package simulator_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/payonce/payonce/provider"
	"github.com/payonce/payonce/provider/simulator"
)

// busyDay does a little of everything, and answers what was answered to the keys of refunds and captures.
func busyDay(t *testing.T, w world) {
	t.Helper()
	c := w.client(t, 10*time.Second)
	held := w.pay(t, "pm_card_visa", true)
	capture := provider.CaptureRequest{Currency: "USD", Reference: held, OperationID: "cap", PaymentID: "pay_1", MerchantID: "mer_1"}
	for i, amount := range []int64{500, 300, 0} {
		capture.Key, capture.Amount, capture.Final = fmt.Sprintf("c%d", i), amount, amount == 0
		if res := c.Capture(t.Context(), capture); res.Outcome != provider.Answered {
			t.Fatalf("capture of %d: %+v", amount, res)
		}
	}
	refund := provider.RefundRequest{Currency: "USD", Reference: held, OperationID: "re", PaymentID: "pay_1", MerchantID: "mer_1", Amount: 200}
	for i, fault := range []string{"pending_then_succeeded_50", "pending_then_failed_50", "error_then_ok", "reset_done", "succeeded_then_failed_50"} {
		w.choose(t, "refund", fault, 1)
		refund.Key = fmt.Sprintf("r%d", i)
		c.Refund(t.Context(), refund)
		c.Refund(t.Context(), refund)
	}
	waitFor(t, func() bool { return w.onlyCharge(t).AmountRefunded == 3*200 })
	ask := authorization("pm_card_visa")
	ask.Key, ask.Manual = "to-cancel", true
	second := c.Authorize(t.Context(), ask)
	if second.Outcome != provider.Answered {
		t.Fatalf("second charge: %+v", second)
	}
	canceled := second.Object.Reference
	c.Cancel(t.Context(), provider.CancelRequest{Key: "v", Reference: canceled})
	challenged := authorization("pm_card_authenticationRequired")
	challenged.ReturnURL = "https://shop.example"
	page := strings.TrimPrefix(c.Authorize(t.Context(), challenged).Object.NextActionURL, w.server.URL)
	w.answerPage(t, page, "succeed")
}

// Whichever line was the last one to reach the disk, whole or torn, the book is one of a moment, and work goes on from there.
func TestTheBookIsReadAfterAKillAtAnyLine(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	w := start(t, dir)
	busyDay(t, w)
	_, content := copyBook(t, dir)
	lines := strings.SplitAfter(strings.TrimSuffix(content, "\n"), "\n")
	if len(lines) < 15 {
		t.Fatalf("the book has %d lines, want some of everything", len(lines))
	}
	for kept := range len(lines) + 1 {
		for _, torn := range []string{"", `{"intent":{"account":"x`} {
			killed := t.TempDir()
			writeBook(t, killed, strings.Join(lines[:kept], "")+torn)
			if err := consistent(t, killed); err != nil {
				t.Fatalf("killed after line %d, torn %q: %v", kept, torn, err)
			}
		}
	}
	if got, want := bookOf(t, dir, w), bookOf(t, writeCopy(t, content), world{}); got != want {
		t.Errorf("replayed: got %s, want %s", want, got)
	}
}

// bookOf is what the lists show: of a running simulator, or of one that replays dir.
func bookOf(t *testing.T, dir string, w world) string {
	t.Helper()
	if w.sim == nil {
		w = start(t, dir)
	}
	return fmt.Sprintf("%+v %+v", w.charges(t, "?all=true"), w.refunds(t, ""))
}

func writeCopy(t *testing.T, content string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	writeBook(t, dir, content)
	return dir
}

// consistent replays a book and adds up what it shows.
func consistent(t *testing.T, dir string) error {
	t.Helper()
	sim, err := simulator.Open(simulator.Config{Dir: dir})
	if err != nil {
		return err
	}
	w := serve(t, sim)
	for _, c := range w.charges(t, "?all=true") {
		var captured, refunded int64
		for _, m := range c.Captures {
			captured += m.Amount
		}
		for _, m := range c.Refunds {
			if m.Status != "failed" {
				refunded += m.Amount
			}
		}
		wrong := refunded != c.AmountRefunded || refunded > c.AmountCaptured || c.AmountCaptured > c.Amount ||
			(len(c.Captures) > 0 && captured != c.AmountCaptured)
		if wrong {
			return fmt.Errorf("%+v does not add up", c)
		}
	}
	if again := w.post(t, secret, "later", intents, form()); again.status != 200 {
		return fmt.Errorf("a new charge: %+v", again)
	}
	return nil
}
