package provider_test

import (
	"context"
	"testing"
	"time"

	"github.com/payonce/payonce/provider"
)

// slept is what a context looks like to a process whose machine was suspended: its timer has not run, because the
// monotonic clock stood still, but its deadline is over on the wall clock.
type slept struct {
	context.Context
	deadline time.Time
}

func (s slept) Deadline() (time.Time, bool) { return s.deadline, true }

// A process that sleeps after its last look at the time must not send: the provider may have forgotten the key.
func TestACallThatSleptBeforeItsFirstByteIsNotSent(t *testing.T) {
	t.Parallel()
	url, requests := answering(t, 200, "application/json", intentJSON)
	c := client(t, url)
	awake := slept{t.Context(), time.Now().Round(0).Add(time.Hour)}
	asleep := slept{t.Context(), time.Now().Round(0).Add(-time.Hour)} // without a monotonic reading
	cancel := provider.CancelRequest{Key: "key-2", Reference: "pi_1"}
	for round, reused := range []bool{false, true} { // on a fresh connection and on a kept-alive one
		if reused {
			if res := c.Authorize(awake, ask()); res.Outcome != provider.Answered {
				t.Fatalf("with time left: %+v", res)
			}
		}
		if res := c.Refund(asleep, refundOf("pi_1")); res.Outcome != provider.NotSent || res.Err == nil {
			t.Errorf("refund, connection reused %v: got %+v, want not_sent", reused, res)
		}
		for name, res := range map[string]provider.Result[provider.Intent]{
			"authorize": c.Authorize(asleep, ask()), "cancel": c.Cancel(asleep, cancel), "capture": c.Capture(asleep, captureOf("pi_1")),
		} {
			if res.Outcome != provider.NotSent || res.Err == nil || requests.Load() != int64(round) {
				t.Errorf("%s, connection reused %v: got %+v after %d requests, want not_sent", name, reused, res, requests.Load())
			}
			silent(t, res)
		}
	}
	if res := c.Retrieve(asleep, "pi_1"); res.Outcome != provider.Answered {
		t.Errorf("a look-up, which may be late: %+v", res)
	}
	if res := c.Authorize(awake, ask()); res.Outcome != provider.Answered {
		t.Errorf("afterwards: %+v", res)
	}
}

func TestAnAnswerToACancellationMustBeAboutItsIntent(t *testing.T) {
	t.Parallel()
	url, _ := answering(t, 200, "application/json", intentJSON)
	c := client(t, url)
	if res := c.Cancel(t.Context(), provider.CancelRequest{Key: "k", Reference: "pi_2"}); res.Outcome != provider.Unknown {
		t.Errorf("another intent: got %+v, want unknown", res)
	}
	for name, wrong := range map[string]provider.CancelRequest{
		"no key": {Reference: "pi_1"}, "no reference": {Key: "k"}, "a path": {Key: "k", Reference: "../x"},
	} {
		if res := c.Cancel(t.Context(), wrong); res.Outcome != provider.NotSent {
			t.Errorf("%s: got %+v, want not_sent", name, res)
		}
	}
}
