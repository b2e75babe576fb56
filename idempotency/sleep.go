package idempotency

import (
	"context"
	"time"
)

// sleep pauses for d; false when the context ended first. The rest of payonce has internal/sleep, which this package does not
// import: it stands on the standard library only.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
