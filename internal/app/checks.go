package app

import (
	"context"
	"time"

	"github.com/google/uuid"
)

// firstCheck is the pause before a payment without an answer from the provider is looked up.
const firstCheck = time.Second

// requestCheck asks for a check of an unresolved payment without making its reader wait. When many are asked for at once, some
// are left to the recovery, which checks them anyway.
func (a *App) requestCheck(ctx context.Context, merchant, payment uuid.UUID) {
	select {
	case a.checks <- struct{}{}:
	default:
		return
	}
	a.background.Go(func() {
		defer func() { <-a.checks }()
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		if err := a.operations.RequestCheck(ctx, merchant, payment); err != nil {
			a.Log.DebugContext(ctx, "check not asked for", "error", err)
		}
	})
}
