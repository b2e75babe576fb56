package simulator_test

import (
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/payonce/payonce/provider"
)

// search is for the one payment of these tests.
func search() provider.FindRequest {
	return provider.FindRequest{PaymentID: "pay_1", MerchantID: "mer_1", Amount: 1999, Currency: "USD", Since: time.Now()}
}

func TestASlowVisibleIntentShowsEveryStateUntilItIsCharged(t *testing.T) {
	t.Parallel()
	for manual, last := range map[bool]string{false: "succeeded", true: "requires_capture"} {
		t.Run(last, func(t *testing.T) {
			t.Parallel()
			w := start(t, t.TempDir())
			c, ask := w.client(t, 20*time.Second), authorization("pm_sim_slow_visible_6000") // each state lasts two seconds
			ask.Manual = manual
			answered := make(chan provider.Result[provider.Intent], 1)
			go func() { answered <- c.Authorize(t.Context(), ask) }()
			var seen []string
			waitFor(t, func() bool {
				for _, res := range []provider.Result[provider.Intent]{c.Find(t.Context(), search())} {
					if res.Outcome == provider.NotFound {
						continue
					}
					byReference := c.Retrieve(t.Context(), res.Object.Reference)
					if res.Object.Failed || byReference.Outcome != provider.Answered {
						t.Fatalf("found %+v, by its reference %+v", res.Object, byReference)
					}
					if !slices.Contains(seen, res.Object.Status) {
						seen = append(seen, res.Object.Status)
					}
				}
				return slices.Contains(seen, last)
			})
			if want := []string{"requires_payment_method", "requires_confirmation", "processing", last}; !slices.Equal(seen, want) {
				t.Errorf("seen %q, want %q", seen, want)
			}
			if res := <-answered; res.Outcome != provider.Answered || res.Object.Status != last {
				t.Errorf("answered %+v %+v", res, res.Object)
			}
			if again := c.Authorize(t.Context(), ask); again.Outcome != provider.Answered || again.Object.Status != last {
				t.Errorf("sent again: %+v", again)
			}
			w.oneCharge(t, 1999, last, 2)
		})
	}
}

func TestAVisibleIntentIsChargedOnceAlsoAfterARestart(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	w := start(t, dir)
	ask := authorization("pm_sim_slow_visible_2000")
	if res := w.client(t, impatient).Authorize(t.Context(), ask); res.Outcome != provider.Unknown {
		t.Fatalf("first: %+v", res)
	}
	copied, _ := copyBook(t, dir) // a crash in the middle
	after := start(t, copied)
	res := after.client(t, 20*time.Second).Authorize(t.Context(), ask)
	if res.Outcome != provider.Answered || res.Object.Status != "succeeded" {
		t.Fatalf("after a restart: %+v", res)
	}
	after.oneCharge(t, 1999, "succeeded", 2)
}

func TestACanceledIntentIsNotChargedByItsOwnCall(t *testing.T) {
	t.Parallel()
	w := start(t, "")
	c, ask := w.client(t, 20*time.Second), authorization("pm_sim_slow_visible_3000")
	answered := make(chan provider.Result[provider.Intent], 1)
	go func() { answered <- c.Authorize(t.Context(), ask) }()
	var found provider.Result[provider.Intent]
	waitFor(t, func() bool {
		found = c.Find(t.Context(), search())
		return found.Outcome == provider.Answered
	})
	cancel := provider.CancelRequest{Key: "cancel", Reference: found.Object.Reference}
	for range 2 { // the second is a replay
		if res := c.Cancel(t.Context(), cancel); res.Outcome != provider.Answered || res.Object.Status != "canceled" {
			t.Fatalf("cancel: %+v", res)
		}
	}
	if res := <-answered; res.Outcome != provider.Unknown || res.HTTPStatus != http.StatusBadRequest {
		t.Errorf("the call that was confirming: %+v, want a refusal that comes with the intent", res)
	}
	if n := len(w.charges(t, "")); n != 0 {
		t.Errorf("%d charges", n)
	}
}

func TestOtherStatesOnTheWay(t *testing.T) {
	t.Parallel()
	for method, first := range map[string]string{"pm_sim_processing_300": "processing", "pm_sim_strange_300": "under_review"} {
		w := start(t, "")
		c := w.client(t, 10*time.Second)
		res := c.Authorize(t.Context(), authorization(method))
		if res.Outcome != provider.Answered || res.Object.Status != first {
			t.Fatalf("%s: %+v", method, res)
		}
		early := provider.CancelRequest{Key: "early", Reference: res.Object.Reference}
		if got := c.Cancel(t.Context(), early); got.Outcome == provider.Answered {
			t.Errorf("%s: canceled: %+v", method, got)
		}
		waitFor(t, func() bool { return c.Retrieve(t.Context(), res.Object.Reference).Object.Status == "succeeded" })
		w.oneCharge(t, 1999, "succeeded", 1)
	}
}

func TestAnUntriedIntentStaysUntilItIsCanceled(t *testing.T) {
	t.Parallel()
	w := start(t, "")
	ask := authorization("pm_sim_untried")
	if res := w.client(t, impatient).Authorize(t.Context(), ask); res.Outcome != provider.Unknown {
		t.Fatalf("first: %+v", res)
	}
	c := w.client(t, 10*time.Second)
	again := c.Authorize(t.Context(), ask)
	found := c.Find(t.Context(), search())
	if found.Outcome != provider.Answered || found.Object.Status != "requires_payment_method" || found.Object.Failed ||
		again.Object == nil || again.Object.Reference != found.Object.Reference {
		t.Fatalf("found %+v, sent again %+v", found.Object, again.Object)
	}
	res := c.Cancel(t.Context(), provider.CancelRequest{Key: "cancel", Reference: found.Object.Reference})
	if res.Outcome != provider.Answered || res.Object.Status != "canceled" || res.Object.CancellationReason != "abandoned" {
		t.Fatalf("cancel: %+v", res)
	}
}
