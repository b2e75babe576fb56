package faults

import (
	"net/http"
	"testing"

	"github.com/payonce/payonce/test/service"
)

// The client is gone, at whatever step: the work goes on under its own deadlines, and the retry replays it.
func TestF17TheClientHangsUpAtAnyStep(t *testing.T) {
	t.Parallel()
	w := open(t, options{env: unhurried(), harmed: roomy()})
	all := w.holdEverywhere(everyKind()...)
	for _, h := range all {
		h.hangUp()
	}
	w.collect(all)
	service.Wants(t, "a request that came after they had gone", w.client.Get("/healthz"), http.StatusOK, "")
	w.release()
	service.Until(t, "the work is done without them", func() bool {
		for _, h := range all {
			if !w.traces(h.key).whole(h.kind) {
				return false
			}
		}
		return true
	})
	if n := w.number("SELECT count(*) FROM idempotency_keys WHERE fence > 1"); n != 0 {
		t.Errorf("%d keys were left to others", n)
	}
	w.judge("F17", all, func(*held) class { return done })
}
