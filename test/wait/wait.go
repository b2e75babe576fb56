// Package wait is how a test waits for a condition.
package wait

import (
	"testing"
	"time"
)

// Within asks every few milliseconds until ok, and fails the test when the limit is over.
func Within(t testing.TB, limit time.Duration, what string, ok func() bool) {
	t.Helper()
	deadline, tick := time.After(limit), time.NewTicker(5*time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-deadline:
			t.Fatalf("not within %s: %s", limit, what)
		case <-tick.C:
		}
	}
}
