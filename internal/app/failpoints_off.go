//go:build !failpoints

package app

import (
	"context"
	"net/http"

	"github.com/payonce/payonce/idempotency"
)

// failpoints is nothing in a build for production: no step of the protocol can be held from outside.
type failpoints struct{}

func (failpoints) observe(next idempotency.Observer) idempotency.Observer { return next }
func (failpoints) reach(context.Context, idempotency.Step)                {}
func (failpoints) serve(*http.ServeMux)                                   {}
