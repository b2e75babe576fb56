// Package sleep pauses until a time is over or a context ends.
package sleep

import (
	"context"
	"time"
)

// For pauses for d and reports whether ctx still goes on. It returns at once when ctx has ended, or when d is not positive.
func For(ctx context.Context, d time.Duration) bool {
	if d <= 0 || ctx.Err() != nil {
		return ctx.Err() == nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
