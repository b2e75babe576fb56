package demopage

import (
	"context"
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/payonce/payonce/idempotency"
	"github.com/payonce/payonce/idempotency/postgres"
	"github.com/payonce/payonce/internal/naive"
	"github.com/payonce/payonce/middleware"
	"github.com/payonce/payonce/provider"
)

// mayCrash returns bind for requests that may ask to be abandoned between charge and commit.
func (p *Page) mayCrash(bind middleware.Bind[*postgres.Tx]) middleware.Bind[*postgres.Tx] {
	return func(c *gin.Context, req idempotency.Request) (idempotency.Work[*postgres.Tx], error) {
		work, err := bind(c, req)
		if a := attemptOf(c.Request.Context()); err == nil && work.External != nil && a != nil && a.crash {
			work.External = crash{work.External, func() { p.watch.abandon(req, a) }}
		}
		return work, err
	}
}

// crash is an operation whose owner is gone when the provider has answered.
type crash struct {
	idempotency.Operation[*postgres.Tx]

	abandon func()
}

// Call asks the provider and never returns. What a killed process leaves is left: the claim and its lease, the charge, and a
// connection that breaks. The engine takes a panic for just that: it releases nothing whose outcome it doesn't know.
func (o crash) Call(ctx context.Context) idempotency.Answer {
	o.Operation.Call(ctx)
	o.abandon()
	panic(http.ErrAbortHandler) //nolint:forbidigo // see above; net/http cuts the connection
}

// crashingProvider does the same to the plain service.
type crashingProvider struct{ naive.Provider }

// Authorize implements [naive.Provider].
func (c crashingProvider) Authorize(ctx context.Context, req provider.AuthorizeRequest) provider.Result[provider.Intent] {
	result := c.Provider.Authorize(ctx, req)
	if a := attemptOf(ctx); a != nil && a.crash {
		panic(http.ErrAbortHandler) //nolint:forbidigo // as above
	}
	return result
}
