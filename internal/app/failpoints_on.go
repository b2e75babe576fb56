//go:build failpoints

package app

import (
	"context"
	"net/http"

	"github.com/payonce/payonce/idempotency"
	"github.com/payonce/payonce/notifications"
	"github.com/payonce/payonce/test/failpoint"
)

// failpoints lets tests hold a request at a step of the protocol, through the admin listener.
type failpoints struct{ set *failpoint.Set }

func (f *failpoints) observe(next idempotency.Observer) idempotency.Observer {
	f.set = failpoint.New(next, notifications.StepClaimed, notifications.StepAnswered, notifications.StepRecorded)
	return f.set
}

// reach holds what is no request: the steps of a delivery.
func (f *failpoints) reach(_ context.Context, step idempotency.Step) { f.set.Reach(step) }

func (f *failpoints) serve(mux *http.ServeMux) { mux.Handle("/failpoints/", f.set) }
