//go:build failpoints

package app

import (
	"net/http"

	"github.com/payonce/payonce/idempotency"
	"github.com/payonce/payonce/test/failpoint"
)

// failpoints lets tests hold a request at a step of the protocol, through the admin listener.
type failpoints struct{ set *failpoint.Set }

func (f *failpoints) observe(next idempotency.Observer) idempotency.Observer {
	f.set = failpoint.New(next)
	return f.set
}

func (f *failpoints) serve(mux *http.ServeMux) { mux.Handle("/failpoints/", f.set) }
